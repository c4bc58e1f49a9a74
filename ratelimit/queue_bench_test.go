package ratelimit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// BenchmarkQueue is one step each with so many shards waiting.
func BenchmarkQueue(b *testing.B) {
	for _, shards := range []int{100, 10_000} {
		for _, keys := range []int{1, 64} {
			now := time.Unix(1_000_000, 0)
			q := queue(budget(1_000_000_000, keys))
			for index := range shards {
				q.Ask(now, shard(index))
			}
			b.Run(fmt.Sprintf("ask and withdraw/%d waiting %d keys", shards, keys), func(b *testing.B) {
				b.ReportAllocs()
				for n := 0; b.Loop(); n++ {
					q.Withdraw(now, shard(n%shards))
					q.Ask(now, shard(n%shards))
				}
			})
			b.Run(fmt.Sprintf("decide/%d waiting %d keys", shards, keys), func(b *testing.B) {
				b.ReportAllocs()
				var next time.Time
				for b.Loop() {
					var decisions []ratelimit.Decision
					if decisions, next = q.Decide(now); len(decisions) == 0 {
						now = next
					}
					for _, d := range decisions {
						q.Used(now, d.Shard)
						q.Ask(now, d.Shard)
					}
				}
			})
		}
	}
}
