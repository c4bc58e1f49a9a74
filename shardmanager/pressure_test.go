package shardmanager_test

import (
	"context"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

type shedLog struct{ count int }

func (l *shedLog) OnShed(s shardmanager.Shed) { l.count += s.Count }

// TestSlowConsumerCostsABoundedQueueAndWhatItMissedIsCounted has a handler that drops the oldest, ten times too slow for ten
// minutes: its queue stays bounded, what it missed is counted, order holds, and heartbeats are on
// time.
// Failures: F138.
func TestSlowConsumerCostsABoundedQueueAndWhatItMissedIsCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		log := &shedLog{}
		m := newManager(t, g, shardmanager.WithHooks(log))
		got, last := 0, int64(0)
		shardmanager.OnRaw(m, func(_ context.Context, _ events.Raw, at events.Meta) {
			if at.Seq <= last {
				t.Errorf("%d after %d", at.Seq, last)
			}
			got, last = got+1, at.Seq
			time.Sleep(time.Second)
		}, shardmanager.WithTypes(events.TypeMessageCreate), shardmanager.WithOverflow(shardmanager.DropOldest), shardmanager.WithQueue(16))
		start(t, m)
		const sent = 6000
		for range sent {
			g.Shard(0).Dispatch("MESSAGE_CREATE", map[string]any{"id": "1", "timestamp": time.Now()})
			pass(100 * time.Millisecond)
		}
		for _, q := range m.Queues() {
			if q.Name == "raw" && (q.High != 16 || q.Limit != 16 || q.Shed == 0) {
				t.Errorf("the queue: %+v", q)
			}
		}
		pass(time.Minute)
		if got+log.count != sent || log.count < sent*8/10 {
			t.Errorf("%d handled and %d shed of %d", got, log.count, sent)
		}
		if late := g.Stats().Lateness; late != 0 {
			t.Errorf("a heartbeat was late by %v", late)
		}
	})
}
