package ratelimit_test

import (
	"cmp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// TestLedgerSaysWhatIsLeft, if it may be true: of a period that ends within a day and an hour, and not just as ours has begun, and not less than nothing.
func TestLedgerSaysWhatIsLeft(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, test := range map[string]struct {
		remaining int
		reset     time.Duration // from now
		left      int           // of 100
		ours      time.Duration // by Discord's word; 0: a day
	}{
		"some":                          {60, time.Hour, 60, 0},
		"one":                           {1, time.Hour, 1, 0},
		"nothing":                       {0, time.Hour, 0, 0},
		"less than nothing":             {-1, time.Hour, 100, 0},
		"of the day before ours":        {60, time.Minute, 100, 0}, // which ends in a day
		"of ours":                       {60, time.Minute + 1, 60, 0},
		"of one that ends now":          {60, 0, 100, time.Hour},
		"of one that is over":           {60, -time.Second, 100, time.Hour},
		"by a clock an hour ahead":      {60, day + time.Hour, 60, 0},
		"by a clock that is further so": {60, day + time.Hour + 1, 100, 0},
		"by a clock a century ahead":    {60, 36_500 * day, 100, 0},
	} {
		for _, sharing := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				state := ratelimit.LedgerState{Remaining: test.remaining, ResetAt: time.Now().Add(test.reset)}
				var l ratelimit.Ledger = &ledger{state: state}
				if sharing {
					l = &shared{state: state}
				}
				start := budget(100, 1)
				start.ResetAfter = cmp.Or(test.ours, day)
				a := newAsker(queue(start, ratelimit.WithLedger(l)))
				a.ask(0) // has the ledger read
				a.withdraw(0)
				a.Run(time.Millisecond)
				if s := a.stats(); !s.Known || s.Remaining != test.left || !s.ResetAt.Equal(a.began.Add(start.ResetAfter)) {
					t.Errorf("%s, shared %v: %+v, want %d", name, sharing, s, test.left)
				}
			})
		}
	}
}

// TestResetIsNotAtOneMomentForAll: of processes that share a ledger each knows Discord's reset by when its own question was answered. Who is first goes on by the
// new day's budget, and not by what the other has written of the day before, be it just before its reset or long ago.
func TestResetIsNotAtOneMomentForAll(t *testing.T) {
	t.Parallel()
	for _, apart := range []time.Duration{-10 * time.Second, -80 * time.Millisecond, 0, 80 * time.Millisecond, 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			l := new(shared)
			process := func(reset time.Duration) *asker {
				start := budget(20, 4)
				start.Remaining, start.ResetAfter = 12, reset
				a := newAsker(queue(start, ratelimit.WithLedger(l), ratelimit.WithReserve(10)))
				a.withdraw(0) // it is told of the time
				return a
			}
			a, b := process(time.Hour), process(time.Hour+apart)
			a.ask(0)
			same(t, "one of two that are left", a.answered(time.Minute), 0)
			b.ask(1)
			same(t, "the other", b.answered(time.Minute), 1)
			b.ask(3)
			if same(t, "there is no third", b.answered(time.Second), 3); b.refusal(t, 3) == nil {
				t.Fatal("the reserve is granted")
			}
			a.Run(time.Until(a.began.Add(time.Hour)))
			a.ask(2)
			same(t, "after the reset", a.answered(time.Second), 2)
			if err := a.refusal(t, 2); err != nil {
				t.Errorf("%v apart: of the new day's budget none is granted: %v", apart, err)
			}
			run(time.Minute, a, b)
			b.ask(1)
			if same(t, "by the other", b.answered(time.Second), 1); b.refusal(t, 1) != nil {
				t.Errorf("%v apart: and by the other none: %v", apart, b.refusal(t, 1))
			}
		})
	}
}

// TestPermitOfAnotherProcessThatGoesBackIsLeftAgain, for all who share the ledger.
func TestPermitOfAnotherProcessThatGoesBackIsLeftAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := new(shared)
		a, b := newAsker(queue(budget(100, 4), ratelimit.WithLedger(l))), newAsker(queue(budget(100, 4), ratelimit.WithLedger(l)))
		a.keep = true
		a.ask(0)
		same(t, "out", a.answered(time.Second), 0)
		b.ask(1)
		same(t, "the other's", b.answered(time.Second), 1)
		if left := b.stats().Remaining; left != 98 {
			t.Errorf("while one is out %d are left", left)
		}
		a.withdraw(0)
		run(10*time.Second, a, b)
		b.ask(2)
		same(t, "the other's", b.answered(time.Second), 2)
		if left := b.stats().Remaining; left != 98 {
			t.Errorf("when it went back %d are left", left)
		}
	})
}
