package ratelimit_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// TestLedgerOfTheLastProcessCounts: what was spent in this period, and when; but nothing of yesterday, and a clock that was ahead
// holds nothing back for longer than an interval.
func TestLedgerOfTheLastProcessCounts(t *testing.T) {
	t.Parallel()
	const ago, ahead = -time.Second, 12 * time.Hour
	for name, test := range map[string]struct {
		remaining int
		reset     time.Duration // from now
		written   map[int]time.Duration
		left      int // afterwards, of 100 that Discord told
		wait      time.Duration
	}{
		"nothing is stored":            {0, -10_000 * time.Hour, nil, 99, 0},
		"of this period":               {60, time.Hour, nil, 59, 0},
		"of yesterday":                 {60, -time.Hour, nil, 99, 0},
		"of a period that ends now":    {60, 0, nil, 99, 0},
		"more than Discord says":       {200, time.Hour, nil, 99, 0},
		"an Identify a second ago":     {100, time.Hour, map[int]time.Duration{8: ago}, 99, 4250 * time.Millisecond},
		"of another key":               {100, time.Hour, map[int]time.Duration{9: ago}, 99, 0},
		"an old one":                   {100, time.Hour, map[int]time.Duration{8: -5250 * time.Millisecond}, 99, 0},
		"yesterday's, a second ago":    {60, -time.Millisecond, map[int]time.Duration{8: ago}, 99, 4250 * time.Millisecond},
		"by a clock that is ahead":     {100, time.Hour, map[int]time.Duration{8: ahead}, 99, 5250 * time.Millisecond},
		"several, of which one counts": {100, time.Hour, map[int]time.Duration{8: -4 * time.Second, 10: -2 * time.Second, 12: -time.Hour}, 99, 3250 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				now := time.Now()
				l := &ledger{state: ratelimit.LedgerState{Remaining: test.remaining, ResetAt: now.Add(test.reset), Written: map[ratelimit.Shard]time.Time{}}}
				for shard, at := range test.written {
					l.state.Written[ratelimit.Shard{Index: shard}] = now.Add(at)
				}
				q := queue(budget(100, 2), ratelimit.WithLedger(l))
				a := newAsker(q)
				a.ask(0)
				same(t, "granted", a.answered(time.Minute), 0)
				if s := a.stats(); a.at[0] != test.wait || s.Remaining != test.left {
					t.Errorf("after %v, and %d are left; want %v, and %d", a.at[0], s.Remaining, test.wait, test.left)
				}
			})
		})
	}
}

// TestLedgerAfterTheResetCountsTheNewDay: what is written down is of the period that it names.
func TestLedgerAfterTheResetCountsTheNewDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := new(ledger)
		begin := time.Now()
		a := newAsker(queue(budget(100, 1), ratelimit.WithLedger(l)))
		a.ask(0, 1, 2)
		a.answered(time.Minute)
		if s := l.saved(); s.Remaining != 97 || !s.ResetAt.Equal(begin.Add(24*time.Hour)) {
			t.Errorf("today: %+v", s)
		}
		a.Run(24 * time.Hour)
		a.ask(0)
		same(t, "tomorrow", a.answered(time.Second), 0)
		if s := l.saved(); s.Remaining != 99 || s.ResetAt.Before(begin.Add(48*time.Hour)) || len(s.Written) != 1 {
			t.Errorf("tomorrow: %+v", s)
		}
	})
}

// TestIdentifyIsRememberedWheneverTheProcessEnds: between the last Identify of a process, however long after its permit it was written and
// however long that took to be written down, and the first of the next process, there is an interval; and hardly more than that after the start.
func TestIdentifyIsRememberedWheneverTheProcessEnds(t *testing.T) {
	t.Parallel()
	for _, slow := range []time.Duration{0, 40 * time.Millisecond, 3 * time.Second, 4900 * time.Millisecond} {
		for _, held := range []time.Duration{0, time.Second, 29 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				l := &ledger{slowSave: slow}
				first := newAsker(queue(budget(100, 1), ratelimit.WithLedger(l)))
				first.keep = true
				first.ask(0)
				for first.answered(time.Millisecond) == nil {
				}
				time.Sleep(held)
				used := time.Now()
				if expires := first.got[0].Expires; !used.Before(expires) {
					t.Fatalf("the permit is for %v", expires.Sub(used)+held)
				}
				next := newAsker(queue(budget(100, 1), ratelimit.WithLedger(&ledger{state: l.saved()})))
				next.ask(0)
				same(t, "granted", next.answered(time.Minute), 0)
				if apart := next.began.Add(next.at[0]).Sub(used); apart < ratelimit.IdentifyInterval || apart > 2*ratelimit.IdentifyInterval {
					t.Errorf("with a write of %v, and an Identify %v after its permit, the Identifies are %v apart", slow, held, apart)
				}
			})
		}
	}
}

