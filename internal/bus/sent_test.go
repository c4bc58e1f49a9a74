package bus_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
)

// mailbox is a subscriber that is sent events, and settles them when the test says so.
type mailbox struct {
	seqs    []int64
	settles []func()
}

func (m *mailbox) subscription(credit int) bus.Subscription {
	return bus.Subscription{Credit: credit, Send: func(_ events.Raw, meta events.Meta, settled func()) {
		m.seqs = append(m.seqs, meta.Seq)
		m.settles = append(m.settles, settled)
	}}
}

// TestSentEventsAreSettledLater: as many are under way as there is credit, and what is settled is what the subscriber has settled, each once.
func TestSentEventsAreSettledLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, m := bus.New(silent()), new(mailbox)
		b.Subscribe(m.subscription(3))
		if full := publish(b, 1, 10, "X", nil); full != 10 {
			t.Errorf("the shard was full at %d, want 10", full)
		}
		if len(m.seqs) != 3 {
			t.Fatalf("%d were sent, want 3", len(m.seqs))
		}
		m.settles[1]()
		m.settles[1]()
		synctest.Wait()
		if _, seq := settled(b, 0); len(m.seqs) != 4 || seq != 0 {
			t.Errorf("%d were sent, want 4; settled up to %d, want 0", len(m.seqs), seq)
		}
		m.settles[0]()
		synctest.Wait()
		if _, seq := settled(b, 0); len(m.seqs) != 5 || seq != 2 {
			t.Errorf("%d were sent, want 5; settled up to %d, want 2", len(m.seqs), seq)
		}
		for i := 0; i < len(m.settles); i++ {
			m.settles[i]()
			synctest.Wait()
		}
		if _, seq := settled(b, 0); len(m.seqs) != 10 || seq != 10 {
			t.Errorf("%d were sent, want 10; settled up to %d, want 10", len(m.seqs), seq)
		}
		if cut := b.Close(t.Context()); cut != nil {
			t.Error(cut)
		}
	})
}

// TestCancelledSubscriptionSettlesWhatWasSent: its subscriber may have died, and must not hold the shard up for ever.
func TestCancelledSubscriptionSettlesWhatWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, m := bus.New(silent()), new(mailbox)
		cancel := b.Subscribe(m.subscription(3))
		publish(b, 1, 10, "X", nil)
		cancel()
		cancel()
		synctest.Wait()
		if _, seq := settled(b, 0); len(m.seqs) != 3 || seq != 10 {
			t.Errorf("%d were sent, want 3; settled up to %d, want 10", len(m.seqs), seq)
		}
		for _, late := range m.settles {
			late()
		}
		publish(b, 11, 12, "X", nil)
		if _, seq := settled(b, 0); seq != 12 {
			t.Errorf("settled up to %d, want 12", seq)
		}
		if cut := b.Close(t.Context()); cut != nil {
			t.Error(cut)
		}
	})
}

// TestCancelledSubscriptionSettlesWhatForgottenShardsSent: nobody else will, and Close would wait for it.
func TestCancelledSubscriptionSettlesWhatForgottenShardsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, m := bus.New(silent()), new(mailbox)
		cancel := b.Subscribe(m.subscription(2))
		shard := b.Shard(key(0))
		publish(b, 1, 5, "X", nil)
		b.Forget(key(0))
		cancel()
		synctest.Wait()
		if _, seq := shard.Settled(); len(m.seqs) != 2 || seq != 5 {
			t.Errorf("%d were sent, want 2; settled up to %d, want 5", len(m.seqs), seq)
		}
		ctx, end := context.WithTimeout(t.Context(), time.Second)
		defer end()
		if cut := b.Close(ctx); cut != nil {
			t.Error(cut)
		}
	})
}

// TestWhoeverHearsThatAShardHasCaughtUpMaySettle: also when that comes of a cancelled subscription, of which more is being settled.
func TestWhoeverHearsThatAShardHasCaughtUpMaySettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, m := bus.New(silent()), new(mailbox)
		cancel := b.Subscribe(m.subscription(100))
		heard := 0
		b.Shard(key(0)).OnCaughtUp(func() {
			heard++
			for _, settle := range m.settles {
				settle()
			}
		})
		publish(b, 1, 10, "X", nil)
		cancel()
		if _, seq := settled(b, 0); seq != 10 || heard != 1 {
			t.Errorf("settled up to %d, want 10; heard %d times, want once", seq, heard)
		}
		if cut := b.Close(t.Context()); cut != nil {
			t.Error(cut)
		}
	})
}

// TestSubscriptionThatIsCancelledWhileItIsSentAnEventSettlesIt.
func TestSubscriptionThatIsCancelledWhileItIsSentAnEventSettlesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, sent := bus.New(silent()), 0
		var cancel func()
		cancel = b.Subscribe(bus.Subscription{Credit: 3, Send: func(events.Raw, events.Meta, func()) {
			sent++
			cancel()
		}})
		publish(b, 1, 5, "X", nil)
		if _, seq := settled(b, 0); sent != 1 || seq != 5 {
			t.Errorf("%d were sent, want 1; settled up to %d, want 5", sent, seq)
		}
		if cut := b.Close(t.Context()); cut != nil {
			t.Error(cut)
		}
	})
}

// TestCloseWaitsForWhatWasSent, and says that it was not settled when the time is up.
func TestCloseWaitsForWhatWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, m := bus.New(silent()), new(mailbox)
		b.Subscribe(m.subscription(3))
		publish(b, 1, 1, "X", nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if cut := b.Close(ctx); cut == nil {
			t.Error("Close did not wait")
		}
		if _, seq := settled(b, 0); seq != 0 {
			t.Errorf("settled up to %d, want 0", seq)
		}
	})
}

// TestHandlerThatEndsItsGoroutineCostsOneEvent.
func TestHandlerThatEndsItsGoroutineCostsOneEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, panics := silent(), 0
		cfg.Panicked = func(_ string, _ *events.Raw, _ events.Meta, value any) {
			if panics++; value == nil {
				t.Error("it is not told why")
			}
		}
		b := bus.New(cfg)
		var got []int64
		b.Subscribe(bus.Subscription{Handle: func(_ context.Context, _ any, meta events.Meta) {
			if meta.Seq%2 == 0 {
				runtime.Goexit()
			}
			got = append(got, meta.Seq)
		}})
		publish(b, 1, 5, "X", nil)
		if _, seq := settled(b, 0); seq != 5 || len(got) != 3 || panics != 2 {
			t.Errorf("settled up to %d, handled %v, %d told", seq, got, panics)
		}
		if cut := b.Close(t.Context()); cut != nil {
			t.Error(cut)
		}
	})
}

// TestForgottenShardBeginsAnew: what waits is handled, and nothing is kept.
func TestForgottenShardBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, h := bus.New(silent()), newStuck()
		b.Subscribe(bus.Subscription{Handle: h.handle})
		publish(b, 1, 3, "X", nil)
		b.Forget(key(0))
		if _, seq := settled(b, 0); seq != 0 || len(b.Queues()) != 0 {
			t.Errorf("settled up to %d, queues %v", seq, b.Queues())
		}
		h.release(3)
		if len(h.got) != 3 {
			t.Errorf("%d were handled, want 3", len(h.got))
		}
	})
}
