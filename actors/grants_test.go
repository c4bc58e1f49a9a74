package actors_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// TestPermitThatExpiresBeforeTheWriteIsNotUsed: the user's code takes its time between the grant and the Identify.
func TestPermitThatExpiresBeforeTheWriteIsNotUsed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var slept atomic.Bool
		var limiter *observed
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			limiter = observe(cfg, 1, func(string) {})
			cfg.Changed = func(_ actors.Key, c session.Change) {
				if c.To == session.Identifying && slept.CompareAndSwap(false, true) {
					time.Sleep(31 * time.Second)
				}
			}
		})
		f.ask(actors.StartShards{Total: 1})
		pass(31*time.Second + 500*time.Millisecond)
		if n := f.gateway.Stats().Identifies; n != 0 || !slept.Load() {
			t.Errorf("%d Identifies by a permit that had expired", n)
		}
		pass(time.Minute)
		if q := limiter.stats(); f.gateway.Stats().Identifies != 1 || f.status().Ready() != 1 || q.Outstanding != 0 {
			t.Errorf("%d Identifies, %d are ready, %+v", f.gateway.Stats().Identifies, f.status().Ready(), q)
		}
		f.gateway.RequireNoViolations(t)
	})
}

// refusing is a queue that refuses the first permit.
type refusing struct {
	ratelimit.IdentifyQueue
	why   func(now time.Time) error
	asked []time.Time
}

func (q *refusing) Ask(now time.Time, shard ratelimit.Shard) {
	if q.asked = append(q.asked, now); len(q.asked) > 1 {
		q.IdentifyQueue.Ask(now, shard)
	}
}

func (q *refusing) Decide(now time.Time) ([]ratelimit.Decision, time.Time) {
	all, next := q.IdentifyQueue.Decide(now)
	if len(q.asked) == 1 && q.why != nil {
		all = append(all, ratelimit.Decision{Shard: ratelimit.Shard{Total: 1}, Err: q.why(now)})
		q.why = nil
	}
	return all, next
}

type refusingLimiter struct {
	ratelimit.RateLimiter
	queue *refusing
}

func (l refusingLimiter) Identify() ratelimit.IdentifyQueue { return l.queue }

// TestRefusedShardAsksAgainWhenItIsToldTo, and not before: whatever the limiter refuses with.
func TestRefusedShardAsksAgainWhenItIsToldTo(t *testing.T) {
	for name, why := range map[string]func(now time.Time) error{
		"the ledger": func(now time.Time) error {
			return &ratelimit.LedgerError{Until: now.Add(time.Hour), Err: errors.New("disk full")}
		},
		"the budget": func(now time.Time) error { return &ratelimit.BudgetError{Until: now.Add(time.Hour)} },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				queue := &refusing{why: why}
				f := newFleet(t, func(cfg *actors.SupervisorConfig) {
					queue.IdentifyQueue = cfg.Limiter.Identify()
					cfg.Limiter = refusingLimiter{cfg.Limiter, queue}
				})
				f.ask(actors.StartShards{Total: 1})
				pass(2 * time.Hour)
				if len(queue.asked) != 2 || f.status().Ready() != 1 {
					t.Fatalf("asked %d times, %d are ready", len(queue.asked), f.status().Ready())
				}
				if after := queue.asked[1].Sub(queue.asked[0]); after < time.Hour || after > time.Hour+time.Minute {
					t.Errorf("it asks again after %v", after)
				}
			})
		})
	}
}

// TestRefusedShardsAskAgainForEachIdentifyThatDiscordSaysIsLeft, if it is one.
func TestRefusedShardsAskAgainForEachIdentifyThatDiscordSaysIsLeft(t *testing.T) {
	bubble(t, func(t *testing.T) {
		start := ratelimit.SessionStart{Total: 1000, Remaining: 101, MaxConcurrency: 16, ResetAfter: 24 * time.Hour} // 100 are kept in reserve
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.Limiter = ratelimit.Local(start) })
		f.ask(actors.StartShards{Total: 5})
		for ready := 1; ready <= 4; ready++ {
			pass(time.Minute)
			if n := f.status().Ready(); n != ready {
				t.Errorf("%d are ready, want %d", n, ready)
			}
			f.system.Root.Send(f.supervisor, actors.UpdateSessionStart{SessionStart: start})
		}
	})
}

// TestShardThatIsStoppedLeavesTheQueue at once, also if the supervisor crashes on its word of that.
func TestShardThatIsStoppedLeavesTheQueue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		var limiter *observed
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { limiter = observe(cfg, 1, func(string) {}) }, crashesOn(&armed, "actors.withdrawIdentify"))
		f.ask(actors.StartShards{Total: 2})
		pass(2 * time.Second)
		if q := limiter.stats(); q.Waiting != 1 {
			t.Fatalf("%+v", q)
		}
		armed.Store(true)
		f.ask(actors.StopShards{Keys: []actors.Key{keyOf(0, 1, 2)}})
		pass(100 * time.Millisecond)
		if q := limiter.stats(); armed.Load() || q.Waiting != 0 {
			t.Errorf("the supervisor has crashed: %v; %+v", !armed.Load(), q)
		}
	})
}