// TestLedgerThatPanicsOrEndsItsGoroutineIsOneThatFails.
func TestLedgerThatPanicsOrEndsItsGoroutineIsOneThatFails(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	q := queue(budget(100, 1), ratelimit.WithLedger(new(ledger)))
	q.Ask(now, shard(0))
	for range 3 {
		_, done := q.Work(now)
		if done == nil {
			t.Fatal("there is no work")
		}
		done(now) // though it never ended
		decisions, _ := q.Decide(now)
		var no *ratelimit.LedgerError
		if len(decisions) != 1 || !errors.As(decisions[0].Err, &no) {
			t.Fatalf("%+v", decisions)
		}
		now = no.Until
		q.Ask(now, shard(0))
	}
}

// TestLedgerRemembersADay: what several processes spend within 24 hours is one budget, also if Discord's day ends meanwhile.
func TestLedgerRemembersADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := new(ledger)
		granted := 0
		for life := range 30 {
			start := budget(100, 4)
			start.ResetAfter = time.Minute // and is whole again by the next life
			a := newAsker(queue(start, ratelimit.WithLedger(l)))
			a.ask(4*life%16, 4*life%16+1, 4*life%16+2, 4*life%16+3)
			for _, index := range a.answered(time.Minute) {
				if a.refusal(t, index) == nil {
					granted++
				}
			}
			time.Sleep(30 * time.Minute)
		}
		if granted != 90 {
			t.Errorf("30 lives in 15 hours had %d Identifies, of 90", granted)
		}
	})
}

// TestSpentOfTheLastProcessIsForgottenWithinADay: what it spent counts for as long as it wrote, but by a clock that was ahead no longer than what is spent
// now; what is over, or no number of Identifies, does not count.
func TestSpentOfTheLastProcessIsForgottenWithinADay(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, test := range map[string]struct {
		until time.Duration // from now
		count int
		spent int           // afterwards
		free  time.Duration // from now: when it counts no more
	}{
		"until later":                {time.Hour, 80, 80, time.Hour},
		"until now":                  {0, 80, 0, 0},
		"until yesterday":            {-day, 80, 0, 0},
		"just now":                   {day, 80, 80, day},
		"by a clock a step ahead":    {day + 15*time.Minute, 80, 80, day + 15*time.Minute},
		"by a clock a minute ahead":  {day + 16*time.Minute, 80, 80, day + 15*time.Minute},
		"by a clock a day ahead":     {2 * day, 80, 80, day + 15*time.Minute},
		"by a clock a century ahead": {36_500 * day, 80, 80, day + 15*time.Minute},
		"less than nothing":          {time.Hour, -80, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				now := time.Now()
				l := &ledger{state: ratelimit.LedgerState{Spent: []ratelimit.Spent{{Until: now.Add(test.until), Count: test.count}}}}
				a := newAsker(queue(budget(100, 1), ratelimit.WithLedger(l)))
				a.ask(0) // has the ledger read
				a.withdraw(0)
				a.Run(time.Millisecond)
				if s := a.stats(); s.Spent != test.spent || a.queue.Spare(time.Now()) != 90-test.spent {
					t.Errorf("%d count, and %d more may be had; want %d", s.Spent, a.queue.Spare(time.Now()), test.spent)
				}
				if test.free == 0 {
					return
				}
				a.Run(test.free - time.Millisecond - 1)
				if s := a.stats(); s.Spent != test.spent {
					t.Errorf("after %v only %d count", test.free-1, s.Spent)
				}
				a.Run(1)
				if s := a.stats(); s.Spent != 0 || a.queue.Spare(time.Now()) != 90 {
					t.Errorf("after %v still %d count", test.free, s.Spent)
				}
			})
		})
	}
}

// TestPermitOfAnotherProcessCountsADayFromItsEnd: while it is out nobody knows when it is used, and a step of counting may begin in between.
func TestPermitOfAnotherProcessCountsADayFromItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const day, step = 24 * time.Hour, 15 * time.Minute
		began, l := time.Now(), new(shared)
		first, second := newAsker(queue(budget(100, 2), ratelimit.WithLedger(l))), newAsker(queue(budget(100, 2), ratelimit.WithLedger(l)))
		first.keep = true
		for index, a := range []*asker{first, second} { // whose steps begin now
			a.ask(index)
			a.withdraw(index)
		}
		first.Run(step - 10*time.Second)
		first.ask(0)
		same(t, "granted", first.answered(time.Second), 0)
		second.ask(1)
		same(t, "granted", second.answered(time.Second), 1)
		first.Run(20 * time.Second) // in the next step
		first.used(0)
		second.Run(time.Until(began.Add(day + 2*step - 1)))
		if spent := second.stats().Spent; spent != 1 {
			t.Errorf("less than a day later %d count", spent)
		}
		second.Run(1)
		if spent := second.stats().Spent; spent != 0 {
			t.Errorf("a day and a step later %d count", spent)
		}
	})
}
