package shardmanager_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
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

// TestCoalesceByKeepsTheNewestOfEachKey: a handler that is behind gets the first and the newest that wait of a key, and is told the rest.
func TestCoalesceByKeepsTheNewestOfEachKey(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, log := newGateway(t), &shedLog{}
		m := newManager(t, g, shardmanager.WithHooks(log))
		gate, got := make(chan struct{}), []string{}
		shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, _ events.Meta) {
			<-gate
			got = append(got, string(raw.Data))
		}, shardmanager.WithTypes("X"), shardmanager.WithQueue(100), shardmanager.WithOverflow(shardmanager.CoalesceBy(func(raw events.Raw) string {
			return string(raw.Data[:2]) // of "[1,…" the 1
		})))
		start(t, m)
		for n := range 40 {
			g.Shard(0).Dispatch("X", []int{n % 2, n})
			pass(0)
		}
		pass(time.Second)
		close(gate)
		pass(time.Second)
		// 0 is at the handler; of the key 1 the first is 1, of the key 0 it is 2.
		if want := []string{"[0,0]", "[1,1]", "[0,2]", "[0,38]", "[1,39]"}; !slices.Equal(got, want) || log.count != 35 {
			t.Errorf("got %v, want %v; %d shed", got, want, log.count)
		}
	})
}

// TestSmallQueueStopsItsShardNoLongerThanItIsFull: then the shard is read, and answers when a heartbeat is asked for, although thousands of
// events wait for another handler. They are not too many.
func TestSmallQueueStopsItsShardNoLongerThanItIsFull(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		behind, gate, got := make(chan struct{}), make(chan struct{}), 0
		shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) { <-behind })
		shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) {
			<-gate
			got++
		}, shardmanager.WithTypes("SMALL"), shardmanager.WithQueue(4))
		start(t, m)
		for range 3000 {
			g.Shard(0).Dispatch("X", 0)
			pass(0)
		}
		for range 9 {
			g.Shard(0).Dispatch("SMALL", 0)
			pass(time.Millisecond)
		}
		asked := func() (answered bool) {
			for beats := g.Stats().Heartbeats; g.Stats().Heartbeats == beats; { // so that none but the requested one is near
				pass(time.Second)
			}
			before := len(g.Frames(0))
			g.Shard(0).RequestHeartbeat()
			pass(time.Second)
			return len(g.Frames(0)) > before
		}
		if asked() {
			t.Error("the shard is read while a queue is full")
		}
		close(gate)
		pass(time.Second)
		if got != 9 {
			t.Errorf("%d events, want 9", got)
		}
		if !asked() {
			t.Error("the shard is not read though no queue is full")
		}
		close(behind)
		pass(time.Second)
		g.RequireNoViolations(t)
	})
}

// TestQueueOfAHandlerThatBlocksStopsItsShard: the shard is not read while the queue is full, loses nothing, and is read
// again, as often as that happens.
func TestQueueOfAHandlerThatBlocksStopsItsShard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		gate, got := make(chan struct{}), 0
		shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) {
			<-gate
			got++
		}, shardmanager.WithTypes("X"), shardmanager.WithQueue(16), shardmanager.WithName("slow"))
		start(t, m)
		const each = 300
		for round := range 3 {
			for range each {
				g.Shard(0).Dispatch("X", 0)
			}
			pass(time.Minute)
			for _, q := range m.Queues() {
				if q.Name == "slow" && q.Depth > 16+actors.CreditLimit || q.Name == "frames" && q.Depth == 0 {
					t.Errorf("round %d: %+v: it is read on", round, q)
				}
			}
			for n := range each {
				select {
				case gate <- struct{}{}:
				case <-time.After(time.Minute):
					close(gate)
					t.Fatalf("round %d: after %d events no more come", round, n)
				}
			}
			pass(time.Second)
			if got != each*(round+1) {
				t.Errorf("round %d: %d handled", round, got)
			}
		}
		if s := g.Stats(); s.Connections != 1 {
			t.Errorf("%d connections", s.Connections)
		}
	})
}

// TestQueuesTellTheirLimits: those that are set, and those that hold by default.
func TestQueuesTellTheirLimits(t *testing.T) {
	for name, test := range map[string]struct {
		opts []shardmanager.Option
		sub  []shardmanager.SubOption
		want map[string]int
	}{
		"by default": {nil, nil, map[string]int{"sends": 1024, "shared": 1024, "raw": 4096}},
		"set to 0": {[]shardmanager.Option{shardmanager.WithQueueLimit(0)}, []shardmanager.SubOption{shardmanager.WithQueue(0)},
			map[string]int{"sends": 1024, "shared": 1024, "raw": 4096}},
		"set": {[]shardmanager.Option{shardmanager.WithQueueLimit(7)}, []shardmanager.SubOption{shardmanager.WithQueue(16), shardmanager.WithName("few")},
			map[string]int{"sends": 7, "shared": 7, "few": 16}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
				m := newManager(t, g, test.opts...)
				shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) {}, test.sub...)
				start(t, m)
				pass(time.Second) // READY has come to the handlers
				want := make(map[shardmanager.Queue]int)
				for shard := range 2 {
					for name, limit := range test.want {
						want[shardmanager.Queue{Name: name, Shard: shardKey(m, shard), Limit: limit}] = 1
					}
					want[shardmanager.Queue{Name: "frames", Shard: shardKey(m, shard), Limit: actors.CreditLimit}] = 1
				}
				got := make(map[shardmanager.Queue]int)
				for _, q := range m.Queues() {
					q.Depth, q.High = 0, 0
					got[q]++
				}
				if !maps.Equal(got, want) {
					t.Errorf("%+v\nwant %+v", got, want)
				}
			})
		})
	}
}
