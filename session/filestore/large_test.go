package filestore_test

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/filestore"
)

// largeBatch is 3.6 MB, and so several frames.
func largeBatch(seq int64) []session.Snapshot {
	all := make([]session.Snapshot, 1200)
	for index := range all {
		all[index] = sample
		all[index].Seq, all[index].Shard = seq, events.ShardID{Index: index, Total: len(all)}
		all[index].Presence = strings.Repeat("p", index*5)
	}
	return all
}

// TestLargeBatch: however much is saved at once is read by another process that has the file open, and by the next one.
func TestLargeBatch(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]filestore.Option{"plain": nil, "sealed": {filestore.WithKey(secret)}} {
		opts := append(opts, filestore.WithoutSync())
		path := file(t)
		s, other := open(t, path, opts...), open(t, path, opts...)
		all := largeBatch(1)
		all[17].Presence = strings.Repeat("q", 7<<20)
		has := func(who string, s *filestore.Store) {
			t.Helper()
			for _, want := range all {
				if got, err := s.Load(t.Context(), want.Shard); err != nil || got != want {
					t.Fatalf("%s: %s finds %v, %v", name, who, got, err)
				}
			}
		}
		must(t, s.Save(t.Context(), all...))
		has("who saves", s)
		has("another", other)
		must(t, s.Close(), other.Close())
		has("the next process", open(t, path, opts...))
	}
}

// TestRecordThatIsTooLarge is refused, and the store goes on with what there was.
func TestRecordThatIsTooLarge(t *testing.T) {
	t.Parallel()
	path := saved(t)
	s, other := open(t, path), open(t, path)
	large := sample
	large.Presence = strings.Repeat("p", 9<<20)
	for range 2 {
		if err := s.Save(t.Context(), large); err == nil || !strings.Contains(err.Error(), "too large") {
			t.Errorf("%v", err)
		}
	}
	holds(t, s)
	holds(t, other)
	must(t, s.Close(), other.Close())
	holds(t, open(t, path))
}

// TestDamagedLengthTakesNoMemory: it is not parallel, so that it is alone in what it measures.
func TestDamagedLengthTakesNoMemory(t *testing.T) {
	content, err := os.ReadFile(saved(t))
	must(t, err)
	for _, length := range []uint32{0, 100 << 20, 1 << 31, 1<<32 - 1} {
		binary.LittleEndian.PutUint32(content[1024:], length)
		path := file(t)
		must(t, os.WriteFile(path, content, 0o600))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s := open(t, path)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 50<<20 {
			t.Errorf("a frame that says %d bytes takes %d", length, took)
		}
		lost(t, s)
	}
}

// TestRecordThatCannotBeWritten costs itself, and says so: nothing of its batch is stored, and nothing that was is touched.
func TestRecordThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := open(t, saved(t))
	bad, beside := sample, sample
	bad.SavedAt = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) // a year that JSON does not know
	beside.Shard.Index++
	if err := s.Save(t.Context(), beside, bad); err == nil || !strings.Contains(err.Error(), "shard 3/8") {
		t.Errorf("Save: %v", err)
	}
	if got, err := s.Load(t.Context(), beside.Shard); !errors.Is(err, session.ErrNoSnapshot) {
		t.Errorf("what stood beside it: %v, %v", got, err)
	}
	holds(t, s)
}
