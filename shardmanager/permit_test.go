package shardmanager_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// belated is a user's limiter that answers when it is told to, and that hears of nobody's leaving.
type belated struct {
	countingLimiter
	asked          chan func(ratelimit.Permit)
	used, released atomic.Int64
}

func (l *belated) Identify() ratelimit.IdentifyQueue { return l }

func (l *belated) Enqueue(_ int, granted func(ratelimit.Permit)) func() {
	l.asked <- granted
	return func() {}
}

// grant answers the request that was made first.
func (l *belated) grant() {
	(<-l.asked)(ratelimit.NewPermit(func() { l.used.Add(1) }, func() { l.released.Add(1) }))
}

// TestPermitThatComesLateIsGivenBack: a permit to Identify that comes when its shard has no use for it any more, for
// whatever reason, is given back, and nothing is sent for it.
func TestPermitThatComesLateIsGivenBack(t *testing.T) {
	for name, test := range map[string]struct {
		leave func(g *gatewaytest.Server, m *shardmanager.Manager)
		again bool // it asks for another, on a new connection
	}{
		"the shard was stopped": {func(_ *gatewaytest.Server, m *shardmanager.Manager) {
			m.System().Root.Send(m.Supervisor(), actors.StopShards{IDs: []int{0}})
		}, false},
		"the shard is about to be stopped": {func(_ *gatewaytest.Server, m *shardmanager.Manager) {
			m.System().Root.Send(m.Supervisor(), actors.StopShards{IDs: []int{0}})
		}, false},
		"the manager was closed": {func(_ *gatewaytest.Server, m *shardmanager.Manager) {
			go func() { _ = m.Close(context.Background()) }()
		}, false},
		"the connection was lost":   {func(g *gatewaytest.Server, _ *shardmanager.Manager) { g.DropAll() }, true},
		"the operator restarted it": {func(_ *gatewaytest.Server, m *shardmanager.Manager) { _ = m.Restart(context.Background(), 0) }, true},
		"the shard's actor crashed": {func(_ *gatewaytest.Server, m *shardmanager.Manager) {
			m.System().Root.Send(m.Supervisor(), actors.CrashShard{})
		}, true},
		"the gateway asked to reconnect": {func(g *gatewaytest.Server, _ *shardmanager.Manager) { g.SendTo(1, []byte(`{"op":7,"d":null}`)) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				limiter := &belated{asked: make(chan func(ratelimit.Permit), 10)}
				var busy atomic.Bool
				m := newManager(t, g, shardmanager.WithRateLimiter(limiter), shardmanager.WithActorProps(func(index int) []actor.PropsOption {
					if index < 0 {
						return nil
					}
					return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
						return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
							if busy.CompareAndSwap(true, false) {
								time.Sleep(25 * time.Second)
							}
							next(ctx, e)
						}
					})}
				}))
				if err := m.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				pass(time.Second)
				if status, _ := m.Shard(0).Status(); status.State != session.Queued {
					t.Fatalf("%+v", status)
				}
				busy.Store(name == "the shard is about to be stopped")
				test.leave(g, m)
				pass(20 * time.Second)
				limiter.grant()
				pass(10 * time.Second)
				if limiter.released.Load() != 1 || limiter.used.Load() != 0 || counted(g, 0, events.OpIdentify) != 0 {
					t.Errorf("%d given back, %d used, %d Identifies", limiter.released.Load(), limiter.used.Load(), counted(g, 0, events.OpIdentify))
				}
				if !test.again {
					if len(limiter.asked) != 0 {
						t.Error("it asked for another permit")
					}
					return
				}
				limiter.grant()
				pass(time.Second)
				if limiter.released.Load() != 1 || limiter.used.Load() != 1 || m.Status().Ready() != 1 {
					t.Errorf("the second: %d given back, %d used, %+v", limiter.released.Load(), limiter.used.Load(), m.Status())
				}
				g.RequireNoViolations(t)
			})
		})
	}
}
