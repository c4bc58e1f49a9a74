package filestore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// Files of boltstore were databases of bbolt, which maps its file to memory and believes what is in it: damage could end the process. So they are
// read here, in a copy, and nothing is believed.
//
// Source: go.etcd.io/bbolt/internal/common (page.go, meta.go, bucket.go), format version 2.
const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2
	boltMost    = 1 << 30 // bytes of a file
	boltDepth   = 64

	boltPage    = 16 // head of a page: id, flags, count, overflow
	boltElement = 16
	boltMeta    = 64
	boltBranch  = 0x01
	boltLeaf    = 0x02
	boltBucket  = 0x01 // flag of an element
)

var native = binary.NativeEndian

// boltFile is a file of boltstore as far as it could be read.
type boltFile struct {
	known     contents
	discarded int   // records
	err       error // why not all could be read
}

// readBolt reads a file of boltstore, if it is one.
func readBolt(file *os.File, k key) (old boltFile, isBolt bool) {
	data, err := io.ReadAll(io.NewSectionReader(file, 0, boltMost))
	if err != nil {
		return old, false
	}
	size, root, isBolt := boltRoot(data)
	if !isBolt {
		return old, false
	}
	old.known = newContents()
	if size == 0 {
		old.err = damage("one of its two heads cannot be believed")
		return old, true
	}
	tree := boltTree{data: data, size: size, seen: make(map[uint64]bool)}
	old.err = tree.bucket(root, nil, func(name, value []byte) error {
		return tree.inner(value, func(key, record []byte) error {
			if err := old.take(string(name), string(key), record, k); err != nil {
				old.discarded++
			}
			return nil
		})
	})
	return old, true
}

// boltRoot is the root that the newer of both heads names. They are the first two pages. If one of them cannot be believed that may have been the newer, and the
// other one says how things were before: then size is 0.
func boltRoot(data []byte) (size, root uint64, isBolt bool) {
	var newest uint64
	whole := 0
	for at := 0; at <= 1<<16 && at+boltPage+boltMeta <= len(data); at = max(2*at, 512) {
		meta := data[at+boltPage : at+boltPage+boltMeta]
		if native.Uint32(meta) != boltMagic {
			continue
		}
		isBolt = true
		sum := fnv.New64a()
		sum.Write(meta[:56])
		says := uint64(native.Uint32(meta[8:]))
		if native.Uint32(meta[4:]) != boltVersion || native.Uint64(meta[56:]) != sum.Sum64() || says < 512 || at != 0 && uint64(at) != says {
			continue
		}
		whole++
		if txid := native.Uint64(meta[48:]); txid >= newest {
			size, root, newest = says, native.Uint64(meta[16:]), txid
		}
	}
	if whole != 2 {
		return 0, 0, isBolt
	}
	return size, root, isBolt
}

type boltTree struct {
	data []byte
	size uint64
	seen map[uint64]bool // pages: none belongs to two
}

var errBolt = damage("a page of it is altered or missing")

// inner reads a bucket within a bucket: it stands at a root of its own, or in the value itself.
func (t *boltTree) inner(value []byte, yield func(key, value []byte) error) error {
	if len(value) < 16 {
		return errBolt
	}
	return t.bucket(native.Uint64(value), value[16:], yield)
}

func (t *boltTree) bucket(root uint64, inline []byte, yield func(key, value []byte) error) error {
	if root == 0 {
		return t.walk(inline, 0, yield)
	}
	return t.page(root, 0, yield)
}

func (t *boltTree) page(id uint64, depth int, yield func(key, value []byte) error) error {
	pages := uint64(len(t.data)) / t.size
	if id < 2 || id >= pages || t.seen[id] || depth > boltDepth {
		return errBolt
	}
	t.seen[id] = true
	page := t.data[id*t.size:]
	more := uint64(native.Uint32(page[12:]))
	if native.Uint64(page) != id || more >= pages-id {
		return errBolt
	}
	return t.walk(page[:(more+1)*t.size], depth, yield)
}

