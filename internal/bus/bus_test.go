package bus_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
)

func silent() bus.Config {
	return bus.Config{
		HighWater: 10, LowWater: 5,
		Panicked: func(string, *events.Raw, events.Meta, any) {}, Failed: func(*events.Raw, events.Meta, error) {},
	}
}

func at(shard int, seq int64) events.Meta {
	return events.Meta{Shard: events.ShardID{Index: shard, Total: 8}, Session: 1, Seq: seq}
}

func key(shard int) events.ShardKey { return at(shard, 0).Key() }

func post(b *bus.Bus, raw events.Raw, meta events.Meta) (full bool) {
	return b.Shard(meta.Key()).Publish(raw, meta)
}

func settled(b *bus.Bus, shard int) (session uint64, seq int64) { return b.Shard(key(shard)).Settled() }

func TestOrderForEachShardAndSubscriber(t *testing.T) {
	t.Parallel()
	b := bus.New(silent())
	const shards, each = 8, 2000
	var count atomic.Int64
	for range 3 {
		last := make([]int64, shards)
		b.Subscribe(bus.Subscription{Handle: func(_ context.Context, _ any, m events.Meta) {
			if m.Seq != last[m.Shard.Index]+1 {
				t.Errorf("shard %d: %d after %d", m.Shard.Index, m.Seq, last[m.Shard.Index])
			}
			last[m.Shard.Index] = m.Seq
			count.Add(1)
		}})
	}
	var all sync.WaitGroup
	for shard := range shards {
		all.Go(func() {
			for seq := range int64(each) {
				post(b, events.Raw{Type: "X"}, at(shard, seq+1))
			}
		})
	}
	all.Wait()
	if cut := b.Close(t.Context()); cut != nil || count.Load() != 3*shards*each {
		t.Errorf("%d calls, %v", count.Load(), cut)
	}
}

func TestDecodedOnceAndOnlyWhatIsWanted(t *testing.T) {
	t.Parallel()
	failed, panicked := 0, 0
	cfg := silent()
	cfg.Failed = func(*events.Raw, events.Meta, error) { failed++ }
	cfg.Panicked = func(string, *events.Raw, events.Meta, any) { panicked++ }
	b := bus.New(cfg)
	var decodes, calls atomic.Int64
	sub := bus.Subscription{Types: []events.Type{"A"}, Key: "a",
		Decode: func(raw *events.Raw) (any, error) {
			decodes.Add(1)
			if raw.Seq == 2 {
				return nil, errors.New("bad")
			}
			if raw.Seq == 3 {
				return "decoded", errors.New("odd")
			}
			return "decoded", nil
		},
		Handle: func(_ context.Context, event any, m events.Meta) {
			if event != "decoded" {
				t.Errorf("got %v", event)
			}
			calls.Add(1)
		}}
	b.Subscribe(sub)
	b.Subscribe(sub)
	cancel := b.Subscribe(bus.Subscription{Handle: func(_ context.Context, event any, m events.Meta) {
		if raw := event.(*events.Raw); raw.Type == "A" && m.Seq == 3 {
			panic("boom")
		}
	}})
	for seq := range int64(4) {
		post(b, events.Raw{Type: "A", Seq: seq + 1}, at(0, seq+1))
	}
	post(b, events.Raw{Type: "B"}, at(0, 5))
	if cut := b.Close(t.Context()); cut != nil {
		t.Fatal(cut)
	}
	cancel()
	if decodes.Load() != 4 || calls.Load() != 6 || failed != 2 || panicked != 1 {
		t.Errorf("decodes %d, calls %d, failed %d, panicked %d, want 4, 6, 2, 1", decodes.Load(), calls.Load(), failed, panicked)
	}
	if session, seq := settled(b, 0); session != 1 || seq != 5 {
		t.Errorf("settled: session %d up to %d", session, seq)
	}
}

func TestFullAndDrained(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var drained atomic.Int64
		cfg := silent()
		b := bus.New(cfg)
		b.Shard(key(0)).OnCaughtUp(func() { drained.Add(1) })
		gate := make(chan struct{})
		b.Subscribe(bus.Subscription{Handle: func(context.Context, any, events.Meta) { <-gate }})
		for seq := range int64(10) {
			if full := post(b, events.Raw{}, at(0, seq+1)); full != (seq == 9) {
				t.Errorf("after %d events full is %v", seq+1, full)
			}
		}
		if post(b, events.Raw{}, at(1, 1)) {
			t.Error("another shard is full as well")
		}
		for n := range 6 {
			gate <- struct{}{}
			synctest.Wait()
			_ = n
		}
		close(gate)
		synctest.Wait()
		if drained.Load() != 1 {
			t.Errorf("drained %d times", drained.Load())
		}
		if _, seq := settled(b, 0); seq != 10 {
			t.Errorf("settled up to %d", seq)
		}
	})
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := bus.New(silent())
		var calls atomic.Int64
		b.Subscribe(bus.Subscription{Name: "slow", Handle: func(ctx context.Context, _ any, _ events.Meta) {
			calls.Add(1)
			<-ctx.Done() // it ends when the bus does
		}})
		post(b, events.Raw{}, at(0, 1))
		post(b, events.Raw{}, at(0, 2))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if cut := b.Close(ctx); len(cut) != 1 || cut[0] != (bus.CutOff{Handler: "slow", Running: 1, Waiting: 1}) {
			t.Errorf("Close: %v", cut)
		}
		synctest.Wait()
		post(b, events.Raw{}, at(0, 3))
		if _, seq := settled(b, 0); calls.Load() != 1 || seq != 1 {
			t.Errorf("%d calls, settled up to %d: what has not begun must stay unsettled", calls.Load(), seq)
		}
	})
}

