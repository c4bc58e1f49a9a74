package shardmanager_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestPresenceOfASlowShard: the gateway counts when presences arrive, not when they were
// permitted. A shard that comes to write one late, because the machine is busy, does not make
// the sixth come within 20 s of it.
func TestPresenceOfASlowShard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		var slow atomic.Bool
		m := newManager(t, g, shardmanager.WithActorProps(func(shard int) []actor.PropsOption {
			if shard < 0 {
				return nil
			}
			return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
				return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
					if slow.Load() {
						time.Sleep(800 * time.Millisecond)
					}
					next(ctx, e)
				}
			})}
		}))
		start(t, m)
		for n := range 6 {
			slow.Store(n == 0)
			if _, err := (events.UpdatePresence{Status: events.StatusIdle}).SendEvent(t.Context(), m.Shard(0)); err != nil {
				t.Fatal(err)
			}
		}
		pass(time.Second)
		g.RequireNoViolations(t)
	})
}
