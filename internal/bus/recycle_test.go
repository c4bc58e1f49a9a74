package bus_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
)

// TestNoShardStaysFull: what several subscribers handle at once is counted once, and so a shard that is full
// always drains, whatever the others do.
func TestNoShardStaysFull(t *testing.T) {
	t.Parallel()
	const shards, subscribers, each = 4, 4, 200_000
	var drained [shards]chan struct{}
	for i := range drained {
		drained[i] = make(chan struct{}, 1)
	}
	cfg := silent()
	cfg.HighWater, cfg.LowWater = 64, 0
	b := bus.New(cfg)
	for shard := range drained {
		b.Shard(key(shard)).OnCaughtUp(func() {
			select {
			case drained[shard] <- struct{}{}:
			default:
			}
		})
	}
	var count atomic.Int64
	for range subscribers {
		b.Subscribe(bus.Subscription{Handle: func(context.Context, any, events.Meta) { count.Add(1) }})
	}
	var all sync.WaitGroup
	for shard := range shards {
		all.Go(func() {
			for seq := range int64(each) {
				if !post(b, events.Raw{Type: "X", Seq: seq + 1}, at(shard, seq+1)) {
					continue
				}
				select {
				case <-drained[shard]:
				case <-time.After(10 * time.Second):
					t.Errorf("shard %d is full for ever, after %d events", shard, seq+1)
					return
				}
			}
		})
	}
	all.Wait()
	if cut := b.Close(t.Context()); cut != nil || !t.Failed() && count.Load() != shards*subscribers*each {
		t.Errorf("%d calls, %v", count.Load(), cut)
	}
}
