package filestore_test

import (
	"os"
	"syscall"
	"testing"
)

// TestFileReplacedWhereNothingCanBeDone: what the process knows goes into the new file when that can be done, and is not forgotten meanwhile.
func TestFileReplacedWhereNothingCanBeDone(t *testing.T) {
	t.Parallel()
	for name, hinder := range map[string]func(path string) (over func() error){
		"the disk is full": func(path string) func() error {
			must(t, os.Symlink("/dev/full", path+".new"))
			return func() error { return nil } // it was taken away
		},
		"another program has locked it": func(path string) func() error {
			held, err := os.Open(path)
			must(t, err, syscall.Flock(int(held.Fd()), syscall.LOCK_EX))
			return held.Close
		},
	} {
		path, another := saved(t), file(t)
		s := open(t, path)
		must(t, s.SaveNote(t.Context(), []byte("a note")))
		must(t, open(t, another).Close(), os.Rename(another, path))
		over := hinder(path)
		if got, err := s.Load(t.Context(), id); err == nil {
			t.Errorf("%s: %v, though it cannot be written down", name, got)
		}
		other := sample
		other.Shard.Index++
		must(t, over(), s.Save(t.Context(), other), s.Close())
		s = open(t, path)
		if got, err := s.Load(t.Context(), id); err != nil || got != sample {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if got, err := s.Load(t.Context(), other.Shard); err != nil || got != other {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if note, err := s.LoadNote(t.Context()); err != nil || string(note) != "a note" {
			t.Errorf("%s: %q, %v", name, note, err)
		}
		if ledger, err := s.LoadLedger(t.Context()); err != nil || ledger.Remaining != spent.Remaining {
			t.Errorf("%s: %+v, %v", name, ledger, err)
		}
	}
}
