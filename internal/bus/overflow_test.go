package bus_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
)

func TestCoalesceKeepsFirstAndNewestAndReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg, shed := silent(), 0
		cfg.Shed = func(s bus.Shed) { shed += s.Count }
		b := bus.New(cfg)
		gate := make(chan struct{})
		var got []int64
		b.Subscribe(bus.Subscription{Overflow: bus.Coalesce, KeyOf: func(r events.Raw) string { return string(r.Data) }, Queue: 4,
			Handle: func(_ context.Context, _ any, m events.Meta) { <-gate; got = append(got, m.Seq) }})
		b.Publish(events.Raw{Type: "X"}, at(0, 1))
		synctest.Wait()
		b.Publish(events.Raw{Type: events.TypeReady}, at(0, 2))
		for seq := int64(3); seq <= 20; seq++ {
			if b.Publish(events.Raw{Type: "X", Data: []byte{'a' + byte(seq%2)}}, at(0, seq)) {
				t.Error("it blocks")
			}
		}
		close(gate)
		synctest.Wait()
		if _, seq := b.Settled(0); len(got)+shed != 20 || seq != 20 || !slices.IsSorted(got) || got[1] != 2 || got[len(got)-1] != 20 {
			t.Errorf("got %v, shed %d, settled up to %d", got, shed, seq)
		}
	})
}
