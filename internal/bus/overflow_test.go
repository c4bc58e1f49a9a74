package bus_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
)

// stuck is a handler that keeps what it was called with of shard 0, each call until it is let go.
type stuck struct {
	got  []int64
	gate chan struct{}
}

func newStuck() *stuck { return &stuck{gate: make(chan struct{})} }

func (s *stuck) handle(_ context.Context, _ any, m events.Meta) {
	if m.Shard.Index != 0 {
		return
	}
	<-s.gate
	s.got = append(s.got, m.Seq)
}

// release lets n calls go on, and what follows come to rest.
func (s *stuck) release(n int) {
	for range n {
		s.gate <- struct{}{}
	}
	synctest.Wait()
}

// publish publishes events of shard 0, lets each come to rest, and returns the first after which the shard was full.
func publish(b *bus.Bus, from, to int64, typ events.Type, data func(seq int64) string) (full int64) {
	for seq := from; seq <= to; seq++ {
		raw := events.Raw{Type: typ}
		if data != nil {
			raw.Data = []byte(data(seq))
		}
		if post(b, raw, at(0, seq)) && full == 0 {
			full = seq
		}
		synctest.Wait()
	}
	return full
}

func byData(r events.Raw) string { return string(r.Data) }

// TestCoalesceKeepsFirstAndNewestAndReady: of the events of a key that wait, those between the first and the newest are shed.
func TestCoalesceKeepsFirstAndNewestAndReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg, shed := silent(), 0
		cfg.Shed = func(s bus.Shed) { shed += s.Count }
		b, h := bus.New(cfg), newStuck()
		b.Subscribe(bus.Subscription{Overflow: bus.Coalesce, KeyOf: byData, Queue: 8, Handle: h.handle})
		publish(b, 1, 1, "X", nil)
		publish(b, 2, 2, events.TypeReady, nil)
		if full := publish(b, 3, 500, "X", func(seq int64) string { return string('a' + rune(seq%2)) }); full != 0 {
			t.Errorf("it blocks at %d", full)
		}
		close(h.gate)
		synctest.Wait()
		if want := []int64{1, 2, 3, 4, 499, 500}; !slices.Equal(h.got, want) || shed != 500-len(want) {
			t.Errorf("got %v, want %v; shed %d", h.got, want, shed)
		}
		if _, seq := settled(b, 0); seq != 500 {
			t.Errorf("settled up to %d", seq)
		}
		publish(b, 501, 503, "X", func(int64) string { return "a" }) // nothing waits: nothing to shed
		if len(h.got) != 9 {
			t.Errorf("at rest it got %v", h.got)
		}
	})
}

// TestCoalesceBeyondItsQueueDropsTheOldest: more keys than places, and events whose key is empty, panics or ends its goroutine.
func TestCoalesceBeyondItsQueueDropsTheOldest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, h := bus.New(silent()), newStuck()
		b.Subscribe(bus.Subscription{Overflow: bus.Coalesce, Queue: 4, Handle: h.handle, KeyOf: func(r events.Raw) string {
			switch string(r.Data) {
			case "bad":
				panic("a bug in KeyOf")
			case "ends":
				runtime.Goexit()
			}
			return string(r.Data)
		}})
		keys := []string{"", "", "bad", "ends", "", "a", "b", "c", "a", "a", "d"}
		if full := publish(b, 0, 10, "X", func(seq int64) string { return keys[seq] }); full != 0 {
			t.Errorf("it blocks at %d", full)
		}
		close(h.gate)
		synctest.Wait()
		// 1 to 4 make room for 5 to 8; 8 is the newest of a, and makes room for 9; 5 makes room for 10.
		if want := []int64{0, 6, 7, 9, 10}; !slices.Equal(h.got, want) {
			t.Errorf("got %v, want %v", h.got, want)
		}
	})
}

// TestNewestBecomesTheFirst when the first is handled: of a key, never more than two wait. Events without a key all do.
func TestNewestBecomesTheFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, h := bus.New(silent()), newStuck()
		b.Subscribe(bus.Subscription{Overflow: bus.Coalesce, Queue: 100, Handle: h.handle, KeyOf: func(r events.Raw) string {
			if len(r.Data) == 0 {
				panic("a bug in KeyOf")
			}
			return string(r.Data[1:])
		}})
		a := func(int64) string { return "-a" }
		publish(b, 1, 3, "X", a)
		h.release(1)
		publish(b, 4, 5, "X", a) // 2 is at the handler, 3 is the first: 4 makes room for 5
		publish(b, 6, 8, "X", nil)
		publish(b, 9, 11, "X", func(int64) string { return "-" })
		close(h.gate)
		synctest.Wait()
		if want := []int64{1, 2, 3, 5, 6, 7, 8, 9, 10, 11}; !slices.Equal(h.got, want) {
			t.Errorf("got %v, want %v", h.got, want)
		}
	})
}

