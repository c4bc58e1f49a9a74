package bus_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
)

// draining is a bus that counts how often a shard was drained.
func draining(high, low int) (b *bus.Bus, drained *int) {
	cfg := silent()
	drained = new(int)
	cfg.HighWater, cfg.LowWater = high, low
	b = bus.New(cfg)
	b.Shard(key(0)).OnCaughtUp(func() { *drained++ })
	return b, drained
}

// TestOwnQueueFillsAndDrains: a Block handler's own queue makes its shard full by itself, and lets it go when half of it is
// done: every time, and no other shard.
func TestOwnQueueFillsAndDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, drained := draining(1000, 500)
		h := newStuck()
		b.Subscribe(bus.Subscription{Queue: 4, Handle: h.handle})
		for round := range 3 {
			first := int64(round)*7 + 1
			if full := publish(b, first, first+6, "X", nil); full != first+4 { // one is at the handler
				t.Errorf("round %d: full after %d events", round, full-first+1)
			}
			if post(b, events.Raw{Type: "X"}, at(1, first)) {
				t.Error("another shard is full as well")
			}
			h.release(3)
			if *drained != round {
				t.Errorf("round %d: drained while 3 wait", round)
			}
			h.release(1)
			if *drained != round+1 {
				t.Errorf("round %d: drained %d times", round, *drained)
			}
			h.release(3)
		}
		if len(h.got) != 21 || !slices.IsSorted(h.got) || *drained != 3 {
			t.Errorf("got %v, drained %d times", h.got, *drained)
		}
	})
}

// TestFullIsOverWhenEveryQueueIs: of two handlers whose queues are full, the one that catches up does not let the shard go.
// One that is cancelled does.
func TestFullIsOverWhenEveryQueueIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, drained := draining(1000, 500)
		quick, slow, leaving := newStuck(), newStuck(), newStuck()
		b.Subscribe(bus.Subscription{Queue: 4, Handle: quick.handle})
		b.Subscribe(bus.Subscription{Queue: 2, Handle: slow.handle})
		cancel := b.Subscribe(bus.Subscription{Queue: 3, Handle: leaving.handle})
		if full := publish(b, 1, 6, "X", nil); full != 3 {
			t.Errorf("full after %d events", full)
		}
		quick.release(6)
		cancel()
		leaving.release(1)
		if *drained != 0 {
			t.Error("drained while a queue is full")
		}
		slow.release(4)
		if *drained != 1 {
			t.Errorf("drained %d times", *drained)
		}
		slow.release(2)
		if _, seq := settled(b, 0); seq != 6 || len(leaving.got) != 1 {
			t.Errorf("settled up to %d; who left got %v", seq, leaving.got)
		}
	})
}

// TestStuckHandlerKeepsTheReaderStopped: an event waits until every Block handler has had it, whatever the others do. One that
// drops is not waited for, and what it has does not count.
func TestStuckHandlerKeepsTheReaderStopped(t *testing.T) {
	t.Parallel()
	for _, dropsFirst := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b, drained := draining(10, 5)
			quick, slow, drops := newStuck(), newStuck(), newStuck()
			subs := []bus.Subscription{{Handle: quick.handle}, {Handle: slow.handle}, {Overflow: bus.DropOldest, Queue: 100, Handle: drops.handle}}
			if dropsFirst {
				slices.Reverse(subs)
			}
			for _, sub := range subs {
				b.Subscribe(sub)
			}
			if full := publish(b, 1, 12, "X", nil); full != 10 {
				t.Errorf("full after %d events", full)
			}
			quick.release(12)
			drops.release(12)
			slow.release(6)
			if *drained != 0 {
				t.Error("drained while 6 wait for the slow handler")
			}
			slow.release(1)
			if *drained != 1 {
				t.Errorf("drained %d times", *drained)
			}
			if _, seq := settled(b, 0); seq != 7 {
				t.Errorf("settled up to %d", seq)
			}
			if full := publish(b, 13, 17, "X", nil); full != 17 {
				t.Errorf("full again after %d", full)
			}
			close(quick.gate)
			close(slow.gate)
			synctest.Wait()
			if _, seq := settled(b, 0); seq != 12 || *drained != 2 {
				t.Errorf("settled up to %d, drained %d times", seq, *drained)
			}
			close(drops.gate)
			synctest.Wait()
			if _, seq := settled(b, 0); seq != 17 {
				t.Errorf("in the end settled up to %d", seq)
			}
		})
	}
}

