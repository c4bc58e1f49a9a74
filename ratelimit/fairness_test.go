package ratelimit_test

import (
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
