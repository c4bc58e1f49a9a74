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

// sleeper is an event of somebody else's that keeps the supervisor busy.
type sleeper struct {
	events.UpdatePresence
	d time.Duration
}

func (s sleeper) Request() (events.Request, error) {
	time.Sleep(s.d)
	return s.UpdatePresence.Request()
}

func busy(d time.Duration) actors.SendEvent {
	return actors.SendEvent{Event: sleeper{events.UpdatePresence{Status: events.StatusIdle}, d}}
}

// recoveries counts the crashes of a supervisor, and stops it at the hundredth. on: it crashes on this message, always.
func recoveries(f **fleet, n *atomic.Int64, on string) actor.PropsOption {
	return actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
		return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
			name := fmt.Sprintf("%T", e.Message)
			if name == "actors.recovered" && n.Add(1) == 100 {
				(*f).system.Root.Stop((*f).supervisor)
			}
			if name == on {
				panic("a bug in the supervisor")
			}
			next(ctx, e)
		}
	})
}

// TestLastWordsOfAForgottenShardAreNoCrash: what the actor of a shard asked last comes when the library has told of its end, and the shard is
// forgotten.
func TestLastWordsOfAForgottenShardAreNoCrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var crashes atomic.Int64
		var f *fleet
		f = newFleet(t, nil, actor.WithGuardian(actors.Guardian()), recoveries(&f, &crashes, ""))
		f.start(1)
		key, root := keyOf(1, 0, 1), f.system.Root
		root.Send(f.supervisor, actors.SetPlan{From: 1, Change: map[actors.Key]actors.Want{key: {Role: actors.Warming}}})
		root.Send(f.supervisor, busy(2*time.Second))
		root.Send(f.supervisor, actors.SetPlan{From: 2, Remove: []actors.Key{key}})
		root.Send(f.supervisor, busy(5*time.Second))
		pass(time.Minute)
		if n := crashes.Load(); n > 0 || f.status().Ready() != 1 {
			t.Errorf("the supervisor crashed %d times; %v", n, stands(f.status()))
		}
	})
}

// TestSupervisorThatCrashesOnItsRecoveryTriesAgainInAWhile, and not at once for ever.
func TestSupervisorThatCrashesOnItsRecoveryTriesAgainInAWhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var crashes atomic.Int64
		var armed atomic.Bool
		var f *fleet
		f = newFleet(t, nil, actor.WithGuardian(actors.Guardian()), recoveries(&f, &crashes, "actors.recovered"), crashesOn(&armed, "actors.GetStatus"))
		f.start(1)
		armed.Store(true)
		f.system.Root.Send(f.supervisor, actors.GetStatus{})
		pass(time.Minute)
		if n := crashes.Load(); n < 10 || n > 61 {
			t.Errorf("the supervisor crashed %d times within a minute, want one each second", n)
		}
	})
}

// TestFenceOutlivesItsShard: a shard that was forgotten comes back under the same fence or a higher one.
func TestFenceOutlivesItsShard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		set := func(fence uint64) any {
			version := f.ask(actors.GetPlan{}).(*actors.Plan).Version
			return f.ask(actors.SetPlan{From: version, Change: map[actors.Key]actors.Want{keyOf(0, 0, 1): {Fence: fence}}})
		}
		set(7)
		f.ask(actors.SetPlan{From: 1, Remove: []actors.Key{keyOf(0, 0, 1)}})
		pass(10 * time.Second)
		if answer, ok := set(6).(*actors.Refusal); !ok {
			t.Errorf("the fence went back from 7 to 6: %+v", answer)
		}
		if answer, ok := set(7).(*actors.PlanSet); !ok {
			t.Errorf("the fence stays: %+v", answer)
		}
	})
}

// TestRestartCostsTheSameOnAnyBoard: it makes no more garbage with a hundred times the shards. It is not parallel, since it counts that.
func TestRestartCostsTheSameOnAnyBoard(t *testing.T) {
	costs := make(map[int]uint64)
	for _, shards := range []int{100, 10_000} {
		f := &fleet{gateway: newGateway(t), harness: newHarness(t)}
		var err error
		if f.Supervisor, err = actors.NewSupervisor(config(f.gateway)); err != nil {
			t.Fatal(err)
		}
		f.supervisor = f.system.Root.Spawn(f.Props())
		wants := make(map[actors.Key]actors.Want)
		for index := range shards {
			wants[keyOf(0, index, shards)] = actors.Want{Mode: actors.Pause}
		}
		f.ask(actors.SetPlan{Change: wants})
		var before, after runtime.MemStats
		const times = 200
		runtime.ReadMemStats(&before)
		for i := range times {
			f.system.Root.Send(f.supervisor, actors.RestartShard{Key: keyOf(0, i%shards, shards)})
		}
		f.ask(actors.RestartShard{Key: keyOf(0, 0, shards)})
		runtime.ReadMemStats(&after)
		costs[shards] = (after.TotalAlloc - before.TotalAlloc) / times
		f.stop(f.supervisor)
		f.Wait()
	}
	t.Logf("bytes for a restart: %v", costs)
	if costs[10_000] > 3*costs[100] {
		t.Errorf("a restart makes %d bytes of garbage on a board of 10,000, and %d on one of 100", costs[10_000], costs[100])
	}
}

