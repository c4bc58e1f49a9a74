package metrics_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/metrics"
)

func TestHandlersAreMeasured(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBot(t, setting{gateway: fleet(1, 1)})
		var panics atomic.Bool
		shardmanager.On(b.m, metrics.Timed(b.x, "slow", func(context.Context, *events.MessageCreate, events.Meta) {
			if time.Sleep(2 * time.Second); panics.Load() {
				panic("at the disco")
			}
		}), shardmanager.WithName("slow"))
		raw := 0
		shardmanager.OnRaw(b.m, metrics.Timed(b.x, "raw", func(context.Context, events.Raw, events.Meta) { raw++ }))
		b.start()
		for range 3 {
			b.g.World().Message(guildOf(0, 1), gatewaytest.Message{Content: "hi"})
		}
		pass(time.Second)
		b.want(`handler_running{handler="slow"}`, 1)
		b.want(`handler_delay_seconds_count{handler="slow"}`, 1)
		b.want(`handler_seconds_count{handler="slow"}`, 0)
		b.wantBetween(`handler_queue_events{handler="slow"}`, 2, 3)
		b.wantBetween(`handler_queue_fullest_ratio{handler="slow"}`, 2./4096, 3./4096)
		pass(9 * time.Second)
		b.want(`handler_running{handler="slow"}`, 0)
		b.want(`handler_queue_events{handler="slow"}`, 0)
		b.want(`handler_seconds_count{handler="slow"}`, 3)
		b.want(`handler_seconds_sum{handler="slow"}`, 6)
		b.want(`handler_delay_seconds_sum{handler="slow"}`, 2+4)
		b.want(`handler_delay_seconds_count{handler="raw"}`, float64(raw))

		panics.Store(true)
		b.g.World().Message(guildOf(0, 1), gatewaytest.Message{Content: "hi"})
		pass(5 * time.Second)
		b.want(`handler_panics_total{handler="slow"}`, 1)
		b.want(`handler_running{handler="slow"}`, 0)
		b.want(`handler_seconds_count{handler="slow"}`, 4)
	})
}

func TestShedEventsAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBot(t, setting{gateway: fleet(1, 1)})
		shardmanager.On(b.m, func(context.Context, *events.MessageCreate, events.Meta) { time.Sleep(5 * time.Second) },
			shardmanager.WithName("stuck"), shardmanager.WithQueue(4), shardmanager.WithOverflow(shardmanager.DropOldest))
		b.start()
		for range 10 {
			b.g.World().Message(guildOf(0, 1), gatewaytest.Message{Content: "hi"})
		}
		pass(time.Minute)
		b.wantBetween(`events_shed_total{handler="stuck"}`, 5, 6) // one is handled, or waits as the others do
	})
}

func TestFramesWaitForHandlers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBot(t, setting{gateway: fleet(1, 1)})
		var stuck atomic.Bool
		stuck.Store(true)
		shardmanager.On(b.m, func(context.Context, *events.MessageCreate, events.Meta) {
			for stuck.Load() {
				time.Sleep(time.Second)
			}
		}, shardmanager.WithName("stuck"))
		b.start()
		for range 6000 {
			b.g.World().Message(guildOf(0, 1), gatewaytest.Message{Content: "hi"})
		}
		pass(5 * time.Second)
		b.wantBetween(`handler_queue_fullest_ratio{handler="stuck"}`, .99, 2)
		b.wantBetween("frames_waiting", 1, 1e6)
		stuck.Store(false)
		pass(5 * time.Second)
		b.want("frames_waiting", 0)
	})
}

func TestOddEventsAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBot(t, setting{gateway: fleet(1, 1)})
		shardmanager.On(b.m, func(context.Context, *events.TypingStart, events.Meta) {})
		b.start()
		b.g.Shard(0).Dispatch("TYPING_START", map[string]any{"user_id": "1", "channel_id": "2", "timestamp": map[string]any{"no": "number"}})
		b.g.Shard(0).Dispatch("TYPING_START", 17)
		pass(2 * time.Second)
		b.want("odd_events_total", 1)
		b.want("undecoded_events_total", 1)
		b.want("odd_frames_total", 0)
		b.g.SendTo(1, []byte(`{"op":99,"d":null}`))
		pass(2 * time.Second)
		b.want("odd_frames_total", 1)
	})
}

// failing is a store that fails when it is told to.
type failing struct {
	session.Store
	fails atomic.Bool
}

func (f *failing) Save(ctx context.Context, all ...session.Snapshot) error {
	if f.fails.Load() {
		return errors.New("the disk is full")
	}
	return f.Store.Save(ctx, all...)
}

func TestStoreIsWatched(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := &failing{Store: session.NewMemoryStore()}
		s := setting{gateway: fleet(2, 1), manager: []shardmanager.Option{shardmanager.WithSessionStore(store)}}
		b := newReady(t, s)
		b.wantBetween(`store_saves_total{outcome="saved"}`, 1, 10)
		b.wantBetween("store_save_seconds_count", 0, 10)
		b.wantBetween("store_lag_seconds", 0, 1.1)
		b.want("store_failures", 0)
		b.want("ledger_failing", 0)
		b.want("shards_fenced", 0)

		store.fails.Store(true)
		b.g.World().Message(guildOf(0, 2), gatewaytest.Message{Content: "hi"})
		pass(30 * time.Second)
		b.wantBetween(`store_saves_total{outcome="failed"}`, 28, 31)
		b.wantBetween("store_failures", 28, 31)
		b.wantBetween("store_lag_seconds", 29, 32)
		store.fails.Store(false)
		pass(5 * time.Second)
		b.want("store_failures", 0)
		b.wantBetween("store_lag_seconds", 0, 1.1)

		other, err := shardmanager.New("token", append([]shardmanager.Option{
			shardmanager.WithIntents(events.IntentsUnprivileged), shardmanager.WithGateway(b.g), shardmanager.WithFreshSessions()}, s.manager...)...)
		if err != nil {
			t.Fatal(err)
		}
		defer b.end(other)
		if err := other.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		b.g.World().Message(guildOf(0, 2), gatewaytest.Message{Content: "hi"})
		pass(5 * time.Second)
		b.wantBetween("shards_fenced", 1, 2)
		b.wantBetween(`store_saves_total{outcome="fenced"}`, 1, 10)
	})
}
