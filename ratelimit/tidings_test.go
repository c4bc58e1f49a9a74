package ratelimit_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// counts is how many Identifies a ledger's state counts, by how long after began they do.
func counts(state ratelimit.LedgerState, began time.Time) map[time.Duration]int {
	all := make(map[time.Duration]int)
	for _, s := range state.Spent {
		if s.Count != 0 {
			all[s.Until.Sub(began).Round(time.Second)] += s.Count
		}
	}
	return all
}

// deaf is a shared ledger that one process cannot write to, for a while.
type deaf struct {
	*shared
	ill bool
}

func (l *deaf) SaveLedger(ctx context.Context, state ratelimit.LedgerState) error {
	if l.ill {
		return errors.New("the disk is full")
	}
	return l.shared.SaveLedger(ctx, state)
}

// TestPermitThatGoesBackIsTakenOutOfItsOwnTime: in a ledger to which others have added meanwhile, also when that cannot be written down at once.
func TestPermitThatGoesBackIsTakenOutOfItsOwnTime(t *testing.T) {
	t.Parallel()
	const first, second = 24*time.Hour + 15*time.Minute, 24*time.Hour + 30*time.Minute // until when what is used in the first and in the second quarter of an hour counts
	synctest.Test(t, func(t *testing.T) {
		l := &deaf{shared: new(shared)}
		a, b := newAsker(queue(budget(100, 3), ratelimit.WithLedger(l))), newAsker(queue(budget(100, 3), ratelimit.WithLedger(l.shared)))
		began := time.Now()
		a.ask(10)
		b.ask(11)
		run(14*time.Minute+15*time.Second, a, b)
		a.keep = true
		a.ask(0)
		run(5*time.Second, a, b)
		l.ill = true
		a.withdraw(0)
		run(41*time.Second, a, b)
		b.ask(1)
		run(5*time.Second, a, b)
		if got, want := counts(l.state, began), map[time.Duration]int{first: 3, second: 1}; !maps.Equal(got, want) {
			t.Fatalf("before it is told: %v, want %v", got, want)
		}
		l.ill = false
		run(time.Minute, a, b)
		if got, want := counts(l.state, began), map[time.Duration]int{first: 2, second: 1}; !maps.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		if left := a.stats().Remaining; left != 97 {
			t.Errorf("%d are left", left)
		}
	})
}

// TestPermitThatIsOutCountsOnce, also when what others have written is read meanwhile.
func TestPermitThatIsOutCountsOnce(t *testing.T) {
	t.Parallel()
	for name, used := range map[string]bool{"used": true, "withdrawn": false} {
		synctest.Test(t, func(t *testing.T) {
			l := new(shared)
			a, b := newAsker(queue(budget(100, 3), ratelimit.WithLedger(l))), newAsker(queue(budget(100, 3), ratelimit.WithLedger(l)))
			a.keep = true
			a.ask(0)
			run(2*time.Second, a, b)
			b.ask(1)
			run(2*time.Second, a, b)
			a.ask(2)
			run(2*time.Second, a, b)
			same(t, name, a.order, 0, 2)
			want := 97
			if a.used(2); used {
				a.used(0)
			} else {
				a.withdraw(0)
				want++
			}
			run(time.Minute, a, b)
			total := 0
			for _, n := range counts(l.state, time.Now()) {
				total += n
			}
			if total != 100-want || l.state.Remaining != want || a.stats().Remaining != want {
				t.Errorf("%s: in the ledger %d of the day, and %d left; to itself %d are left; want %d", name, total, l.state.Remaining, a.stats().Remaining, want)
			}
		})
	}
}

// TestWhatCouldNotBeToldIsToldLater: the queue says when it is to be called for that, though nobody waits.
func TestWhatCouldNotBeToldIsToldLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := new(shared)
		q := queue(budget(100, 1), ratelimit.WithLedger(l))
		now := time.Now()
		step := func() (next time.Time) {
			for {
				_, next = q.Decide(now)
				do, done := q.Work(now)
				if do == nil {
					return next
				}
				do(t.Context())
				done(now)
			}
		}
		q.Ask(now, shard(0))
		step()
		now = now.Add(time.Second)
		l.fail = errors.New("the disk is full")
		q.Used(now, shard(0))
		for range 3 {
			next := step()
			if wait := next.Sub(now); wait < time.Second || wait > time.Minute {
				t.Fatalf("it is to be called again after %v", wait)
			}
			now = next
		}
		l.fail = nil
		saves := l.saves
		if step(); l.saves != saves+1 || len(l.state.Written) != 0 || l.state.Remaining != 99 {
			t.Errorf("saved %d times, %+v", l.saves-saves, l.state)
		}
	})
}