// lateQueue grants permits that have expired when they come.
type lateQueue struct {
	ratelimit.IdentifyQueue
	zero  bool // they have no time at all
	asked atomic.Int64
	end   func()
	waits []ratelimit.Shard
}

func (q *lateQueue) Ask(_ time.Time, shard ratelimit.Shard) {
	q.waits = append(q.waits, shard)
	if q.asked.Add(1) == 1000 {
		q.end()
	}
}

func (q *lateQueue) Decide(now time.Time) (all []ratelimit.Decision, next time.Time) {
	for _, shard := range q.waits {
		d := ratelimit.Decision{Shard: shard, Expires: now.Add(-time.Second)}
		if q.zero {
			d.Expires = time.Time{}
		}
		all = append(all, d)
	}
	q.waits = nil
	return all, time.Time{}
}

type lateLimiter struct {
	ratelimit.RateLimiter
	queue *lateQueue
}

func (l lateLimiter) Identify() ratelimit.IdentifyQueue { return l.queue }

// TestPermitsThatAreAlwaysLateAreAskedForWithPauses: a limiter whose clock is behind makes no hot loop.
func TestPermitsThatAreAlwaysLateAreAskedForWithPauses(t *testing.T) {
	for _, zero := range []bool{false, true} {
		t.Run(fmt.Sprint("zero ", zero), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				queue := &lateQueue{zero: zero}
				f := newFleet(t, func(cfg *actors.SupervisorConfig) {
					queue.IdentifyQueue = cfg.Limiter.Identify()
					cfg.Limiter = lateLimiter{cfg.Limiter, queue}
				}, actor.WithGuardian(actors.Guardian()))
				queue.end = func() { f.system.Root.Stop(f.supervisor) }
				f.ask(actors.StartShards{Total: 1})
				pass(time.Minute)
				if n := queue.asked.Load(); n < 20 || n > 65 {
					t.Errorf("%d questions within a minute, want about one a second", n)
				}
			})
		})
	}
}

// TestLatePermitIsNotAskedForAgainByWhoHasLeft: the connection for which it came is gone by then.
func TestLatePermitIsNotAskedForAgainByWhoHasLeft(t *testing.T) {
	bubble(t, func(t *testing.T) {
		queue := &lateQueue{end: func() {}}
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			queue.IdentifyQueue = cfg.Limiter.Identify()
			cfg.Limiter = lateLimiter{cfg.Limiter, queue}
		})
		f.ask(actors.StartShards{Total: 1})
		pass(500 * time.Millisecond)
		f.gateway.Outage(true)
		f.gateway.DropAll()
		pass(5 * time.Second)
		if n := queue.asked.Load(); n != 1 {
			t.Errorf("%d questions, want 1", n)
		}
	})
}

// TestWhatIsLostWithACrashIsFoundAtOnce: a supervisor that goes on looks at everything, and does not wait until it would have done so.
func TestWhatIsLostWithACrashIsFoundAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		f := newFleet(t, nil, actor.WithGuardian(actors.Guardian()), crashesOn(&armed, "*actor.Terminated"))
		f.start(2)
		armed.Store(true)
		f.system.Root.Stop(f.child(0))
		pass(10 * time.Millisecond)
		if shard, _ := f.shard(0); armed.Load() || shard.State != session.Backoff || !errors.Is(shard.Cause, actors.ErrStoppedByOthers) {
			t.Errorf("somebody has stopped a shard's actor, and it is %v: %v", shard.State, shard.Cause)
		}
		pass(time.Minute)
		if f.status().Ready() != 2 {
			t.Errorf("a minute later: %v", stands(f.status()))
		}
	})
}

// strayQueue once decides about shards that did not ask: it grants the one, and refuses the other.
type strayQueue struct {
	ratelimit.IdentifyQueue
	told      bool
	withdrawn []ratelimit.Shard
}

func (q *strayQueue) Withdraw(now time.Time, shard ratelimit.Shard) {
	q.withdrawn = append(q.withdrawn, shard)
	q.IdentifyQueue.Withdraw(now, shard)
}

func (q *strayQueue) Decide(now time.Time) (all []ratelimit.Decision, next time.Time) {
	all, next = q.IdentifyQueue.Decide(now)
	if !q.told {
		q.told = true
		all = append(all, ratelimit.Decision{Shard: ratelimit.Shard{Index: 7, Total: 9}, Expires: now.Add(time.Second)},
			ratelimit.Decision{Shard: ratelimit.Shard{Index: 8, Total: 9}, Err: actors.ErrClosed})
	}
	return all, next
}

// TestDecisionAboutAShardThatDidNotAskCostsNothing: its permit goes back, and that is all.
func TestDecisionAboutAShardThatDidNotAskCostsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		queue := &strayQueue{}
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			queue.IdentifyQueue = cfg.Limiter.Identify()
			cfg.Limiter = strayLimiter{cfg.Limiter, queue}
		})
		f.start(2)
		pass(time.Minute)
		if s := f.gateway.Stats(); f.status().Ready() != 2 || s.Identifies != 2 || s.Resumes != 0 || len(queue.withdrawn) != 1 || queue.withdrawn[0].Index != 7 {
			t.Errorf("%d ready, withdrawn: %v: %+v", f.status().Ready(), queue.withdrawn, s)
		}
	})
}

type strayLimiter struct {
	ratelimit.RateLimiter
	queue *strayQueue
}

func (l strayLimiter) Identify() ratelimit.IdentifyQueue { return l.queue }
