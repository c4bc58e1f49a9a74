package ratelimit_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/ratelimit/limitertest"
)

// TestShardsThatFailDoNotHoldOthersBack: low shards whose Identifies keep failing come again and again, and a higher one, which has
// had none, does not wait for all of that.
//
// Failures: F43.
func TestShardsThatFailDoNotHoldOthersBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := limitertest.NewOwner(queue(budget(1000, 1)))
		var order []int
		o.Decided = func(d ratelimit.Decision) {
			order = append(order, d.Shard.Index)
			o.Used(d.Shard)
			o.After(time.Second, func() { o.Ask(d.Shard) })
		}
		for index := range 3 {
			o.Ask(shard(index))
		}
		o.Run(time.Minute)
		order = nil
		o.Ask(shard(9))
		o.Run(time.Minute)
		if waited := slices.Index(order, 9); waited < 0 || waited > 2 {
			t.Fatalf("shard 9 was overtaken by %v", order)
		}
	})
}

// TestFailingShardSpendsHalfOfWhatMayBeSpentAtOnce: of a budget of 1,000, with a reserve of 100, that is 450; the rest is spread over the day.
//
// Failures: F34.
func TestFailingShardSpendsHalfOfWhatMayBeSpentAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := queue(budget(1000, 1), ratelimit.WithReserve(100))
		o := limitertest.NewOwner(q)
		o.Decided = func(d ratelimit.Decision) {
			if d.Err == nil {
				o.Used(d.Shard)
			}
			o.After(time.Millisecond, func() { o.Ask(d.Shard) })
		}
		o.Ask(shard(0))
		o.Run(time.Hour) // 685 times 5.25 s
		if spent := 1000 - q.Stats(time.Now()).Remaining; spent < 440 || spent > 480 {
			t.Errorf("%d Identifies within an hour, want about 450", spent)
		}
		o.Run(22 * time.Hour)
		if left := q.Stats(time.Now()).Remaining; left < 100 || left > 160 {
			t.Errorf("%d are left after 23 hours, want the reserve and a few", left)
		}
	})
}

// TestFleetWhoseShardsAskInTurnStartsInOrder: the lowest of each key goes at once, and the others when their turn comes.
func TestFleetWhoseShardsAskInTurnStartsInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAsker(queue(budget(1000, 2)))
		for index := 7; index >= 0; index-- {
			a.ask(index)
			a.Run(10 * time.Millisecond)
		}
		a.Run(time.Minute)
		if want := []int{1, 0, 3, 2, 5, 4, 7, 6}; !slices.Equal(a.order, want) {
			t.Errorf("the order: %v, want %v", a.order, want)
		}
	})
}

// TestPermitGivenBackIsNoTurn: a shard whose permits are given back unused, by itself or since the ledger could not be written, has had
// none: those that come after it do not overtake it for that.
func TestPermitGivenBackIsNoTurn(t *testing.T) {
	t.Parallel()
	order := func(t *testing.T, a *asker) {
		t.Helper()
		a.keep, a.order = false, nil
		a.Run(10 * time.Second)
		a.ask(2) // it holds the lane for an interval
		a.Run(time.Second)
		a.ask(0, 1)
		same(t, "who was granted", a.answered(30*time.Second), 2, 0, 1)
	}
	t.Run("withdrawn", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			a := newAsker(queue(budget(1000, 1)))
			a.keep = true
			for range 5 {
				a.ask(0)
				a.Run(time.Second)
				a.withdraw(0)
			}
			order(t, a)
		})
	})
	t.Run("not written down", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			l := &ledger{}
			a := newAsker(queue(budget(1000, 1), ratelimit.WithLedger(l)))
			l.fails(nil, errors.New("a full disk"), false)
			for range 5 {
				a.ask(0)
				a.Run(10 * time.Second)
			}
			l.fails(nil, nil, false)
			order(t, a)
		})
	})
}
