package bus_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
)

// TestWhatIsHeldIsNotSettled: until it was published and handled, or dropped.
func TestWhatIsHeldIsNotSettled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := bus.New(silent())
		let := make(chan struct{})
		var got []int64
		b.Subscribe(bus.Subscription{Handle: func(_ context.Context, _ any, m events.Meta) {
			<-let
			got = append(got, m.Seq)
		}})
		sh := b.Shard(key(0))
		pub := func(seq int64) { sh.Publish(events.Raw{Type: "X"}, at(0, seq)) }
		want := func(what string, seq int64) {
			t.Helper()
			synctest.Wait()
			if _, now := sh.Settled(); now != seq {
				t.Fatalf("%s: settled up to %d, want %d", what, now, seq)
			}
		}
		pub(1)
		let <- struct{}{}
		want("one was handled", 1)
		two, three := sh.Hold(at(0, 2)), sh.Hold(at(0, 3))
		pub(4)
		let <- struct{}{}
		want("two and three are held", 1)
		if _, seq := sh.Handled(); seq != 4 {
			t.Errorf("what was published is handled up to %d", seq)
		}
		three.Drop()
		want("two is held", 1)
		two.Publish(events.Raw{Type: "X"})
		want("two waits for its handler", 1)
		if _, seq := sh.Handled(); seq != 1 {
			t.Errorf("with two published, and not handled: handled up to %d", seq)
		}
		five := sh.Hold(at(0, 5))
		let <- struct{}{}
		want("two was handled", 4)
		sh.Skip(at(0, 6))
		want("five is held", 4)
		five.Drop()
		want("nobody is to get five and six", 6)
		sh.Hold(at(0, 7)).Drop()
		pub(8)
		want("eight is handled", 6)
		let <- struct{}{}
		want("eight was handled", 8)
		if !slices.Equal(got, []int64{1, 4, 2, 8}) {
			t.Errorf("handlers got %v", got)
		}
		b.Close(t.Context())
	})
}

// TestWhatIsHeldAndNobodyWantsIsSettled as it is published.
func TestWhatIsHeldAndNobodyWantsIsSettled(t *testing.T) {
	t.Parallel()
	b := bus.New(silent())
	sh := b.Shard(key(0))
	held := sh.Hold(at(0, 1))
	sh.Skip(at(0, 2))
	if _, now := sh.Settled(); now != 0 {
		t.Errorf("settled up to %d with one held", now)
	}
	held.Publish(events.Raw{Type: "X"})
	if _, now := sh.Settled(); now != 2 {
		t.Errorf("settled up to %d", now)
	}
	b.Close(t.Context())
}

// TestWhatIsHeldHoldsUpOnlyWhatComesAfterIt: also when others are held all the time.
func TestWhatIsHeldHoldsUpOnlyWhatComesAfterIt(t *testing.T) {
	t.Parallel()
	b := bus.New(silent())
	sh := b.Shard(key(0))
	held := make(map[int64]*bus.Held)
	for _, c := range []struct{ hold, drop, settled int64 }{
		{hold: 2, settled: 1}, {hold: 5, settled: 1}, {drop: 2, settled: 4}, {hold: 7, settled: 4}, {hold: 3, settled: 2}, {drop: 5, settled: 2}, {drop: 3, settled: 6}, {drop: 7, settled: 9},
	} {
		if c.hold > 0 {
			held[c.hold] = sh.Hold(at(0, c.hold))
		} else {
			held[c.drop].Drop()
		}
		sh.Skip(at(0, 9))
		if _, now := sh.Settled(); now != c.settled {
			t.Errorf("%+v: settled up to %d", c, now)
		}
	}
	b.Close(t.Context())
}
