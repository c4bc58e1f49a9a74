package ratelimit_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/ratelimit/limitertest"
)

// TestUpdateForgetsNoIdentifyUnderWay: what Discord says is left may have been counted before it read the
// Identifies of the last moment.
func TestUpdateForgetsNoIdentifyUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := ratelimit.SessionStart{Total: 20, Remaining: 20, ResetAfter: time.Hour, MaxConcurrency: 1}
		o := limitertest.NewOwner(ratelimit.Local(start, ratelimit.WithReserve(10)).Identify())
		written := 0
		o.Decided = func(d ratelimit.Decision) {
			if d.Err == nil {
				written++
				o.Used(d.Shard)
				told := start
				told.Remaining = 20 - (written - 1) // this one is not known there yet
				o.Update(told)
			}
		}
		for index := range 30 {
			o.Ask(shard(index))
		}
		o.Run(10 * time.Minute)
		if written != 10 {
			t.Errorf("%d Identifies: of 20 a reserve of 10 is kept", written)
		}
	})
}

// TestUpdateWhileAPermitIsOutKeepsItsKeyTaken: whether there are fewer keys from then on or more, the key of the permit is taken until
// an interval after its Identify, and no other is.
func TestUpdateWhileAPermitIsOutKeepsItsKeyTaken(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		before, after int
		same, other   int // shards that have the key of shard 1 afterwards, and that do not; 0: there is none
	}{{4, 1, 2, 0}, {4, 2, 3, 2}, {1, 4, 5, 2}, {2, 2, 3, 2}, {4, 0, 2, 0}} {
		synctest.Test(t, func(t *testing.T) {
			q := queue(budget(1000, test.before))
			a := newAsker(q)
			a.keep = true
			a.ask(1)
			same(t, "the permit that is out", a.answered(time.Second), 1)
			a.Update(budget(1000, test.after))
			if s := a.stats(); s.Outstanding != 1 || s.MaxConcurrency != max(test.after, 1) {
				t.Errorf("%+v: %+v", test, s)
			}
			a.ask(test.same)
			if test.other != 0 {
				a.ask(test.other)
				same(t, "another key", a.answered(time.Second), test.other)
			}
			if got := a.answered(5 * time.Second); len(got) != 0 {
				t.Fatalf("%+v: %v got a permit beside the one of its key", test, got)
			}
			used := time.Since(a.began)
			a.used(1)
			same(t, "its key, after the interval", a.answered(10*time.Second), test.same)
			if apart := a.at[test.same] - used; apart != 5250*time.Millisecond {
				t.Errorf("%+v: granted %v after the Identify", test, apart)
			}
			// The key is free again when its permit is given back: it was counted once, and taken off once.
			a.withdraw(test.same)
			a.ask(test.same)
			same(t, "the key afterwards", a.answered(time.Second), test.same)
		})
	}
}

// TestUpdateWhileAPermitIsOutCountsIt: what Discord says is left does not know of it yet.
func TestUpdateWhileAPermitIsOutCountsIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := queue(budget(100, 4), ratelimit.WithReserve(0))
		a := newAsker(q)
		a.keep = true
		a.ask(0)
		same(t, "granted", a.answered(time.Second), 0)
		last := budget(100, 4)
		last.Remaining = 2
		a.Update(last)
		a.ask(1, 2)
		same(t, "answered", a.answered(time.Second), 1, 2)
		var no *ratelimit.BudgetError
		if err := a.refusal(t, 1); err != nil {
			t.Errorf("of two that are left one is out, and the other is refused: %v", err)
		}
		if err := a.refusal(t, 2); !errors.As(err, &no) || no.Remaining != 0 {
			t.Errorf("of two that are left both are out: %v", err)
		}
		a.used(0)
		a.used(1)
		if s := a.stats(); s.Remaining != 0 || s.Outstanding != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestYesterdaysIdentifiesAreForgotten, whether the queue notices that the day is over or an Update says so: who had many goes first
// again, since it is the lowest, and the budget is whole.
func TestYesterdaysIdentifiesAreForgotten(t *testing.T) {
	t.Parallel()
	for _, told := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			q := queue(budget(100, 1))
			a := newAsker(q)
			for range 3 {
				a.ask(0)
				same(t, "today", a.answered(10*time.Second), 0)
			}
			a.ask(0, 1)
			same(t, "who had fewer goes first", a.answered(time.Minute), 1, 0)
			a.Run(24 * time.Hour)
			if told {
				a.Update(budget(100, 1))
			}
			a.ask(1, 0)
			same(t, "tomorrow", a.answered(time.Minute), 0, 1)
			if s := a.stats(); s.Remaining != 98 {
				t.Errorf("told %v: %+v", told, s)
			}
		})
	}
}

// TestUpdateOfWhatWasCountedBefore: Discord may not have counted the Identifies of the last moment, also not another process's, and more than those it has not forgotten.
func TestUpdateOfWhatWasCountedBefore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		later           time.Duration // after the Identifies
		says, remaining int           // of 100, of which this process has spent 2 and another 1
	}{
		"not the last":                {0, 98, 97},
		"none of them":                {0, 100, 97},
		"more than there were":        {0, 101, 101},
		"less: others have spent it":  {0, 60, 60},
		"more, after it counted them": {time.Minute, 99, 99},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := new(shared)
				process := func() *asker {
					return newAsker(queue(budget(100, 8), ratelimit.WithLedger(l), ratelimit.WithReserve(0)))
				}
				a, b := process(), process()
				b.ask(2)
				same(t, "the other process", b.answered(time.Second), 2)
				a.ask(0)
				a.ask(1)
				same(t, "this one", a.answered(time.Second), 0, 1)
				a.Run(c.later)
				if left := a.stats().Remaining; left != 97 {
					t.Fatalf("%d are left before", left)
				}
				says := budget(200, 8)
				says.Remaining = c.says
				a.Update(says)
				if left := a.stats().Remaining; left != c.remaining {
					t.Errorf("Discord says %d, and %d are left; want %d", c.says, left, c.remaining)
				}
			})
		})
	}
}

// TestResetIsWithinADay: Discord gives a budget for 24 hours: a reset that is said to be later is at the end of those, and one that is past begins them.
func TestResetIsWithinADay(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for after, want := range map[time.Duration]time.Duration{2 * day: day, day: day, time.Hour: time.Hour, 0: day, -time.Hour: day} {
		synctest.Test(t, func(t *testing.T) {
			start := ratelimit.SessionStart{Total: 20, Remaining: 20, ResetAfter: after, MaxConcurrency: 1}
			began, a := time.Now(), newAsker(queue(start))
			if got := a.stats().ResetAt.Sub(began); got != want {
				t.Errorf("from the beginning, after %v: %v", after, got)
			}
			a.Update(start)
			if got := a.stats().ResetAt.Sub(began); got != want {
				t.Errorf("told later, after %v: %v", after, got)
			}
		})
	}
}
