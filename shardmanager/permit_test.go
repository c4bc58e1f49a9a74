package shardmanager_test

import (
	"context"
	"slices"
	"sync"
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

// belated is a user's limiter that answers when it is told to, from another goroutine, and that hears of nobody's leaving.
type belated struct {
	countingLimiter
	mu      sync.Mutex
	news    func()
	waiting []ratelimit.Shard
	inbox   []ratelimit.Decision
	holders map[ratelimit.Shard]bool
	used    int
}

func (l *belated) Identify() ratelimit.IdentifyQueue { return l }

func (l *belated) Notify(news func()) { l.news = news }

func (l *belated) Ask(_ time.Time, shard ratelimit.Shard) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.holders, shard)
	if !slices.Contains(l.waiting, shard) {
		l.waiting = append(l.waiting, shard)
	}
}

func (l *belated) Withdraw(_ time.Time, shard ratelimit.Shard) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.holders, shard)
}

func (l *belated) Used(_ time.Time, shard ratelimit.Shard) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holders[shard] {
		delete(l.holders, shard)
		l.used++
	}
}

func (l *belated) Decide(time.Time) (decisions []ratelimit.Decision, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.inbox {
		l.holders[d.Shard] = true
	}
	decisions, l.inbox = l.inbox, nil
	return decisions, time.Time{}
}

// grant answers who asked first.
func (l *belated) grant() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inbox = append(l.inbox, ratelimit.Decision{Shard: l.waiting[0], Expires: time.Now().Add(30 * time.Second)})
	l.waiting = l.waiting[1:]
	l.news()
}

// stands is how many hold a permit, have used one, and wait.
func (l *belated) stands() (held, used, waiting int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.holders), l.used, len(l.waiting)
}

// TestPermitThatComesLateIsGivenBack: a permit to Identify that comes when its shard has no use for it any more, for
// whatever reason, is given back, and nothing is sent for it. One that has asked again meanwhile uses it.
func TestPermitThatComesLateIsGivenBack(t *testing.T) {
	for name, test := range map[string]struct {
		leave func(g *gatewaytest.Server, m *shardmanager.Manager)
		again bool // it asks again, on a new connection
	}{
		"the shard was stopped": {func(_ *gatewaytest.Server, m *shardmanager.Manager) {
			m.System().Root.Send(m.Supervisor(), actors.StopShards{Keys: []actors.Key{shardKey(m, 0)}})
		}, false},
		"the shard is about to be stopped": {func(_ *gatewaytest.Server, m *shardmanager.Manager) {
			m.System().Root.Send(m.Supervisor(), actors.StopShards{Keys: []actors.Key{shardKey(m, 0)}})
		}, false},
		"the manager was closed": {func(_ *gatewaytest.Server, m *shardmanager.Manager) {
			go func() { _ = m.Close(context.Background()) }()
		}, false},
		"the connection was lost":   {func(g *gatewaytest.Server, _ *shardmanager.Manager) { g.DropAll() }, true},
		"the operator restarted it": {func(_ *gatewaytest.Server, m *shardmanager.Manager) { _ = m.Restart(context.Background(), 0) }, true},
		"the shard's actor crashed": {func(_ *gatewaytest.Server, m *shardmanager.Manager) {
			m.System().Root.Send(m.Supervisor(), actors.CrashShard{Key: shardKey(m, 0)})
		}, true},
		"the gateway asked to reconnect": {func(g *gatewaytest.Server, _ *shardmanager.Manager) { g.SendTo(1, []byte(`{"op":7,"d":null}`)) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				limiter := &belated{holders: make(map[ratelimit.Shard]bool)}
				var busy atomic.Bool
				m := newManager(t, g, shardmanager.WithRateLimiter(limiter), shardmanager.WithActorProps(func(key actors.Key) []actor.PropsOption {
					index := indexOf(key)
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
				held, used, waiting := limiter.stands()
				if !test.again {
					if held != 0 || used != 0 || waiting != 0 || counted(g, 0, events.OpIdentify) != 0 {
						t.Errorf("%d held, %d used, %d wait, %d Identifies", held, used, waiting, counted(g, 0, events.OpIdentify))
					}
					return
				}
				if held != 0 || used != 1 || counted(g, 0, events.OpIdentify) != 1 || m.Status().Ready() != 1 {
					t.Errorf("%d held, %d used, %d Identifies, %+v", held, used, counted(g, 0, events.OpIdentify), m.Status())
				}
				g.RequireNoViolations(t)
			})
		})
	}
}
