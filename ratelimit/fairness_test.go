package ratelimit_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// TestShardsThatFailDoNotHoldOthersBack: low shards whose Identifies keep failing come again and again, and a higher one, which has
// had none, does not wait for all of that.
//
// Failures: F43.
func TestShardsThatFailDoNotHoldOthersBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := ratelimit.Local(ratelimit.SessionStart{Total: 1000, Remaining: 1000, ResetAfter: 24 * time.Hour, MaxConcurrency: 1}).Identify()
		order := make(chan int, 100)
		var ask func(shard int)
		ask = func(shard int) {
			queue.Enqueue(shard, func(p ratelimit.Permit) {
				p.Used()
				order <- shard
				time.AfterFunc(time.Second, func() { ask(shard) })
			})
		}
		for shard := range 3 {
			ask(shard)
		}
		time.Sleep(time.Minute)
		for len(order) > 0 {
			<-order
		}
		ask(9)
		for waited := 0; ; waited++ {
			if shard := <-order; shard == 9 {
				return
			}
			if waited > 2 {
				t.Fatalf("shard 9 was overtaken %d times", waited)
			}
		}
	})
}

// TestFailingShardSpendsHalfOfWhatMayBeSpentAtOnce: of a budget of 1,000, with a reserve of 100, that is 450; the rest is spread over the day.
//
// Failures: F34.
func TestFailingShardSpendsHalfOfWhatMayBeSpentAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := queue(budget(1000, 1), ratelimit.WithReserve(100))
		var over atomic.Bool
		var ask func()
		ask = func() {
			queue.Enqueue(0, func(p ratelimit.Permit) {
				p.Used()
				if !over.Load() {
					go ask()
				}
			})
		}
		ask()
		time.Sleep(time.Hour) // 685 times 5.25 s
		if spent := 1000 - queue.Stats().Remaining; spent < 440 || spent > 480 {
			t.Errorf("%d Identifies within an hour, want about 450", spent)
		}
		time.Sleep(22 * time.Hour)
		if left := queue.Stats().Remaining; left < 100 || left > 160 {
			t.Errorf("%d are left after 23 hours, want the reserve and a few", left)
		}
		over.Store(true)
		time.Sleep(2 * time.Hour)
	})
}

// TestFleetWhoseShardsAskInTurnStartsInOrder: the lowest of each key goes at once, and the others when their turn comes.
func TestFleetWhoseShardsAskInTurnStartsInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAsker(queue(budget(1000, 2)))
		for shard := 7; shard >= 0; shard-- {
			a.ask(shard)
			time.Sleep(10 * time.Millisecond)
		}
		same(t, "the order", a.answered(time.Minute), 1, 0, 3, 2, 5, 4, 7, 6)
	})
}