// TestHandlerThatDropsHoldsNothingUp: however far behind it is, the shard is not full.
func TestHandlerThatDropsHoldsNothingUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, drained := draining(10, 5)
		quick, drops := newStuck(), newStuck()
		close(quick.gate)
		b.Subscribe(bus.Subscription{Overflow: bus.DropOldest, Queue: 50, Handle: drops.handle})
		b.Subscribe(bus.Subscription{Handle: quick.handle})
		if full := publish(b, 1, 100, "X", nil); full != 0 || len(quick.got) != 100 {
			t.Errorf("full after %d events; the other handler got %d", full, len(quick.got))
		}
		close(drops.gate)
		synctest.Wait()
		if _, seq := settled(b, 0); seq != 100 || len(drops.got) != 51 || *drained != 0 {
			t.Errorf("settled up to %d, %d handled, drained %d times", seq, len(drops.got), *drained)
		}
	})
}

// TestWhatNobodyWantsIsSettled at once, in its place; shards that come later leave those before them as they are.
func TestWhatNobodyWantsIsSettled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, h := bus.New(silent()), newStuck()
		b.Subscribe(bus.Subscription{Types: []events.Type{"X"}, Handle: h.handle})
		settled := func(shard int, want int64) {
			t.Helper()
			if _, seq := settled(b, shard); seq != want {
				t.Errorf("shard %d is settled up to %d, want %d", shard, seq, want)
			}
		}
		settled(40, 0)
		publish(b, 1, 3, "Y", nil)
		settled(0, 3)
		publish(b, 4, 4, "X", nil)
		publish(b, 5, 5, "Y", nil)
		settled(0, 3)
		h.release(1)
		settled(0, 5)
		publish(b, 0, 0, "Y", nil) // one without a sequence
		settled(0, 5)
		post(b, events.Raw{Type: "X"}, at(40, 7)) // beyond the total that it tells
		synctest.Wait()
		settled(40, 7)
		settled(39, 0)
		settled(0, 5)
		if types := b.Types(); !slices.Equal(types, []events.Type{"X"}) {
			t.Errorf("types: %v", types)
		}
	})
}

// TestOwnQueueWaitsForItselfAlone: when the queue has room that has made the shard full, the shard goes on, however much waits for others,
// unless that was too much.
func TestOwnQueueWaitsForItselfAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, drained := draining(10, 5)
		slow, small := newStuck(), newStuck()
		b.Subscribe(bus.Subscription{Handle: slow.handle})
		b.Subscribe(bus.Subscription{Queue: 2, Types: []events.Type{"SMALL"}, Handle: small.handle})
		publish(b, 1, 5, "X", nil)
		if full := publish(b, 6, 8, "SMALL", nil); full != 8 { // one is at the handler
			t.Errorf("full after event %d", full)
		}
		if small.release(1); *drained != 1 {
			t.Errorf("the queue has room, 8 wait for the other handler, of 10: drained %d times", *drained)
		}
		if full := publish(b, 9, 9, "X", nil); full != 0 {
			t.Error("full while neither handler is")
		}
		if full := publish(b, 10, 10, "SMALL", nil); full != 10 {
			t.Errorf("full after event %d", full)
		}
		if small.release(3); *drained != 1 {
			t.Error("drained while 10 wait")
		}
		if slow.release(4); *drained != 1 {
			t.Error("drained while 6 wait: half of too many is 5")
		}
		publish(b, 11, 13, "SMALL", nil)
		if slow.release(4); *drained != 1 { // now 5 wait, and the small queue is full
			t.Error("drained while a queue is full")
		}
		publish(b, 14, 15, "X", nil)
		if small.release(1); *drained != 2 {
			t.Errorf("7 wait, which were few meanwhile, and the queue has room: drained %d times", *drained)
		}
		close(slow.gate)
		close(small.gate)
		synctest.Wait()
		if _, seq := settled(b, 0); seq != 15 || *drained != 2 {
			t.Errorf("settled up to %d, drained %d times", seq, *drained)
		}
	})
}
