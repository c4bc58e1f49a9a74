package filestore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/filestore"
)

// TestLedgerCountsItsSaves: one more each time, for all who share it, so that who comes too late keeps nothing.
func TestLedgerCountsItsSaves(t *testing.T) {
	t.Parallel()
	path := file(t)
	stores := []*filestore.Store{open(t, path), open(t, path)}
	last, err := stores[0].LoadLedger(t.Context())
	if err != nil || last.Version == 0 || last.Remaining != 0 || last.Written != nil || last.Spent != nil || !last.ResetAt.IsZero() || !last.Lost.IsZero() {
		t.Fatalf("in a new file: %+v, %v", last, err)
	}
	for round := range 5 {
		first, second := stores[round%2], stores[(round+1)%2]
		last.Remaining = 10 * round
		must(t, first.SaveLedger(t.Context(), last))
		late := last
		late.Remaining = 999
		for _, each := range stores {
			if err := each.SaveLedger(t.Context(), late); !errors.Is(err, ratelimit.ErrLedgerChanged) {
				t.Errorf("round %d: who is late: %v", round, err)
			}
		}
		now, err := second.LoadLedger(t.Context())
		if err != nil || now.Version != last.Version+1 || now.Remaining != 10*round {
			t.Fatalf("round %d: %+v after version %d, %v", round, now, last.Version, err)
		}
		last = now
	}
	last.Version = 0 // who does not know of versions
	must(t, stores[0].SaveLedger(t.Context(), last), stores[0].Close(), stores[1].Close())
	if got, err := open(t, path).LoadLedger(t.Context()); err != nil || got.Version < 7 || got.Remaining != 40 {
		t.Errorf("in the next process: %+v, %v", got, err)
	}
}

// TestFencesWithinABatch: the higher one of two for one shard owns it, whichever comes first.
func TestFencesWithinABatch(t *testing.T) {
	t.Parallel()
	s := open(t, file(t))
	high, low := sample, sample
	high.Fence, low.Fence, high.Seq = 5, 4, 1000
	for _, batch := range [][]session.Snapshot{{high, low}, {low, high}} {
		must(t, s.Delete(t.Context(), id))
		if err := s.Save(t.Context(), batch...); errors.Is(err, session.ErrFenced) != (batch[0] == high) {
			t.Errorf("Save: %v", err)
		}
		if got, err := s.Load(t.Context(), id); err != nil || got != high {
			t.Errorf("%v, %v", got, err)
		}
	}
	if text := fmt.Sprint(s); !strings.Contains(text, "bot.db") {
		t.Errorf("it prints as %q", text)
	}
}

// permits is a ledger of one permit that is out, and of one Identify.
func permits() ratelimit.LedgerState {
	return ratelimit.LedgerState{Remaining: 5, Written: map[ratelimit.Shard]time.Time{
		{Index: 0, Total: 2}: time.Now().Add(time.Hour).Round(0).UTC(), {Index: 1, Total: 2}: time.Unix(1_600_000_000, 0).UTC(),
	}}
}

// out reports whether the permit is out still. If not, it counts as used some time after began.
func out(t *testing.T, s *filestore.Store, began time.Time) bool {
	t.Helper()
	got, err := s.LoadLedger(t.Context())
	permit, other := got.Written[ratelimit.Shard{Index: 0, Total: 2}], got.Written[ratelimit.Shard{Index: 1, Total: 2}]
	if err != nil || got.Remaining != 5 || len(got.Written) != 2 || !other.Equal(time.Unix(1_600_000_000, 0)) || !got.Lost.IsZero() || permit.Before(began.Round(0)) {
		t.Fatalf("%+v, %v", got, err)
	}
	return permit.After(time.Now())
}

// TestPermitsOfTheDeadDoNotHoldUp: who opens a file that nobody has open knows that whoever had a permit is dead, and counts it as used now. The others' permits stay.
func TestPermitsOfTheDeadDoNotHoldUp(t *testing.T) {
	t.Parallel()
	path := file(t)
	began := time.Now()
	first := open(t, path)
	must(t, first.SaveLedger(t.Context(), permits()))
	second := open(t, path)
	if !out(t, first, began) || !out(t, second, began) {
		t.Error("a permit is taken away by another process that opens the file")
	}
	must(t, first.Close())
	third := open(t, path)
	if !out(t, second, began) || !out(t, third, began) {
		t.Error("a permit is taken away while one process has the file")
	}
	must(t, second.Close(), third.Close())
	fourth := open(t, path)
	if out(t, fourth, began) || out(t, open(t, path), began) {
		t.Error("the permit of a dead process is out still")
	}
	old := oldFile(t, nil, permits())
	for range 2 {
		s := open(t, old)
		if out(t, s, began) {
			t.Error("the permit of a dead process is out still, in a file of boltstore")
		}
		must(t, s.Close())
	}
}
