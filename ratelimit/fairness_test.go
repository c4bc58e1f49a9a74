package ratelimit_test

import (
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