// TestNothingIsKeptOfKeysAtRest: an event's key is forgotten with it, whether it was handled or shed. Not parallel: it measures the heap.
func TestNothingIsKeptOfKeysAtRest(t *testing.T) {
	const size, events = 256 << 10, 40
	heap := func() int64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.GC() // what lies in a pool goes at the second
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	for name, each := range map[string]int64{"each once": 1, "first and newest": 2, "shed between": 5} {
		synctest.Test(t, func(t *testing.T) {
			b, h := bus.New(silent()), newStuck()
			b.Subscribe(bus.Subscription{Overflow: bus.Coalesce, KeyOf: byData, Queue: 12, Handle: h.handle})
			keyed := func(seq int64) string { return strings.Repeat("k", size) + fmt.Sprint(seq/each) }
			before := heap()
			publish(b, 0, events-1, "X", keyed) // while the handler is stuck
			close(h.gate)
			synctest.Wait()
			publish(b, events, 2*events-1, "X", keyed) // and while it is not
			if grew := heap() - before; grew > size/2 {
				t.Errorf("%s: the heap grew by %d KiB", name, grew>>10)
			}
			publish(b, 2*events, 2*events, "X", nil)
			if last := len(h.got) - 1; h.got[last] != 2*events {
				t.Errorf("%s: the last that was handled is %d", name, h.got[last])
			}
		})
	}
}

// TestShedsOfAStuckHandlerAreTold while it is stuck, a queue's length at a time; the rest before its next call. A report is of
// one session.
func TestShedsOfAStuckHandlerAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []bus.Shed
		cfg := silent()
		cfg.Shed = func(s bus.Shed) { told = append(told, s) }
		b, h := bus.New(cfg), newStuck()
		b.Subscribe(bus.Subscription{Name: "slow", Overflow: bus.DropOldest, Queue: 4, Handle: h.handle})
		if full := publish(b, 1, 16, "X", nil); full != 0 { // 1 is at the handler, 2 to 12 are shed
			t.Errorf("it blocks at %d", full)
		}
		shard := key(0)
		want := []bus.Shed{{shard, 1, "slow", 2, 5, 4}, {shard, 1, "slow", 6, 9, 4}}
		if !slices.Equal(told, want) {
			t.Errorf("while it is stuck: %+v, want %+v", told, want)
		}
		if q := b.Queues(); len(q) != 1 || q[0] != (bus.Queue{Name: "slow", Shard: key(0), Depth: 4, High: 4, Limit: 4, Shed: 11}) {
			t.Errorf("queues: %+v", q)
		}
		second := at(0, 1)
		second.Session = 2
		for range 5 { // 13 to 16, then the first of them
			post(b, events.Raw{Type: "X"}, second)
			second.Seq++
		}
		h.release(1)
		want = append(want, bus.Shed{shard, 1, "slow", 10, 13, 4}, bus.Shed{shard, 1, "slow", 14, 16, 3}, bus.Shed{shard, 2, "slow", 1, 1, 1})
		if !slices.Equal(told, want) {
			t.Errorf("in the end: %+v, want %+v", told, want)
		}
		close(h.gate)
		synctest.Wait()
		if session, seq := settled(b, 0); session != 2 || seq != 5 || !slices.Equal(h.got, []int64{1, 2, 3, 4, 5}) {
			t.Errorf("settled: session %d up to %d, got %v", session, seq, h.got)
		}
	})
}

// TestReadyIsNeverShed: a queue that is full of nothing else holds the shard up, and lets it go again.
func TestReadyIsNeverShed(t *testing.T) {
	t.Parallel()
	for _, policy := range []bus.Overflow{bus.DropOldest, bus.Coalesce} {
		synctest.Test(t, func(t *testing.T) {
			drained := 0
			cfg := silent()
			b, h := bus.New(cfg), newStuck()
			b.Shard(key(0)).OnCaughtUp(func() { drained++ })
			b.Subscribe(bus.Subscription{Overflow: policy, KeyOf: byData, Queue: 4, Handle: h.handle})
			publish(b, 1, 2, "X", nil)
			full := publish(b, 3, 8, events.TypeResumed, func(int64) string { return "same" })
			if full != 7 { // 1 is at the handler, 2 gave way to 6
				t.Errorf("policy %d: full after %d", policy, full)
			}
			h.release(4)
			if drained != 1 {
				t.Errorf("policy %d: drained %d times", policy, drained)
			}
			close(h.gate)
			synctest.Wait()
			if want := []int64{1, 3, 4, 5, 6, 7, 8}; !slices.Equal(h.got, want) || publish(b, 9, 9, "X", nil) != 0 {
				t.Errorf("policy %d: got %v", policy, h.got)
			}
		})
	}
}
