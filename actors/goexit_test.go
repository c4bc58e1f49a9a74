package actors_test

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// leaver is a limiter whose calls end their goroutine: every one of the name, so many times.
type leaver struct {
	ratelimit.RateLimiter
	call  string
	times *atomic.Int64
}

func (l leaver) leave(call string) {
	if call == l.call && l.times.Add(-1) >= 0 {
		runtime.Goexit()
	}
}

func (l leaver) Connection(s ratelimit.Shard, heartbeat time.Duration) ratelimit.Bucket {
	l.leave("Connection")
	return leavingBucket{l.RateLimiter.Connection(s, heartbeat), l}
}

func (l leaver) Identify() ratelimit.IdentifyQueue {
	l.leave("Identify")
	return leavingQueue{l.RateLimiter.Identify(), l}
}

type leavingBucket struct {
	ratelimit.Bucket
	l leaver
}

func (b leavingBucket) Take(now time.Time) (bool, time.Time) {
	b.l.leave("Take")
	return b.Bucket.Take(now)
}
func (b leavingBucket) Wrote(at time.Time) { b.l.leave("Wrote"); b.Bucket.Wrote(at) }

type leavingQueue struct {
	ratelimit.IdentifyQueue
	l leaver
}

func (q leavingQueue) Ask(now time.Time, s ratelimit.Shard) {
	q.l.leave("Ask")
	q.IdentifyQueue.Ask(now, s)
}
func (q leavingQueue) Withdraw(now time.Time, s ratelimit.Shard) {
	q.l.leave("Withdraw")
	q.IdentifyQueue.Withdraw(now, s)
}
func (q leavingQueue) Used(at time.Time, s ratelimit.Shard) {
	q.l.leave("Used")
	q.IdentifyQueue.Used(at, s)
}
func (q leavingQueue) Decide(now time.Time) ([]ratelimit.Decision, time.Time) {
	q.l.leave("Decide")
	return q.IdentifyQueue.Decide(now)
}

// TestLimiterThatEndsItsGoroutineCostsThatCall: the supervisor goes on, whichever call it is, once or time and again; shards become Ready, sends are
// answered, and it can be stopped.
func TestLimiterThatEndsItsGoroutineCostsThatCall(t *testing.T) {
	for _, call := range []string{"Connection", "Identify", "Take", "Wrote", "Ask", "Withdraw", "Used", "Decide"} {
		for name, n := range map[string]int64{"once": 1, "five times": 5} {
			t.Run(call+" "+name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					var times atomic.Int64
					times.Store(n)
					f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.Limiter = leaver{cfg.Limiter, call, &times} }, actor.WithGuardian(actors.Guardian()))
					f.system.Root.Send(f.supervisor, actors.StartShards{Total: 2})
					pass(2 * time.Minute)
					var last error
					for range 8 {
						_, last = f.sendsTo(0).Send(t.Context(), events.Heartbeat{})
						_, err := f.sendsTo(1).Send(t.Context(), events.UpdatePresence{Status: events.StatusIdle})
						if failed := new(actors.SendError); errors.As(err, &failed) && failed.Sent() {
							t.Error(err)
						}
					}
					if last != nil || f.status().Ready() != 2 {
						t.Errorf("the last send: %v; %d are ready", last, f.status().Ready())
					}
					for range 6 { // with questions that are withdrawn
						f.ask(actors.ReidentifyShard{Key: f.key(0)})
						pass(time.Millisecond)
						f.ask(actors.RestartShard{Key: f.key(0)})
						pass(20 * time.Second)
					}
					pass(2 * time.Minute)
					if call != "Withdraw" && times.Load() > 0 {
						t.Errorf("%d calls were not made", times.Load())
					}
					if f.status().Ready() != 2 || f.Board().Err() != nil {
						t.Errorf("then %d are ready; %v", f.status().Ready(), f.Board().Err())
					}
					f.gateway.RequireNoViolations(t)
				})
			})
		}
	}
}

// TestSupervisorEndsWhateverEndsItsGoroutine: calls of the limiter's as it stops.
func TestSupervisorEndsWhateverEndsItsGoroutine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var times atomic.Int64
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.Limiter = leaver{ratelimit.Local(ratelimit.SessionStart{Total: 9, Remaining: 9, MaxConcurrency: 1, ResetAfter: time.Hour}), "Withdraw", &times}
			cfg.Changed = func(_ actors.Key, c session.Change) {
				if c.To == session.Closed {
					runtime.Goexit()
				}
			}
		}, actor.WithGuardian(actors.Guardian()))
		f.ask(actors.StartShards{Total: 4})
		pass(time.Second)
		times.Store(3) // those that wait
		f.system.Root.Stop(f.supervisor)
		pass(time.Minute)
		if !errors.Is(f.Board().Err(), actors.ErrSupervisorEnded) {
			t.Errorf("it has not ended: %v", f.Board().Err())
		}
		if n := times.Load(); n != 0 {
			t.Errorf("%d shards were not withdrawn", n)
		}
	})
}

