package filestore_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/session/filestore"
)

var order = binary.NativeEndian

// boltPages are where the pages of a whole file of boltstore begin that hold its sessions: first the root, then its branch, then the leaves.
func boltPages(t *testing.T, file []byte) (size int, root, branch int, leaves []int) {
	t.Helper()
	size = int(order.Uint32(file[16+8:]))
	newest := 0
	if order.Uint64(file[size+16+48:]) > order.Uint64(file[16+48:]) {
		newest = size
	}
	root = size * int(order.Uint64(file[newest+16+16:]))
	last := root + 16*int(order.Uint16(file[root+10:])) // its element: "sessions" is behind "ledger"
	value := last + int(order.Uint32(file[last+4:])) + int(order.Uint32(file[last+8:]))
	branch = size * int(order.Uint64(file[value:]))
	for i := range int(order.Uint16(file[branch+10:])) {
		leaves = append(leaves, size*int(order.Uint64(file[branch+16+16*i+8:])))
	}
	if order.Uint16(file[root+8:]) != 2 || order.Uint16(file[branch+8:]) != 1 || len(leaves) < 3 {
		t.Fatalf("root %d, branch %d, leaves %v", root, branch, leaves)
	}
	return size, root, branch, leaves
}

// boltHarm opens a harmed file of boltstore: what was saved is there, or it is said that it is not. intact reports which; missing are the shards that are not there.
func boltHarm(t *testing.T, path, how string, content []byte) (intact bool, missing map[int]bool) {
	t.Helper()
	must(t, os.WriteFile(path, content, 0o600))
	s, logs := watched(t, path, filestore.WithoutSync())
	missing = make(map[int]bool)
	for _, want := range snapshots(1) {
		if got, err := s.Load(t.Context(), want.Shard); err != nil {
			missing[want.Shard.Index] = true
		} else if got != want {
			t.Errorf("%s: %v", how, got)
		}
	}
	state, err := s.LoadLedger(t.Context())
	must(t, err)
	aside, err := os.ReadFile(path + ".corrupt")
	intact = len(missing) == 0 && state.Remaining == spent.Remaining && state.Lost.IsZero() && logs.Len() == 0 && err != nil
	said := logs.Len() == 1 && time.Since(state.Lost) < time.Minute && bytes.Equal(aside, content)
	if !intact && !said {
		t.Errorf("%s: %d missing, ledger %+v, warnings %v, set aside: %v", how, len(missing), state, logs.All(), err)
	}
	must(t, s.Close())
	_ = os.Remove(path + ".corrupt")
	return intact, missing
}

// TestPagesOfBoltstoreThatAreAltered: no field of a page that is wrong does more than lose what is in that page, and that is said.
func TestPagesOfBoltstoreThatAreAltered(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(oldFile(t, nil, spent, snapshots(1)...))
	must(t, err)
	size, root, branch, leaves := boltPages(t, whole)
	path, noticed := file(t), 0
	for _, page := range append([]int{root, branch}, leaves[0], leaves[len(leaves)-1]) {
		count := int(order.Uint16(whole[page+10:]))
		last := page + 16*count
		try := func(field string, at, bytes int, must bool, values ...uint64) {
			for _, value := range values {
				content := append([]byte(nil), whole...)
				var b [8]byte
				order.PutUint64(b[:], value)
				copy(content[at:], b[:bytes])
				how := fmt.Sprintf("page %d, %s at %d is %d", page/size, field, at, value)
				intact, missing := boltHarm(t, path, how, content)
				if !intact {
					noticed++
				}
				if intact && must {
					t.Errorf("%s: it is not noticed", how)
				}
				for i, want := range snapshots(1) {
					key := fmt.Appendf(nil, "%d/%d", want.Shard.Index, damagedShards)
					if at := leafOf(whole, size, leaves, key); page != root && page != branch && at != page && missing[i] {
						t.Errorf("%s: shard %d is missing, which is in page %d", how, i, at/size)
					}
				}
			}
		}
		try("id", page, 8, true, 0, 1, uint64(page/size)+1, 1<<40, 1<<63)
		try("flags", page+8, 2, true, 0, 4, 16, 3-uint64(order.Uint16(whole[page+8:])))
		try("count", page+10, 2, true, 0, uint64(count)-1, uint64(count)+1, 1<<16-1)
		try("overflow", page+12, 4, false, 1, 2)
		try("overflow", page+12, 4, true, uint64(len(whole)/size), 1<<31, 1<<32-1)
		for _, element := range []int{page + 16, last} {
			for field := 0; field < 16; field += 4 {
				now := uint64(order.Uint32(whole[element+field:]))
				try("element", element+field, 4, false, 0, now+1, now-1, now+16, 1<<31, 1<<32-1)
			}
			if page == branch {
				try("child", element+8, 8, true, 0, 1, uint64(branch/size), uint64(leaves[1]/size), uint64(len(whole)/size), 1<<40, 1<<63)
			}
		}
	}
	if noticed < 100 {
		t.Errorf("%d were noticed", noticed)
	}
}

