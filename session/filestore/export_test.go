package filestore

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// OfVersion is a file as another version would have written it.
func OfVersion(file []byte, version uint32) []byte {
	file = slices.Clone(file)
	binary.LittleEndian.PutUint32(file[len(magic):], version)
	sum := sha256.Sum256(file[:headerSize-sumSize])
	copy(file[headerSize-sumSize:], sum[:sumSize])
	return file
}

// PassAMinute lets time pass since the file was last read as a whole.
func PassAMinute(s *Store) { s.checked = s.checked.Add(-2 * checkEvery) }

// Read is what of a file is looked at.
func Read(file []byte) []byte {
	file = slices.Clone(file)
	clear(file[min(headerSize, len(file)):min(markAt, len(file))])
	clear(file[min(markAt+markSize, len(file)):min(framesAt, len(file))])
	return file
}
