package filestore_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/filestore"
)

var writeGolden = flag.Bool("golden.write", false, "write testdata anew: only with a new version of the file's format")

// TestFilesOfThisVersionAreReadForEver: what is in testdata is not written anew when the code changes.
func TestFilesOfThisVersionAreReadForEver(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plain", "sealed"} {
		golden := filepath.Join("testdata", name+".db")
		gone, other := sample, sample
		gone.Shard.Index, other.Shard.Index, other.Fence = 6, 7, 1<<40
		if *writeGolden {
			path := saved(t, kinds[name]...)
			s, second := open(t, path, kinds[name]...), open(t, path, kinds[name]...) // with a frame for each save
			must(t, s.Save(t.Context(), other, gone), second.Delete(t.Context(), gone.Shard))
			content, err := os.ReadFile(path)
			must(t, err, os.WriteFile(golden, content, 0o600))
		}
		content, err := os.ReadFile(golden)
		path := file(t)
		must(t, err, os.WriteFile(path, content, 0o600))
		s, logs := watched(t, path, kinds[name]...)
		if holds(t, s); logs.Len() != 0 {
			t.Errorf("%s: warnings: %v", name, logs.All())
		}
		if got, err := s.Load(t.Context(), gone.Shard); !errors.Is(err, session.ErrNoSnapshot) {
			t.Errorf("%s: what was deleted: %v, %v", name, got, err)
		}
		if got, err := s.Load(t.Context(), other.Shard); err != nil || got != other {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		other.Fence--
		if err := s.Save(t.Context(), other); !errors.Is(err, session.ErrFenced) {
			t.Errorf("%s: Save with a lower fence: %v", name, err)
		}
	}
}

// TestPartsOfAFileBelongToTheirPlace: neither a part of an earlier file, nor of another one, nor of another place counts as one's own, though it was written by
// this package, and with the same key.
func TestPartsOfAFileBelongToTheirPlace(t *testing.T) {
	t.Parallel()
	const frames = 1024 // where they begin
	for _, name := range []string{"plain", "sealed"} {
		opts := append(slices.Clone(kinds[name]), filestore.WithoutSync())
		path := saved(t, opts...)
		var files [][]byte
		add := func(path string) {
			must(t, open(t, path, opts...).Close()) // it is written anew
			content, err := os.ReadFile(path)
			must(t, err)
			if files = append(files, content); len(content) != len(files[0]) {
				t.Fatalf("%s: %d and %d bytes", name, len(content), len(files[0]))
			}
		}
		add(path)
		add(path)
		add(saved(t, opts...))
		s := open(t, path, opts...)
		whole := func() []byte {
			later := sample
			later.Seq++
			must(t, s.Save(t.Context(), later))
			content, err := os.ReadFile(path)
			must(t, err)
			return content
		}
		first, second := whole(), whole()
		size := len(second) - len(first)
		from := len(first) - size // both frames have the same length
		swapped := slices.Concat(second[:from], second[from+size:], second[from:from+size])
		for how, content := range map[string][]byte{
			"of an earlier file": slices.Concat(files[1][:frames], files[0][frames:]), "of a later file": slices.Concat(files[0][:frames], files[1][frames:]),
			"of another file": slices.Concat(files[1][:frames], files[2][frames:]), "twice in one place": slices.Concat(second[:from], second[from:from+size], second[from:from+size]),
			"swapped": swapped, "the mark of an earlier file": slices.Concat(files[1][:512], files[0][512:frames], files[1][frames:]),
		} {
			path := file(t)
			must(t, os.WriteFile(path, content, 0o600))
			s, logs := watched(t, path, opts...)
			if _, err := s.Load(t.Context(), id); !bytes.Equal(content, second) && (!errors.Is(err, session.ErrNoSnapshot) || logs.FilterMessageSnippet("is damaged").Len() != 1) {
				t.Errorf("%s: frames %s: %v, warnings: %v", name, how, err, logs.All())
			}
		}
	}
}

// TestFileThatAnotherWritesAnew says all, and so also what was deleted: nothing comes back, and there is nothing to warn of.
func TestFileThatAnotherWritesAnew(t *testing.T) {
	t.Parallel()
	path := saved(t)
	a, logsA := watched(t, path, filestore.WithoutSync())
	b, logsB := watched(t, path, filestore.WithoutSync())
	gone := sample
	gone.Shard.Index = 6
	must(t, b.Save(t.Context(), gone))
	if got, err := a.Load(t.Context(), gone.Shard); err != nil || got != gone {
		t.Fatalf("%v, %v", got, err)
	}
	must(t, b.Delete(t.Context(), gone.Shard), b.SaveLedger(t.Context(), ratelimit.LedgerState{Remaining: 3}))
	before, err := os.Stat(path)
	must(t, err)
	large := sample
	large.Presence = strings.Repeat("p", 400_000)
	for range 12 {
		must(t, b.Save(t.Context(), large))
	}
	if now, err := os.Stat(path); err != nil || os.SameFile(now, before) {
		t.Fatalf("it was not written anew: %v", err)
	}
	for who, s := range map[string]*filestore.Store{"the other": a, "who wrote it": b} {
		if got, err := s.Load(t.Context(), gone.Shard); !errors.Is(err, session.ErrNoSnapshot) {
			t.Errorf("%s: what was deleted is back: %v, %v", who, got, err)
		}
		got, err := s.Load(t.Context(), id)
		ledger, errLedger := s.LoadLedger(t.Context())
		if must(t, err, errLedger); got != large || ledger.Remaining != 3 || !ledger.Lost.IsZero() || ledger.Version != 3 {
			t.Errorf("%s: sequence %d, ledger %+v", who, got.Seq, ledger)
		}
	}
	if logsA.Len()+logsB.Len() != 0 {
		t.Errorf("warnings: %v, %v", logsA.All(), logsB.All())
	}
}

// TestDeletingWhatIsNotStoredWritesNothing, not even that it is gone.
func TestDeletingWhatIsNotStoredWritesNothing(t *testing.T) {
	t.Parallel()
	path := saved(t)
	s := open(t, path)
	before, err := os.ReadFile(path)
	must(t, err, s.Delete(t.Context(), events.ShardID{Index: 77, Total: 78}))
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file had %d bytes and has %d: %v", len(before), len(after), err)
	}
}
