package filestore_test

import (
	"testing"
	"time"
)

// TestClockThatWasSetBack: what was saved last counts, also in a file that another process has written anew meanwhile.
func TestClockThatWasSetBack(t *testing.T) {
	t.Parallel()
	path := file(t)
	one, other := open(t, path), open(t, path)
	must(t, one.Save(t.Context(), sample))
	if _, err := other.Load(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	must(t, one.SaveNote(t.Context(), []byte("a note")), one.SaveNote(t.Context(), nil)) // by which it is written anew
	last := sample
	last.Seq, last.SavedAt = sample.Seq+1, sample.SavedAt.Add(-time.Hour)
	must(t, one.Save(t.Context(), last))
	if got, err := other.Load(t.Context(), id); err != nil || got != last {
		t.Errorf("the other one: %v, %v, want %v", got, err, last)
	}
	if got, err := one.Load(t.Context(), id); err != nil || got != last {
		t.Errorf("the one: %v, %v, want %v", got, err, last)
	}
}
