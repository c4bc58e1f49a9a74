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
