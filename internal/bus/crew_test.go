package bus_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
)

// crewed subscribes a handler that keeps each call until it is let go by its sequence.
func crewed(b *bus.Bus, sub bus.Subscription) (started *[]int64, let func(seq int64), cancel func()) {
	var mu sync.Mutex
	gates := make(map[int64]chan struct{})
	gate := func(seq int64) chan struct{} {
		mu.Lock()
		defer mu.Unlock()
		if gates[seq] == nil {
			gates[seq] = make(chan struct{})
		}
		return gates[seq]
	}
	started = new([]int64)
	sub.Handle = func(ctx context.Context, _ any, meta events.Meta) {
		mu.Lock()
		*started = append(*started, meta.Seq)
		mu.Unlock()
		select {
		case <-gate(meta.Seq):
		case <-ctx.Done():
		}
	}
	cancel = b.Subscribe(sub)
	return started, func(seq int64) {
		close(gate(seq))
		synctest.Wait()
	}, cancel
}

func inGuild(guild func(seq int64) int64) func(seq int64) string {
	return func(seq int64) string { return fmt.Sprintf(`{"guild_id":"%d"}`, guild(seq)) }
}

func itself(seq int64) int64 { return seq }

// TestWorkersFillAndDrain: back-pressure counts what waits, and what is handled, as without workers.
func TestWorkersFillAndDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, drained := draining(1000, 500)
		_, let, _ := crewed(b, bus.Subscription{Workers: 3, Queue: 4})
		if full := publish(b, 1, 8, "X", inGuild(itself)); full != 7 { // three are at the handler
			t.Errorf("its own queue is full at %d", full)
		}
		let(2)
		let(3)
		if *drained != 0 {
			t.Error("drained while 3 wait")
		}
		let(1)
		if *drained != 1 {
			t.Errorf("drained %d times", *drained)
		}
		for seq := int64(4); seq <= 8; seq++ {
			let(seq)
		}
		b, drained = draining(10, 5)
		_, let, _ = crewed(b, bus.Subscription{Workers: 3})
		if full := publish(b, 1, 12, "X", inGuild(func(int64) int64 { return 7 })); full != 10 {
			t.Errorf("the shard is full at %d", full)
		}
		for seq := int64(1); seq <= 6; seq++ {
			let(seq)
		}
		if *drained != 0 {
			t.Error("drained while 6 are not settled")
		}
		let(7)
		if *drained != 1 {
			t.Errorf("drained %d times", *drained)
		}
		for seq := int64(8); seq <= 12; seq++ {
			let(seq)
		}
	})
}

// TestWorkersSettleThePrefix, whatever is done beyond it.
func TestWorkersSettleThePrefix(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := draining(1000, 500)
		started, let, cancel := crewed(b, bus.Subscription{Workers: 3})
		publish(b, 1, 6, "X", inGuild(itself))
		for _, step := range []struct{ end, settled int64 }{{2, 0}, {3, 0}, {4, 0}, {1, 4}} {
			let(step.end)
			if _, seq := settled(b, 0); seq != step.settled {
				t.Errorf("when %d is done: settled up to %d, want %d", step.end, seq, step.settled)
			}
		}
		publish(b, 7, 9, "X", inGuild(itself))
		cancel() // 5, 6 and 7 are at work
		let(6)
		if _, seq := settled(b, 0); seq != 4 || len(*started) != 7 {
			t.Errorf("cancelled: settled up to %d, want 4; begun %v", seq, *started)
		}
		let(5)
		let(7)
		if _, seq := settled(b, 0); seq != 9 || len(*started) != 7 {
			t.Errorf("in the end: settled up to %d, want 9; begun %v", seq, *started)
		}
		if cut := b.Close(t.Context()); cut != nil {
			t.Error(cut)
		}
	})
}

// TestCloseCountsWorkers that it cannot wait for; what they had not begun stays unsettled, and of a shard that is forgotten all is handled.
func TestCloseCountsWorkers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := draining(1000, 500)
		started, let, _ := crewed(b, bus.Subscription{Workers: 2})
		shard := b.Shard(key(0))
		publish(b, 1, 5, "X", inGuild(itself))
		b.Forget(key(0))
		let(1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if cut := b.Close(ctx); !slices.Equal(cut, []bus.CutOff{{Running: 2, Waiting: 2}}) {
			t.Errorf("cut off %v", cut)
		}
		synctest.Wait()
		if _, seq := shard.Settled(); seq != 3 || !slices.Equal(*started, []int64{1, 2, 3}) {
			t.Errorf("settled up to %d, begun %v", seq, *started)
		}
	})
}

// TestOneWorkerIsNone: events of all guilds in order.
func TestOneWorkerIsNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := draining(1000, 500)
		started, let, _ := crewed(b, bus.Subscription{Workers: 1})
		publish(b, 1, 3, "X", inGuild(itself))
		for seq := int64(1); seq <= 3; seq++ {
			if len(*started) != int(seq) {
				t.Errorf("begun: %v", *started)
			}
			let(seq)
		}
	})
}

// TestGuildsAreForgotten that were handled, or shed.
func TestGuildsAreForgotten(t *testing.T) {
	const guilds = 100_000
	for _, is := range []struct {
		name string
		sub  bus.Subscription
		free bool // the handler goes on
	}{{"handled", bus.Subscription{Workers: 2}, true}, {"shed", bus.Subscription{Workers: 2, Overflow: bus.DropOldest, Queue: 4}, false}} {
		cfg := silent()
		cfg.HighWater, cfg.LowWater = 2*guilds, guilds
		b, gate := bus.New(cfg), make(chan struct{})
		is.sub.Handle = func(context.Context, any, events.Meta) { <-gate }
		if is.free {
			close(gate)
		}
		b.Subscribe(is.sub)
		before := heap()
		for seq := int64(1); seq <= guilds; seq++ {
			post(b, events.Raw{Data: []byte(inGuild(itself)(seq))}, at(0, seq))
		}
		for _, seq := settled(b, 0); is.free && seq < guilds; _, seq = settled(b, 0) {
			runtime.Gosched()
		}
		if grown := heap() - before; grown > guilds*10 {
			t.Errorf("%s: %d guilds leave %d bytes behind", is.name, guilds, grown)
		}
		if !is.free {
			close(gate)
		}
		if cut := b.Close(t.Context()); cut != nil {
			t.Error(cut)
		}
	}
}

func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools keep goes with the second
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// TestCloseInOneOfSeveralWorkersWaitsForTheOthers: only the one that waits for the end is not waited for.
func TestCloseInOneOfSeveralWorkersWaitsForTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := draining(1000, 500)
		closed := make(chan []bus.CutOff, 1)
		other, begun := make(chan struct{}), make(chan struct{})
		b.Subscribe(bus.Subscription{Workers: 2, Handle: func(_ context.Context, _ any, meta events.Meta) {
			if meta.Seq == 2 {
				close(begun)
				<-other
				return
			}
			<-begun
			defer b.Excuse()()
			closed <- b.Close(context.Background())
		}})
		publish(b, 1, 2, "X", inGuild(itself))
		synctest.Wait()
		if len(closed) != 0 {
			t.Error("closed while another worker is at it")
		}
		close(other)
		if cut := <-closed; cut != nil {
			t.Errorf("cut off %v", cut)
		}
		synctest.Wait()
		if _, seq := settled(b, 0); seq != 2 {
			t.Errorf("settled up to %d", seq)
		}
	})
}
