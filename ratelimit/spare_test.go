package ratelimit_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// TestSpareIsWhatWouldBeGranted: what is said to be spare is granted, and what is beyond it is refused; those that wait and those that
// have a permit come first.
func TestSpareIsWhatWouldBeGranted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := budget(20, 20)
		start.Remaining = 12
		q := queue(start, ratelimit.WithReserve(5))
		a := newAsker(q)
		a.keep = true
		spare := func(want int) {
			t.Helper()
			if got := q.Spare(time.Now()); got != want {
				t.Errorf("%d are spare, want %d", got, want)
			}
		}
		spare(7)
		a.ask(0, 1)
		spare(5)
		a.Run(time.Second) // they have their permits
		spare(5)
		a.Run(time.Minute) // and expired: they count as used
		a.ask(2)
		a.Run(time.Second)
		a.used(2)
		spare(4)
		a.ask(3, 4, 5, 6)
		spare(0)
		a.ask(7)
		spare(0)
		a.Run(5 * time.Second)
		for index := 3; index <= 6; index++ {
			a.used(index)
		}
		a.Run(5 * time.Second)
		if err := a.got[7].Err; err == nil || a.got[6].Err != nil {
			t.Errorf("the last that is spare: %v; the one after it: %v", a.got[6].Err, err)
		}
		spare(0)
		a.Run(24 * time.Hour)
		spare(15 - 7) // of ours, seven count for a step longer
		a.Run(time.Hour)
		spare(15)
	})
	if got := queue(ratelimit.SessionStart{}).Spare(time.Now()); got != 0 {
		t.Errorf("%d are spare of what nobody knows", got)
	}
	if got := queue(budget(100, 1), ratelimit.WithLedger(&memory{})).Spare(time.Now()); got != 0 {
		t.Errorf("%d are spare before the ledger was read", got)
	}
}