// walk reads a page. What cannot be read of it does not keep the rest from being read. Behind the elements stand the keys and values, without gaps: so a count
// that is too low is noticed as well, of which nothing else tells.
func (t *boltTree) walk(page []byte, depth int, yield func(key, value []byte) error) (err error) {
	if len(page) < boltPage {
		return errBolt
	}
	flags, count := native.Uint16(page[8:]), int(native.Uint16(page[10:]))
	next := uint64(boltPage + count*boltElement)
	if flags != boltBranch && flags != boltLeaf || next > uint64(len(page)) || count == 0 && len(page) > boltPage {
		return errBolt
	}
	for i := range count {
		at := boltPage + i*boltElement
		element := page[at : at+boltElement]
		offset, first := native.Uint32(element[4:]), uint64(native.Uint32(element[8:]))
		if flags == boltBranch {
			offset, first = native.Uint32(element), uint64(native.Uint32(element[4:]))
		}
		from := uint64(at) + uint64(offset)
		middle := from + first
		if from != next || middle > uint64(len(page)) {
			err = errors.Join(err, errBolt)
		}
		if flags == boltBranch {
			next = middle
			err = errors.Join(err, t.page(native.Uint64(element[8:]), depth+1, yield))
			continue
		}
		end := middle + uint64(native.Uint32(element[12:]))
		if next = end; end > uint64(len(page)) || from < boltPage {
			err = errors.Join(err, errBolt)
			continue
		}
		err = errors.Join(err, yield(page[from:middle], page[middle:end]))
	}
	return err
}

// take takes in a record: a version, a checksum or a nonce, and a body.
func (old *boltFile) take(bucket, name string, record []byte, k key) error {
	body, err := unwrapBolt([]byte(bucket+"\x00"+name), record, k)
	if err != nil {
		return err
	}
	switch bucket {
	case "sessions":
		var snapshot session.Snapshot
		if err := json.Unmarshal(body, &snapshot); err != nil {
			return err
		}
		if name != fmt.Sprintf("%d/%d", snapshot.Shard.Index, snapshot.Shard.Total) {
			return errBolt
		}
		if body, err = json.Marshal(snapshot); err != nil {
			return err
		}
		return old.known.apply(appendEntry(nil, entrySession, snapshot.Shard, snapshot.Fence, body))
	case "ledger":
		var state ratelimit.LedgerState
		if err := json.Unmarshal(body, &state); err != nil {
			return err
		}
		return old.known.setLedger(state)
	}
	return errBolt
}

func unwrapBolt(place, record []byte, k key) ([]byte, error) {
	switch {
	case k.old == nil && len(record) > sha256.Size && record[0] == 1:
		body := record[1+sha256.Size:]
		if sum := sha256.Sum256(slices.Concat(place, []byte{0}, body)); !bytes.Equal(sum[:], record[1:1+sha256.Size]) {
			return nil, errBolt
		}
		return body, nil
	case k.old != nil && len(record) > 0 && record[0] == 2:
		return k.old.Open(nil, nil, record[1:], place)
	}
	return nil, damage("a record is of another version, or its encryption is another")
}

// migrate writes a file of boltstore anew. If not all of it can be read it is set aside, and the ledger is believed no more.
func (s *Store) migrate(old boltFile) error {
	now := time.Now()
	s.known = old.known
	if old.err == nil && old.discarded == 0 {
		s.log.Info("session file of an earlier version: it is written anew", zap.String("file", s.path), zap.Int("sessions", len(s.known.sessions)))
		return errors.Join(s.known.buryPermits(now), s.fresh())
	}
	s.log.Warn("session file of an earlier version cannot be read as a whole: it is set aside, and another one is begun", zap.String("file", s.path),
		zap.String("set_aside", s.path+".corrupt"), zap.Error(old.err), zap.Int("sessions_kept", len(s.known.sessions)), zap.Int("records_lost", old.discarded),
		zap.String("lost", "what could not be read, and which Identifies were spent: every key counts as just used"))
	if err := s.setAside(".corrupt"); err != nil {
		return err
	}
	return errors.Join(s.known.forgetLedger(now), s.fresh())
}
