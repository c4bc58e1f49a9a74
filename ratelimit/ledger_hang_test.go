package ratelimit_test

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// lateLedger takes a minute, whatever its context says, until it is well.
type lateLedger struct {
	ledger
	load, save bool
	well       atomic.Bool
	hung       atomic.Int64
}

func (l *lateLedger) hang(does bool) {
	if does && !l.well.Load() {
		l.hung.Add(1)
		time.Sleep(time.Minute)
	}
}

func (l *lateLedger) LoadLedger(ctx context.Context) (ratelimit.LedgerState, error) {
	l.hang(l.load)
	return l.ledger.LoadLedger(ctx)
}

func (l *lateLedger) SaveLedger(ctx context.Context, state ratelimit.LedgerState) error {
	l.hang(l.save)
	return l.ledger.SaveLedger(ctx, state)
}

// TestLedgerThatDoesNotReturnGrantsNothing: one that hangs, whatever its context says, is one that fails. Who waits is told why, and when to
// ask again; nothing is spent by that; and when it comes back all goes on.
func TestLedgerThatDoesNotReturnGrantsNothing(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]*lateLedger{"LoadLedger": {load: true}, "SaveLedger": {save: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAsker(queue(budget(100, 4), ratelimit.WithLedger(l)))
				a.ask(0)
				same(t, "told, though nobody else asks", a.answered(7*time.Second), 0)
				a.ask(1) // behind what hangs
				same(t, "told", a.answered(time.Second), 1)
				for shard := range 2 {
					var no *ratelimit.LedgerError
					if err := a.refusal(t, shard); !errors.As(err, &no) || !no.Until.Equal(a.began.Add(a.at[shard]+10*time.Second)) {
						t.Errorf("shard %d: %v", shard, err)
					}
				}
				if a.at[0] != 6*time.Second {
					t.Errorf("told after %v", a.at[0])
				}
				a.ask(2)
				same(t, "told at once", a.answered(100*time.Millisecond), 2)
				if a.refusal(t, 2) == nil || l.hung.Load() != 1 {
					t.Errorf("%d calls of what hangs", l.hung.Load())
				}
				if s := a.stats(); s.Outstanding != 0 || s.Remaining != 100 {
					t.Errorf("%+v", s)
				}
				l.well.Store(true)
				a.Run(time.Minute)
				a.ask(0, 1, 2)
				same(t, "granted", a.answered(time.Second), 0, 1, 2)
				for shard := range 3 {
					if err := a.refusal(t, shard); err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}

// TestLedgerThatLies: what cannot be true of a budget does not count, and Discord's word does; what may be true does.
func TestLedgerThatLies(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		state   func(now time.Time) ratelimit.LedgerState
		granted bool
	}{
		"none left": {func(now time.Time) ratelimit.LedgerState { return ratelimit.LedgerState{ResetAt: now.Add(time.Hour)} }, false},
		"fewer than none": {func(now time.Time) ratelimit.LedgerState {
			return ratelimit.LedgerState{Remaining: -5, ResetAt: now.Add(time.Hour)}
		}, true},
		"a day of years":        {func(now time.Time) ratelimit.LedgerState { return ratelimit.LedgerState{ResetAt: now.AddDate(5, 0, 0)} }, true},
		"a day that is over":    {func(now time.Time) ratelimit.LedgerState { return ratelimit.LedgerState{ResetAt: now.Add(-time.Hour)} }, true},
		"all of it spent":       {func(now time.Time) ratelimit.LedgerState { return spentState(now, 100) }, false},
		"more spent than there": {func(now time.Time) ratelimit.LedgerState { return spentState(now, math.MaxInt) }, true},
		"less than none spent":  {func(now time.Time) ratelimit.LedgerState { return spentState(now, -100) }, true},
		"more left than there": {func(now time.Time) ratelimit.LedgerState {
			return ratelimit.LedgerState{Remaining: math.MaxInt, ResetAt: now.Add(time.Hour)}
		}, true},
		"written in the future": {func(now time.Time) ratelimit.LedgerState {
			return ratelimit.LedgerState{Written: map[ratelimit.Shard]time.Time{{Index: 7}: now.AddDate(1, 0, 0)}}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAsker(queue(budget(100, 1), ratelimit.WithLedger(&ledger{state: test.state(time.Now())})))
				a.ask(0)
				same(t, "answered", a.answered(10*time.Second), 0)
				if err := a.refusal(t, 0); (err == nil) != test.granted {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

func spentState(now time.Time, count int) ratelimit.LedgerState {
	return ratelimit.LedgerState{Remaining: 100, ResetAt: now.Add(time.Hour), Spent: []ratelimit.Spent{{Until: now.Add(time.Hour), Count: count}}}
}
