package actors_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// TestLateWordOfAnEndedShardOpensNothing: its word that it is Ready comes while its actor rests after a crash. A send that is asked for then
// waits for the next actor, and is not given to the one that is gone.
func TestLateWordOfAnEndedShardOpensNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		var h *fleet
		h = newFleet(t, nil, actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
			return func(ctx actor.ReceiverContext, envelope *actor.MessageEnvelope) {
				if message := envelope.Message; fmt.Sprintf("%T", message) == "actors.shardUp" && armed.CompareAndSwap(true, false) {
					h.system.Root.Send(h.supervisor, actors.CrashShard{Key: h.key(0)})
					time.AfterFunc(100*time.Millisecond, func() { h.system.Root.Send(h.supervisor, message) })
					return
				}
				next(ctx, envelope)
			}
		}))
		h.start(1)
		armed.Store(true)
		h.gateway.Shard(0).Drop()
		for range 20 {
			if pass(50 * time.Millisecond); !armed.Load() {
				break
			}
		}
		pass(200 * time.Millisecond)
		if s, _ := h.shard(0); armed.Load() || s.Crashes != 1 {
			t.Fatalf("the shard has crashed %d times", s.Crashes)
		}
		for id := range uint64(3) {
			if sent, ok := h.ask(actors.SendEvent{ID: id, Event: events.Heartbeat{}}).(*actors.EventSent); !ok || sent.ID != id {
				t.Errorf("send %d: %+v", id, sent)
			}
		}
		h.gateway.RequireNoViolations(t)
	})
}

// TestSupervisorThatCrashesOnEachWordOfAWriteKeepsCount: however often it crashes while sends are under way, each ends once, and no permit is
// lost: as many go in a minute as without crashes.
func TestSupervisorThatCrashesOnEachWordOfAWriteKeepsCount(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		var crashes atomic.Int64
		h := newFleet(t, nil, actor.WithGuardian(actors.Guardian()), actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
			return func(ctx actor.ReceiverContext, envelope *actor.MessageEnvelope) {
				if fmt.Sprintf("%T", envelope.Message) == "actors.landed" && armed.Load() {
					crashes.Add(1)
					panic("actors: crash of a test")
				}
				next(ctx, envelope)
			}
		}))
		h.start(1)
		pass(2 * time.Minute)
		sent := func(sends int) (within time.Duration) {
			began := time.Now()
			p := h.probe()
			for id := range uint64(sends) {
				p.ask(h.supervisor, actors.SendEvent{ID: id, Event: events.Heartbeat{}})
			}
			ids := make(map[uint64]bool)
			for range sends {
				ids[expect[*actors.EventSent](p, 10*time.Minute).ID] = true
			}
			if len(ids) != sends {
				t.Errorf("%d of %d sends have ended", len(ids), sends)
			}
			p.expectNone(0)
			return time.Since(began)
		}
		const sends = 300
		calm := sent(sends)
		pass(2 * time.Minute)
		armed.Store(true)
		if crashing := sent(sends); crashing > calm+time.Second || crashes.Load() == 0 {
			t.Errorf("%d sends took %v with %d crashes, and %v without", sends, crashing, crashes.Load(), calm)
		}
		h.gateway.RequireNoViolations(t)
	})
}

// TestSendsThatNothingWaitsForWakeTheSupervisorOnce: what was written is not told one by one, and shows soon.
func TestSendsThatNothingWaitsForWakeTheSupervisorOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var woken atomic.Int64
		h := newFleet(t, nil, actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
			return func(ctx actor.ReceiverContext, envelope *actor.MessageEnvelope) {
				if fmt.Sprintf("%T", envelope.Message) == "actors.landed" {
					woken.Add(1)
				}
				next(ctx, envelope)
			}
		}))
		h.start(1)
		pass(2 * time.Minute)
		before, _ := h.shard(0)
		const sends = 20
		for range sends {
			if sent, ok := h.ask(actors.SendEvent{Event: events.Heartbeat{}}).(*actors.EventSent); !ok {
				t.Fatalf("a send: %+v", sent)
			}
		}
		pass(10 * time.Millisecond)
		if n := woken.Load(); n != 0 {
			t.Errorf("%d sends, one after the other, have woken the supervisor %d times", sends, n)
		}
		if after, _ := h.shard(0); after.Permits != before.Permits-sends {
			t.Errorf("%d permits are left of %d after %d sends", after.Permits, before.Permits, sends)
		}
	})
}

// TestSendThatAShardCannotWriteWaitsForItsNextConnection, even while the supervisor does not know that the connection has ended: to offer it to the
// shard again and again would be a loop without a pause.
func TestSendThatAShardCannotWriteWaitsForItsNextConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed, deaf atomic.Bool
		var returned atomic.Int64
		h := newFleet(t, nil, actor.WithGuardian(actors.Guardian()), actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
			return func(ctx actor.ReceiverContext, envelope *actor.MessageEnvelope) {
				switch what := fmt.Sprintf("%T", envelope.Message); {
				case what == "actors.shardDown" && armed.CompareAndSwap(true, false), what == "actors.recovered" && deaf.CompareAndSwap(true, false):
					panic("actors: crash of a test")
				case what == "actors.landed" && returned.Add(1) > 100:
					return // it would never end
				}
				next(ctx, envelope)
			}
		}))
		h.start(1)
		pass(time.Minute)
		armed.Store(true)
		deaf.Store(true)
		h.gateway.Shard(0).InvalidSession(false)
		pass(10 * time.Millisecond)
		p := h.probe()
		for id := range uint64(3) {
			p.ask(h.supervisor, actors.SendEvent{ID: id, Event: events.Heartbeat{}})
		}
		pass(100 * time.Millisecond)
		if s, _ := h.shard(0); s.State == session.Ready || deaf.Load() {
			t.Fatalf("the shard is %v, and the supervisor knows", s.State)
		}
		if n := returned.Load(); n == 0 || n > 3 {
			t.Errorf("%d times sends came back from a shard that cannot write", n)
		}
		for range 3 {
			expect[*actors.EventSent](p, time.Minute)
		}
		h.gateway.RequireNoViolations(t)
	})
}
