package filestore_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/filestore"
)

// overwrite changes a file in place, as who has it open does.
func overwrite(t *testing.T, path string, content []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	must(t, err)
	_, err = f.WriteAt(content, 0)
	must(t, err, f.Truncate(int64(len(content))), f.Close())
}

// saving is a file before and after another process saves into it.
func saving(t *testing.T, path string, later session.Snapshot, opts ...filestore.Option) (before, after []byte) {
	t.Helper()
	s := open(t, path, opts...)
	before, err := os.ReadFile(path)
	must(t, err, s.Save(t.Context(), later))
	after, err = os.ReadFile(path)
	must(t, err, s.Close())
	if len(after) <= len(before) || !bytes.Equal(after[1024:len(before)], before[1024:]) {
		t.Fatalf("it is not appended: %d bytes after %d", len(after), len(before))
	}
	return before, after
}

// TestSaveThatWasKilledCountsAsAWholeOrNotAtAll, wherever, and whether the file is opened then or another process has it open. There is nothing to warn of.
func TestSaveThatWasKilledCountsAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	later, next := sample, sample
	later.Seq, next.Shard.Index = 100, 5
	for name, opts := range map[string][]filestore.Option{"plain": nil, "sealed": {filestore.WithKey(secret)}} {
		opts := append(opts, filestore.WithoutSync())
		cut, whole := 0, 1
		for n := 0; cut <= whole && !t.Failed(); n++ {
			meanwhile, room := n%2 == 1, n/2%2 == 1
			path := file(t)
			s, logs := watched(t, path, opts...)
			must(t, s.Save(t.Context(), sample))
			before, after := saving(t, path, later, opts...)
			if !meanwhile {
				must(t, s.Close())
			}
			whole = len(after) - len(before)
			what := fmt.Sprintf("%s, %d of %d bytes, with room behind: %v, while it is open: %v", name, cut, whole, room, meanwhile)
			content := slices.Clone(after[:len(before)+cut])
			copy(content, before) // without the mark
			want := sample
			if cut == whole && meanwhile {
				break // it counts, but is not marked
			} else if cut == whole {
				want = later
			} else if room { // that was taken, and not written to yet
				content = append(content, make([]byte, whole-cut)...)
			}
			overwrite(t, path, content)
			if !meanwhile {
				s, logs = watched(t, path, opts...)
			}
			has := func(who string, s *filestore.Store, want ...session.Snapshot) {
				t.Helper()
				for _, each := range want {
					if got, err := s.Load(t.Context(), each.Shard); err != nil || got != each {
						t.Errorf("%s: %s finds %v, %v", what, who, got, err)
					}
				}
			}
			has("whoever has it open", s, want)
			must(t, s.Save(t.Context(), next))
			other, more := watched(t, path, opts...)
			has("another", other, want, next)
			must(t, other.Save(t.Context(), next))
			has("the first again", s, want, next)
			must(t, other.Close(), s.Close())
			third, most := watched(t, path, opts...)
			has("the next process", third, want, next)
			must(t, third.Close())
			if logs.Len()+more.Len()+most.Len() != 0 {
				t.Errorf("%s: warnings: %v, %v, %v", what, logs.All(), more.All(), most.All())
			}
			switch {
			case n%4 < 3 || cut == whole:
				cut += n % 4 / 3
			case cut < 25:
				cut++
			default:
				cut = min(cut+29, whole)
			}
		}
	}
}