type leavingEvent struct{ events.UpdatePresence }

func (leavingEvent) Request() (events.Request, error) {
	runtime.Goexit()
	return events.Request{}, nil
}

// TestEventThatEndsItsGoroutineIsRefused, as often as it comes, whatever the strategy; the next is sent.
func TestEventThatEndsItsGoroutineIsRefused(t *testing.T) {
	for name, opts := range map[string][]actor.PropsOption{"resumed": {actor.WithGuardian(actors.Guardian())}, "restarted": nil} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, nil, opts...)
				f.start(1)
				p := f.probe()
				for n := range uint64(20) {
					p.ask(f.supervisor, actors.SendEvent{ID: n, Event: leavingEvent{}})
					pass(time.Second)
					failed, ok := p.next(0).(*actors.SendFailed)
					if answered := name == "resumed" || n > 0; ok != answered { // a supervisor that is restarted answers for no crash
						t.Fatalf("event %d is answered: %v", n, ok)
					}
					if ok && (failed.ID != n || sendError(t, failed.Err).Sent()) {
						t.Errorf("event %d: %+v", n, failed)
					}
				}
				pass(time.Minute)
				if _, err := f.sendsTo(0).Send(t.Context(), events.Heartbeat{}); err != nil || f.Board().Err() != nil {
					t.Errorf("then: %v, %v", err, f.Board().Err())
				}
			})
		})
	}
}

// TestChangedThatEndsItsGoroutineOrPanics is called for the next change all the same, and no shard is worse for it.
func TestChangedThatEndsItsGoroutineOrPanics(t *testing.T) {
	for name, leave := range map[string]func(){"ends its goroutine": runtime.Goexit, "panics": func() { panic("a bug") }} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var told atomic.Int64
				f := newFleet(t, func(cfg *actors.SupervisorConfig) {
					cfg.Changed = func(actors.Key, session.Change) { told.Add(1); leave() }
				}, actor.WithGuardian(actors.Guardian()))
				f.ask(actors.StartShards{Total: 2})
				pass(time.Minute)
				if f.status().Ready() != 2 || told.Load() < 4 {
					t.Errorf("%d are ready, Changed was called %d times", f.status().Ready(), told.Load())
				}
				f.stop(f.supervisor)
				if !errors.Is(f.Board().Err(), actors.ErrSupervisorEnded) {
					t.Errorf("it has not ended: %v", f.Board().Err())
				}
			})
		})
	}
}

// TestShardPropsThatEndTheirGoroutineCostTheirShard a rest; no other shard notices.
func TestShardPropsThatEndTheirGoroutineCostTheirShard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var asked atomic.Int64
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.ShardProps = func(key actors.Key) []actor.PropsOption {
				if key.Shard.Index == 1 && asked.Add(1) <= 2 {
					runtime.Goexit()
				}
				return nil
			}
		}, actor.WithGuardian(actors.Guardian()))
		f.ask(actors.StartShards{Total: 2})
		pass(time.Minute)
		if f.status().Ready() != 2 {
			t.Errorf("%d are ready", f.status().Ready())
		}
	})
}

// TestMiddlewareThatEndsItsGoroutineIsACrash of the actor, and costs the message: of a shard's and of the supervisor's.
func TestMiddlewareThatEndsItsGoroutineIsACrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var frames, asked atomic.Int64
		frames.Store(1)
		asked.Store(2)
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.ShardProps = func(actors.Key) []actor.PropsOption { return []actor.PropsOption{leavesOn("actors.admitted", &frames)} }
		}, actor.WithGuardian(actors.Guardian()), leavesOn("actors.GetPlan", &asked))
		f.start(1)
		for range 2 {
			if refusal, ok := f.ask(actors.GetPlan{}).(*actors.Refusal); !ok || !errors.Is(refusal.Err, actors.ErrCrashed) {
				t.Errorf("answered: %+v", refusal)
			}
		}
		if _, err := f.sendsTo(0).Send(t.Context(), events.Heartbeat{}); err != nil {
			t.Errorf("it was not written, and does not wait for the next actor: %v", err)
		}
		pass(10 * time.Second)
		if shard, _ := f.shard(0); shard.State != session.Ready || shard.Crashes != 1 {
			t.Errorf("the shard is %v after %d crashes: %v", shard.State, shard.Crashes, shard.Cause)
		}
		if _, ok := f.ask(actors.GetPlan{}).(*actors.Plan); !ok {
			t.Error("there is no plan")
		}
		if _, err := f.sendsTo(0).Send(t.Context(), events.Heartbeat{}); err != nil {
			t.Error(err)
		}
	})
}

// leavesOn has the actor's goroutine end in place of a message, so many times.
func leavesOn(message string, times *atomic.Int64) actor.PropsOption {
	return actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
		return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
			if fmt.Sprintf("%T", e.Message) == message && times.Add(-1) >= 0 {
				runtime.Goexit()
			}
			next(ctx, e)
		}
	})
}
