package shardmanager_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// crashing are props that make the supervisor panic at its next messages, as often as left says.
func crashing(left *atomic.Int64) shardmanager.Option {
	return shardmanager.WithActorProps(func(index int) []actor.PropsOption {
		if index >= 0 {
			return nil
		}
		return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
			return func(ctx actor.ReceiverContext, envelope *actor.MessageEnvelope) {
				switch envelope.Message.(type) {
				case actor.SystemMessage, *actor.Started, *actor.Stopping, *actor.Stopped:
				default:
					if left.Add(-1) >= 0 {
						panic("the supervisor crashes")
					}
				}
				next(ctx, envelope)
			}
		})}
	})
}

// TestSupervisorCrashLosesNoShard: the message that it crashes on may be the one that says that
// a shard is ready. It finds that out by itself, or all that is sent there would wait for ever.
func TestSupervisorCrashLosesNoShard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		var left atomic.Int64
		m := newManager(t, g, crashing(&left))
		start(t, m)
		g.Shard(0).Drop()
		pass(time.Millisecond)
		left.Store(1) // what it hears next is that the shard is ready again
		pass(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := (events.UpdatePresence{Status: events.StatusIdle}).SendEvent(ctx, m.Shard(0)); err != nil {
			t.Errorf("after the crashes: %v", err)
		}
		g.RequireNoViolations(t)
	})
}

// TestSupervisorCrashAtStart: whoever asks to start the shards is answered, and asks again.
func TestSupervisorCrashAtStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2))
		var left atomic.Int64
		left.Store(2)
		m := newManager(t, g, crashing(&left))
		begin := time.Now()
		start(t, m)
		if took := time.Since(begin); took > 6*time.Second {
			t.Errorf("ready after %v", took)
		}
	})
}