// TestWhoWaitsKeepsItsPlaceWhenTheSupervisorCrashes: nothing is taken back, and nothing asked for anew.
func TestWhoWaitsKeepsItsPlaceWhenTheSupervisorCrashes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		var c calls
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { observe(cfg, 1, c.count) }, actor.WithGuardian(actors.Guardian()), crashesOn(&armed, "actors.GetStatus"))
		f.ask(actors.StartShards{Total: 3})
		pass(2 * time.Second)
		asked := c.of("Ask")
		armed.Store(true)
		f.system.Root.Send(f.supervisor, actors.GetStatus{})
		pass(time.Second)
		if asked != 3 || c.of("Ask") != asked || c.of("Withdraw") != 0 || armed.Load() {
			t.Errorf("asked %d times before the crash, %d in all; %d are withdrawn", asked, c.of("Ask"), c.of("Withdraw"))
		}
	})
}

// badBucket has Take do something else for a while.
type badBucket struct {
	ratelimit.Bucket
	until time.Time
	takes *atomic.Int64
	bad   func(now time.Time) (bool, time.Time)
}

func (b badBucket) Take(now time.Time) (bool, time.Time) {
	if n := b.takes.Add(1); n < 10_000 && now.Before(b.until) { // a hot loop ends
		return b.bad(now)
	}
	return b.Bucket.Take(now)
}

type badLimiter struct {
	ratelimit.RateLimiter
	bucket badBucket
}

func (l badLimiter) Connection(s ratelimit.Shard, heartbeat time.Duration) ratelimit.Bucket {
	l.bucket.Bucket = l.RateLimiter.Connection(s, heartbeat)
	return l.bucket
}

// TestNothingIsSentWithoutAPermit: a bucket that panics gives none, and one that says to ask again at once is asked with pauses. What waits
// is sent when the bucket is well again.
func TestNothingIsSentWithoutAPermit(t *testing.T) {
	for name, bad := range map[string]func(now time.Time) (bool, time.Time){
		"it panics":         func(time.Time) (bool, time.Time) { panic("a bug in the bucket") },
		"it is imprecise":   func(now time.Time) (bool, time.Time) { return false, now },
		"its clock is slow": func(now time.Time) (bool, time.Time) { return false, now.Add(-time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var takes atomic.Int64
				until := time.Now().Add(5 * time.Second)
				f := newFleet(t, func(cfg *actors.SupervisorConfig) {
					cfg.Limiter = badLimiter{cfg.Limiter, badBucket{until: until, takes: &takes, bad: bad}}
				})
				f.start(1)
				p := f.probe()
				p.ask(f.supervisor, actors.SendEvent{Op: events.OpHeartbeat})
				expect[*actors.EventSent](p, 10*time.Second)
				if late := time.Since(until); late < 0 || late > time.Second || takes.Load() > 5000 {
					t.Errorf("it is sent %v after the bucket is well, which was asked %d times", late, takes.Load())
				}
			})
		})
	}
}

// impreciseQueue says for a while that it decides at once, or should have before, and does not.
type impreciseQueue struct {
	ratelimit.IdentifyQueue
	until time.Time
	early time.Duration
	asked atomic.Int64
}

func (q *impreciseQueue) Decide(now time.Time) ([]ratelimit.Decision, time.Time) {
	if n := q.asked.Add(1); n < 10_000 && now.Before(q.until) { // a hot loop ends
		return nil, now.Add(-q.early)
	}
	return q.IdentifyQueue.Decide(now)
}

type impreciseLimiter struct {
	ratelimit.RateLimiter
	queue *impreciseQueue
}

func (l impreciseLimiter) Identify() ratelimit.IdentifyQueue { return l.queue }

// TestQueueThatIsImpreciseIsAskedWithPauses, and the shard identifies when it is well.
func TestQueueThatIsImpreciseIsAskedWithPauses(t *testing.T) {
	for _, early := range []time.Duration{0, time.Hour} {
		t.Run(early.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				queue := &impreciseQueue{until: time.Now().Add(5 * time.Second), early: early}
				f := newFleet(t, func(cfg *actors.SupervisorConfig) {
					queue.IdentifyQueue = cfg.Limiter.Identify()
					cfg.Limiter = impreciseLimiter{cfg.Limiter, queue}
				})
				f.ask(actors.StartShards{Total: 1})
				pass(4 * time.Second)
				if n := queue.asked.Load(); n > 5000 || f.status().Ready() != 0 {
					t.Errorf("it was asked %d times within 4 s, %d are ready", n, f.status().Ready())
				}
				pass(2 * time.Second)
				if f.status().Ready() != 1 {
					t.Errorf("when it is well: %v", stands(f.status()))
				}
			})
		})
	}
}