// TestCloseTakesNoMore: what is published while it waits is neither handled, sent nor waited for, and holds no publisher up. It may
// be called several times at once.
func TestCloseTakesNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, h, m := bus.New(silent()), newStuck(), new(mailbox)
		b.Subscribe(bus.Subscription{Handle: h.handle})
		b.Subscribe(m.subscription(100))
		publish(b, 1, 3, "X", nil)
		var closes sync.WaitGroup
		var closed atomic.Int64
		for range 3 {
			closes.Go(func() {
				if cut := b.Close(t.Context()); cut != nil {
					t.Error(cut)
				}
				closed.Add(1)
			})
		}
		synctest.Wait()
		if full := publish(b, 4, 20, "X", nil); full != 0 {
			t.Errorf("full after %d events", full)
		}
		h.release(3)
		if _, seq := settled(b, 0); len(h.got) != 3 || len(m.seqs) != 3 || seq != 0 || closed.Load() != 0 {
			t.Errorf("%d were handled, %d sent, want 3 of each; settled up to %d; %d have closed", len(h.got), len(m.seqs), seq, closed.Load())
		}
		for _, settle := range m.settles {
			settle()
		}
		closes.Wait()
		if _, seq := settled(b, 0); seq != 3 || post(b, events.Raw{Type: "X"}, at(1, 1)) {
			t.Errorf("settled up to %d, want 3", seq)
		}
	})
}

func TestCancelledSubscriberHoldsNothingUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := bus.New(silent())
		begun, gate := make(chan struct{}), make(chan struct{})
		calls := 0
		cancel := b.Subscribe(bus.Subscription{Handle: func(context.Context, any, events.Meta) {
			calls++
			begun <- struct{}{}
			<-gate
		}})
		for seq := range int64(5) {
			post(b, events.Raw{}, at(0, seq+1))
		}
		<-begun
		cancel()
		close(gate)
		synctest.Wait()
		if _, seq := settled(b, 0); calls != 1 || seq != 5 {
			t.Errorf("%d calls, settled up to %d", calls, seq)
		}
	})
}

func BenchmarkPublish(b *testing.B) {
	for _, subscribers := range []int{0, 1} {
		b.Run([]string{"nobody", "one raw"}[subscribers], func(b *testing.B) {
			cfg := silent()
			cfg.HighWater = 1 << 30
			box := bus.New(cfg)
			if subscribers > 0 {
				box.Subscribe(bus.Subscription{Handle: func(context.Context, any, events.Meta) {}})
			}
			shard := box.Shard(key(0))
			b.ReportAllocs()
			for i := int64(1); b.Loop(); i++ {
				shard.Publish(events.Raw{Type: "X"}, at(0, i))
			}
			if cut := box.Close(context.Background()); cut != nil {
				b.Fatal(cut)
			}
		})
	}
}

// TestEachEventIsCountedOnce that is published: however many want it, and whether it was held. What is skipped or dropped, or comes after the end, is not.
func TestEachEventIsCountedOnce(t *testing.T) {
	t.Parallel()
	cfg, counted, replayed := silent(), "", 0
	cfg.Count = func(of events.Type, again bool) {
		counted += string(of)
		if again {
			replayed++
		}
	}
	b := bus.New(cfg)
	sh := b.Shard(key(0))
	sh.Publish(events.Raw{Type: "A"}, at(0, 1)) // nobody wants it
	for range 2 {
		b.Subscribe(bus.Subscription{Types: []events.Type{"B"}, Handle: func(context.Context, any, events.Meta) {}})
	}
	again := at(0, 2)
	again.Replayed = true
	sh.Publish(events.Raw{Type: "B"}, again)
	sh.Skip(at(0, 3))
	sh.Hold(at(0, 4)).Drop()
	sh.Hold(at(0, 5)).Publish(events.Raw{Type: "C"})
	b.Close(t.Context())
	sh.Publish(events.Raw{Type: "D"}, at(0, 6))
	if counted != "ABC" || replayed != 1 {
		t.Errorf("%q were counted, %d of them replayed; want ABC, and one", counted, replayed)
	}
}