// leafOf is the leaf that has a key.
func leafOf(whole []byte, size int, leaves []int, key []byte) int {
	for _, leaf := range leaves {
		for i := range int(order.Uint16(whole[leaf+10:])) {
			element := leaf + 16 + 16*i
			from := element + int(order.Uint32(whole[element+4:]))
			if bytes.Equal(whole[from:from+int(order.Uint32(whole[element+8:]))], key) {
				return leaf
			}
		}
	}
	return -size
}

// TestRecordOfBoltstoreThatIsAltered is lost alone.
func TestRecordOfBoltstoreThatIsAltered(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(oldFile(t, nil, spent, snapshots(1)...))
	must(t, err)
	_, _, _, leaves := boltPages(t, whole)
	for _, leaf := range leaves {
		content := bytes.Clone(whole)
		end := leaf + 16 + int(order.Uint32(whole[leaf+16+4:])) + int(order.Uint32(whole[leaf+16+8:])) + int(order.Uint32(whole[leaf+16+12:]))
		content[end-3] ^= 4
		if _, missing := boltHarm(t, file(t), fmt.Sprint("in ", leaf), content); len(missing) != 1 {
			t.Errorf("%v are missing", missing)
		}
		content = bytes.Clone(whole)
		order.PutUint32(content[leaf+16+12:], 1<<31) // its length
		if _, missing := boltHarm(t, file(t), fmt.Sprint("too long, in ", leaf), content); len(missing) != 1 {
			t.Errorf("where the first is too long %v are missing", missing)
		}
	}
}

// TestHeadsOfBoltstoreThatCannotBe: with only one of the two that can be believed nothing is read, since that may be the older one.
func TestHeadsOfBoltstoreThatCannotBe(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(oldFile(t, nil, spent, snapshots(1)...))
	must(t, err)
	size := int(order.Uint32(whole[16+8:]))
	for name, c := range map[string]struct {
		at     int
		value  uint64
		bytes  int
		intact bool
	}{
		"as it is": {8, uint64(size), 4, true}, "an earlier version": {4, 1, 4, false}, "a later version": {4, 3, 4, false}, "a page of 0 bytes": {8, 0, 4, false},
		"a page of 511 bytes": {8, 511, 4, false}, "a page twice as large": {8, uint64(2 * size), 4, false}, "a page half as large": {8, uint64(size / 2), 4, false},
		"no root": {16, 0, 8, false}, "a root that is a head": {16, 1, 8, false}, "a root that is behind the end": {16, 1 << 40, 8, false},
	} {
		for heads := 1; heads < 4; heads++ {
			content := bytes.Clone(whole)
			for head := range 2 {
				if meta := content[head*size+16:]; heads&(1<<head) != 0 {
					var b [8]byte
					order.PutUint64(b[:], c.value)
					copy(meta[c.at:], b[:c.bytes])
					sum := fnv.New64a()
					sum.Write(meta[:56])
					order.PutUint64(meta[56:], sum.Sum64())
				}
			}
			how := fmt.Sprintf("%s, in %d", name, heads)
			intact, missing := boltHarm(t, file(t), how, content)
			older := order.Uint64(content[16+48:]) < order.Uint64(content[size+16+48:]) == (heads == 1) // and so it is not looked at
			harmless := c.at == 16 && heads < 3 || heads == 1 && (c.value == uint64(2*size) || c.value == uint64(size/2))
			if want := c.intact || older && harmless; intact != want || !want && len(missing) != damagedShards {
				t.Errorf("%s: %v, %d missing", how, intact, len(missing))
			}
		}
	}
	for head := range 2 {
		content := bytes.Clone(whole)
		content[head*size+16+60] ^= 1
		if intact, missing := boltHarm(t, file(t), "sum", content); intact || len(missing) != damagedShards {
			t.Errorf("head %d with a wrong sum: %d missing", head, len(missing))
		}
		clear(content[head*size:][:size])
		if intact, missing := boltHarm(t, file(t), "zero", content); intact || len(missing) != damagedShards {
			t.Errorf("head %d is zero: %d missing", head, len(missing))
		}
	}
}

// TestDeepFileOfBoltstore: a tree that goes deeper than any does is not followed for ever.
func TestDeepFileOfBoltstore(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(oldFile(t, nil, spent, snapshots(1)...))
	must(t, err)
	size, _, branch, leaves := boltPages(t, whole)
	for _, c := range []struct {
		levels int
		intact bool
	}{{10, true}, {60, true}, {100, false}} {
		content := bytes.Clone(whole)
		next := len(content) / size
		content = append(content, make([]byte, c.levels*size)...)
		element := branch + 16 // its first
		for level := range c.levels {
			page := content[(next+level)*size:]
			order.PutUint64(page, uint64(next+level))
			order.PutUint16(page[8:], 1)
			order.PutUint16(page[10:], 1)
			order.PutUint32(page[16:], 16) // its key, of no bytes, stands behind it
			order.PutUint64(content[element+8:], uint64(next+level))
			element = (next+level)*size + 16
		}
		order.PutUint64(content[element+8:], uint64(leaves[0]/size))
		intact, missing := boltHarm(t, file(t), fmt.Sprint(c.levels, " levels"), content)
		if intact != c.intact || len(missing) == damagedShards {
			t.Errorf("%d levels: %d missing", c.levels, len(missing))
		}
	}
}
