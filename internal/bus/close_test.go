package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
)

// TestCloseCountsWhatItCutsOff, by handler: all of it stays unsettled, also of a shard that was forgotten, and nothing of it is handled later.
func TestCloseCountsWhatItCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow, quick, sent := bus.New(silent()), newStuck(), 0, new(mailbox)
		b.Subscribe(bus.Subscription{Name: "slow", Handle: slow.handle})
		b.Subscribe(bus.Subscription{Name: "X", Handler: "main.quick", Handle: func(context.Context, any, events.Meta) { quick++ }})
		actor := sent.subscription(2)
		actor.Name = "an actor"
		b.Subscribe(actor)
		left := newStuck()
		leave := b.Subscribe(bus.Subscription{Name: "left", Handle: left.handle})
		publish(b, 1, 5, "X", nil)
		leave()
		b.Forget(key(0))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if soon := b.Unhandled(); fmt.Sprint(soon) != "[{an actor 2 3} {left 1 0} {slow 1 4}]" {
			t.Errorf("it would cut off %v", soon)
		}
		if cut := b.Close(ctx); fmt.Sprint(cut) != "[{an actor 2 3} {left 1 0} {slow 1 4}]" || quick != 5 {
			t.Errorf("cut off %v, %d handled", cut, quick)
		}
		slow.release(1)
		left.release(1)
		for _, settles := range sent.settles {
			settles()
		}
		synctest.Wait()
		if len(slow.got) != 1 || len(sent.seqs) != 2 {
			t.Errorf("handled later: %v and %v", slow.got, sent.seqs)
		}
	})
}

// TestHandlersAreToldBeforeTheyAreWaitedFor: their context ends, with the cause, and what waits is handled all the same.
func TestHandlersAreToldBeforeTheyAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, why := bus.New(silent()), errors.New("enough")
		var causes []error
		b.Subscribe(bus.Subscription{Handle: func(ctx context.Context, _ any, _ events.Meta) {
			<-ctx.Done()
			causes = append(causes, context.Cause(ctx))
		}})
		publish(b, 1, 3, "X", nil)
		b.Tell(why)
		if cut := b.Close(t.Context()); cut != nil || !slices.Equal(causes, []error{why, why, why}) {
			t.Errorf("%v, told %v", cut, causes)
		}
		if _, seq := settled(b, 0); seq != 3 {
			t.Errorf("settled up to %d", seq)
		}
	})
}

// inHandler is InHandler so many calls deeper.
func inHandler(deeper int) bool {
	if deeper == 0 {
		return bus.InHandler()
	}
	return inHandler(deeper - 1)
}

// TestHandlerThatWaitsForCloseIsNotWaitedFor, and what waits for it is told.
func TestHandlerThatWaitsForCloseIsNotWaitedFor(t *testing.T) {
	for _, waits := range []int{0, 2} {
		synctest.Test(t, func(t *testing.T) {
			b, inside := bus.New(silent()), false
			closed, gate := make(chan []bus.CutOff, 1), make(chan struct{})
			b.Subscribe(bus.Subscription{Name: "closer", Handle: func(ctx context.Context, _ any, _ events.Meta) {
				<-gate
				inside = inHandler(0) && inHandler(1000)
				defer b.Excuse()()
				closed <- b.Close(ctx)
			}})
			b.Subscribe(bus.Subscription{Name: "other", Handle: func(context.Context, any, events.Meta) { time.Sleep(time.Second) }})
			publish(b, 1, int64(1+waits), "X", nil)
			close(gate)
			want := "[]"
			if waits > 0 {
				want = fmt.Sprintf("[{closer 1 %d}]", waits)
			}
			if cut := <-closed; !inside || fmt.Sprint(cut) != want {
				t.Errorf("in a handler: %v; cut off %v, want %s", inside, cut, want)
			}
			synctest.Wait()
		})
	}
	if inHandler(0) || inHandler(1000) {
		t.Error("a test is taken for a handler")
	}
}

