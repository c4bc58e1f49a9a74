package filestore

import (
	"bytes"
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

// Entry is the kind of an entry, and the shard that it names.
type Entry struct{ Kind, Index, Total int }

// Entries are what stands in a file that is not encrypted, as the first version of this package reads it.
func Entries(file []byte) (all []Entry, err error) {
	head, err := decodeHeader(file)
	if err != nil {
		return nil, err
	}
	r := frames{from: bytes.NewReader(file[framesAt:]), head: head, tail: tail{end: framesAt}, left: int64(len(file) - framesAt)}
	for r.left > 0 {
		payload, err := r.next()
		if err != nil {
			return nil, err
		}
		for len(payload) > 0 {
			number := func(at int) int { return int(int32(binary.LittleEndian.Uint32(payload[at:]))) }
			all = append(all, Entry{int(payload[0]), number(1), number(5)})
			payload = payload[21+number(17):]
		}
	}
	return all, nil
}
