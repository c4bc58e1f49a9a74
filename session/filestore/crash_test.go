package filestore_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

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
			late, least := watched(t, path, opts...) // it reads when all is over
			must(t, s.Save(t.Context(), sample))
			before, after := saving(t, path, later, opts...)
			if !meanwhile {
				must(t, s.Close(), late.Close())
			}
			whole = len(after) - len(before)
			what := fmt.Sprintf("%s, %d of %d bytes, with room behind: %v, while it is open: %v", name, cut, whole, room, meanwhile)
			content := slices.Clone(after[:len(before)+cut])
			copy(content, before) // without the mark
			want := sample
			if cut == whole {
				want = later // it counts, but is not marked
			} else if room { // that was taken, and not written to yet
				content = append(content, make([]byte, whole-cut)...)
			}
			overwrite(t, path, content)
			if !meanwhile {
				s, logs = watched(t, path, opts...)
				late, least = watched(t, path, opts...)
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
			other, more := watched(t, path, opts...)
			has("another", other, want)
			has("the first again", s, want)
			must(t, s.Save(t.Context(), next))
			has("the other again", other, want, next)
			must(t, other.Save(t.Context(), next))
			has("the first at last", s, want, next)
			has("whoever is late", late, want, next)
			must(t, other.Close(), s.Close(), late.Close())
			third, most := watched(t, path, opts...)
			has("the next process", third, want, next)
			must(t, third.Close())
			if logs.Len()+more.Len()+most.Len()+least.Len() != 0 {
				t.Errorf("%s: warnings: %v, %v, %v, %v", what, logs.All(), more.All(), most.All(), least.All())
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

// TestDamageBehindTheMark: what is not marked yet, since a process was killed, and was read all the same, is kept: by the next save, or at Close.
func TestDamageBehindTheMark(t *testing.T) {
	t.Parallel()
	later, next := sample, sample
	later.Seq, later.SavedAt, next.Shard.Index = 100, later.SavedAt.Add(time.Second), 5
	for how, harm := range map[string]func(content []byte, frame int) []byte{
		"cut":                func(content []byte, _ int) []byte { return content[:len(content)-1] },
		"gone":               func(content []byte, frame int) []byte { return content[:frame] },
		"altered":            func(content []byte, _ int) []byte { content[len(content)-1]++; return content },
		"altered in its sum": func(content []byte, frame int) []byte { content[frame+4]++; return content },
	} {
		for _, saves := range []bool{false, true} {
			path := file(t)
			s, logs := watched(t, path, filestore.WithoutSync())
			must(t, s.Save(t.Context(), sample))
			before, content := saving(t, path, later, filestore.WithoutSync())
			copy(content, before)
			overwrite(t, path, content)
			if got, err := s.Load(t.Context(), id); err != nil || got != later {
				t.Fatalf("%s: %v, %v", how, got, err)
			}
			overwrite(t, path, harm(content, len(before)))
			if saves {
				must(t, s.Save(t.Context(), next))
			}
			if got, err := s.Load(t.Context(), id); err != nil || got != later {
				t.Errorf("%s: %v, %v", how, got, err)
			}
			if must(t, s.Close()); logs.Len() != 1 {
				t.Errorf("%s: warnings: %v", how, logs.All())
			}
			again, logs := watched(t, path)
			if got, err := again.Load(t.Context(), id); err != nil || got != later || logs.Len() != 0 {
				t.Errorf("%s: the next process finds %v, %v, warnings: %v", how, got, err, logs.All())
			}
			if got, err := again.Load(t.Context(), next.Shard); saves && (err != nil || got != next) {
				t.Errorf("%s: the next process finds %v, %v", how, got, err)
			}
		}
	}
}
