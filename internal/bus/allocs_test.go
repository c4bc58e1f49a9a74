//go:build !race

package bus_test

import (
	"context"
	"testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
)

// TestEventOnItsWayCostsNoMemory: what an event needs under way is used again for the next one. It runs alone, since it counts for the process.
func TestEventOnItsWayCostsNoMemory(t *testing.T) {
	for _, overflow := range []bus.Overflow{bus.Block, bus.DropOldest, bus.Coalesce} {
		cfg := silent()
		cfg.HighWater = 1 << 20
		b := bus.New(cfg)
		b.Subscribe(bus.Subscription{Overflow: overflow, Handle: func(context.Context, any, events.Meta) {}})
		shard, raw, meta := b.Shard(key(0)), events.Raw{Type: "X"}, at(0, 1)
		if each := testing.AllocsPerRun(50_000, func() { shard.Publish(raw, meta) }); each != 0 {
			t.Errorf("overflow %v: %v allocations for each event", overflow, each)
		}
		if cut := b.Close(t.Context()); cut != nil {
			t.Error(cut)
		}
	}
}

// skips is a tracer that follows nothing.
type skips struct{ bus.Tracer }

func (skips) Receive(context.Context, events.Type, events.Meta) context.Context { return nil }

// TestEventThatIsNotFollowedCostsNoMemory, though a tracer is asked about it.
func TestEventThatIsNotFollowedCostsNoMemory(t *testing.T) {
	cfg := silent()
	cfg.HighWater, cfg.Tracer = 1<<20, skips{}
	b := bus.New(cfg)
	b.Subscribe(bus.Subscription{Handle: func(context.Context, any, events.Meta) {}})
	shard, raw, meta := b.Shard(key(0)), events.Raw{Type: "X"}, at(0, 1)
	if each := testing.AllocsPerRun(50_000, func() { shard.Publish(raw, meta) }); each != 0 {
		t.Errorf("%v allocations for each event", each)
	}
	if cut := b.Close(t.Context()); cut != nil {
		t.Error(cut)
	}
}