// TestHandlerThatDoesNotWaitForCloseAnyMoreIsWaitedForAgain: it has given up, and goes on.
func TestHandlerThatDoesNotWaitForCloseAnyMoreIsWaitedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ended := bus.New(silent()), false
		b.Subscribe(bus.Subscription{Name: "closer", Handle: func(context.Context, any, events.Meta) {
			b.Excuse()()
			time.Sleep(time.Second)
			ended = true
		}})
		publish(b, 1, 1, "X", nil)
		synctest.Wait()
		if cut := b.Close(t.Context()); len(cut) != 0 || !ended {
			t.Errorf("cut off %v; the handler has ended: %v", cut, ended)
		}
	})
}

// TestBehindNamesWhoHoldsUp: those for whom most waits, first, and not who keeps up.
func TestBehindNamesWhoHoldsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow, slower, shedding := bus.New(silent()), newStuck(), newStuck(), newStuck()
		b.Subscribe(bus.Subscription{Name: "slow", Handle: slow.handle})
		b.Subscribe(bus.Subscription{Name: "quick", Handle: func(context.Context, any, events.Meta) {}})
		b.Subscribe(bus.Subscription{Name: "slower", Handle: slower.handle})
		b.Subscribe(bus.Subscription{Name: "shedding", Handle: shedding.handle, Overflow: bus.DropOldest})
		publish(b, 1, 8, "X", nil)
		slow.release(2)
		synctest.Wait()
		if got := fmt.Sprint(b.Shard(key(0)).Behind()); got != "[slower (8) slow (6)]" {
			t.Errorf("behind: %s", got)
		}
		slow.release(4)
		synctest.Wait()
		if got := fmt.Sprint(b.Shard(key(0)).Behind()); got != "[slower (8)]" {
			t.Errorf("behind: %s", got)
		}
		for _, h := range []*stuck{slow, slower, shedding} {
			close(h.gate)
		}
	})
}

// TestCutOffShard: what waits of it is not handled, what is in hand goes on, and the others are left alone.
func TestCutOffShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bus.New(silent())
		var handled []int64
		b.Subscribe(bus.Subscription{Handler: "slow", Handle: func(_ context.Context, _ any, at events.Meta) {
			time.Sleep(time.Second)
			handled = append(handled, at.Seq)
		}})
		b.Subscribe(bus.Subscription{Handler: "dull", Handle: func(context.Context, any, events.Meta) { time.Sleep(time.Second) }})
		key := events.ShardKey{Shard: events.ShardID{Total: 1}}
		sh := b.Shard(key)
		if !sh.WhenSettled(func() { t.Error("called, though nothing was published") }) {
			t.Error("nothing was published, and it is not settled")
		}
		var told atomic.Int64
		for seq := int64(1); seq <= 2; seq++ {
			sh.Publish(events.Raw{Type: "X", Seq: seq}, events.Meta{Session: 1, Seq: seq})
		}
		sh.WhenSettled(func() { t.Error("a later call takes its place") })
		if sh.WhenSettled(func() { told.Add(1) }) {
			t.Error("settled at once")
		}
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if told.Load() != 0 {
			t.Error("told too early")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if told.Load() != 1 || !sh.WhenSettled(func() {}) {
			t.Errorf("told %d times", told.Load())
		}
		for seq := int64(3); seq <= 5; seq++ {
			sh.Publish(events.Raw{Type: "X", Seq: seq}, events.Meta{Session: 1, Seq: seq})
		}
		time.Sleep(500 * time.Millisecond)
		if cut := b.CutOff(key); !slices.Equal(cut, []bus.CutOff{{Handler: "dull", Running: 1, Waiting: 2}, {Handler: "slow", Running: 1, Waiting: 2}}) {
			t.Errorf("cut off: %+v", cut)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if !slices.Equal(handled, []int64{1, 2, 3}) || b.Shard(key) == sh {
			t.Errorf("handled: %v", handled)
		}
		if cut := b.CutOff(key); cut != nil {
			t.Errorf("once more: %+v", cut)
		}
	})
}
