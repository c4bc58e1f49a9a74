package actors_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// onlyStates observes the moves of shards, and nothing else.
type onlyStates struct{ told atomic.Int64 }

func (o *onlyStates) OnState(actors.StateChanged) { o.told.Add(1) }

// TestObserverOfOneKindIsToldOfNoOther, and nothing is reported of it.
func TestObserverOfOneKindIsToldOfNoOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		core, logs := observer.New(zap.WarnLevel)
		var states onlyStates
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.Observers = actors.NewObservers(zap.New(core), &states) })
		f.start(1)
		pass(time.Minute)
		if states.told.Load() == 0 || logs.Len() > 0 {
			t.Errorf("%d moves are told; logged: %v", states.told.Load(), logs.All())
		}
	})
}

// TestConnectionWhoseBucketComesLateHasOneBucket: the limiter is asked once a second until it has made one, however busy the supervisor is, and not
// again, or each would be a new allowance.
func TestConnectionWhoseBucketComesLateHasOneBucket(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var asked atomic.Int64
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			observe(cfg, 1, func(call string) {
				if call == "Connection" && asked.Add(1) <= 6 {
					panic("a bug in the limiter")
				}
			})
		})
		f.start(1)
		p := f.probe()
		p.ask(f.supervisor, actors.SendEvent{Op: events.OpHeartbeat, Deadline: time.Now().Add(100 * time.Millisecond)})
		expect[*actors.SendFailed](p, time.Second)
		if pass(950 * time.Millisecond); asked.Load() != 3 {
			t.Errorf("a second later the limiter was asked for the connection's bucket %d times", asked.Load())
		}
		for range 30 { // each is looked at when its time is over
			p.ask(f.supervisor, actors.SendEvent{Op: events.OpHeartbeat, Deadline: time.Now().Add(100 * time.Millisecond)})
			expect[*actors.SendFailed](p, time.Second)
		}
		if n := asked.Load(); n < 4 || n > 6 {
			t.Errorf("within 5 s the limiter was asked for the connection's bucket %d times", n)
		}
		pass(5 * time.Minute)
		if n := asked.Load(); n != 7 {
			t.Errorf("in all it was asked %d times, want 7", n)
		}
		if _, err := f.sendsTo(0).Send(t.Context(), events.Heartbeat{}); err != nil {
			t.Error(err)
		}
	})
}

// budgeted counts how often it is asked what the budget allows.
type budgeted struct {
	*ratelimit.Queue
	asked atomic.Int64
}

func (b *budgeted) Spare(now time.Time) int {
	b.asked.Add(1)
	return b.Queue.Spare(now)
}

type budgetedLimiter struct {
	ratelimit.RateLimiter
	queue *budgeted
}

func (l budgetedLimiter) Identify() ratelimit.IdentifyQueue { return l.queue }

// TestWindowsAreOfOneLength, in which it is looked for deaf sessions, however busy the supervisor is.
func TestWindowsAreOfOneLength(t *testing.T) {
	bubble(t, func(t *testing.T) {
		queue := new(budgeted)
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			queue.Queue = cfg.Limiter.Identify().(*ratelimit.Queue)
			cfg.Limiter, cfg.DeafSession = budgetedLimiter{cfg.Limiter, queue}, &actors.DeafSession{Window: 10 * time.Second}
		})
		f.start(1)
		f.gateway.Outage(true)
		f.gateway.DropAll()
		p := f.probe()
		for range 59 {
			p.ask(f.supervisor, actors.SendEvent{Op: events.OpHeartbeat, Deadline: time.Now().Add(time.Second)})
			expect[*actors.SendFailed](p, 2*time.Second)
		}
		if n := queue.asked.Load(); n < 5 || n > 7 {
			t.Errorf("%d windows of 10 s ended within a minute", n)
		}
	})
}

// remote is an IdentifyQueue that grants when somebody else has opened it, and tells of that once.
type remote struct {
	ratelimit.IdentifyQueue
	open atomic.Bool
	news func()
}

func (r *remote) Notify(news func()) { r.news = news }

func (r *remote) Decide(now time.Time) ([]ratelimit.Decision, time.Time) {
	if !r.open.Load() {
		return nil, time.Time{}
	}
	return r.IdentifyQueue.Decide(now)
}

type remoteLimiter struct {
	ratelimit.RateLimiter
	queue *remote
}

func (l remoteLimiter) Identify() ratelimit.IdentifyQueue { return l.queue }

// TestNewsThatTheSupervisorCrashesOnAreHeard: nobody tells them twice.
func TestNewsThatTheSupervisorCrashesOnAreHeard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		queue := new(remote)
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			queue.IdentifyQueue = cfg.Limiter.Identify()
			cfg.Limiter = remoteLimiter{cfg.Limiter, queue}
		}, crashesOn(&armed, "actors.identifyNews"), actor.WithGuardian(actors.Guardian()))
		f.ask(actors.StartShards{Total: 1})
		pass(time.Second)
		armed.Store(true)
		queue.open.Store(true)
		queue.news()
		pass(time.Second)
		if shard, _ := f.shard(0); shard.State != session.Ready || armed.Load() {
			t.Errorf("the shard is %v; the supervisor has crashed: %v", shard.State, !armed.Load())
		}
	})
}

// TestQuestionThatIsLostTwiceIsAsked: the supervisor crashes on it, and on the recovery that would have asked again.
func TestQuestionThatIsLostTwiceIsAsked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var once, twice atomic.Bool
		once.Store(true)
		twice.Store(true)
		f := newFleet(t, nil, crashesOn(&once, "actors.askIdentify"), crashesOn(&twice, "actors.recovered"), actor.WithGuardian(actors.Guardian()))
		f.ask(actors.StartShards{Total: 1})
		pass(3 * time.Second)
		if shard, _ := f.shard(0); shard.State != session.Ready || once.Load() || twice.Load() {
			t.Errorf("the shard is %v; to crash: %v, %v", shard.State, once.Load(), twice.Load())
		}
	})
}

// TestWhatTheSupervisorCrashesOnIsHeardAgain: nobody would say it a second time.
func TestWhatTheSupervisorCrashesOnIsHeardAgain(t *testing.T) {
	start := ratelimit.SessionStart{Total: 1000, Remaining: 0, MaxConcurrency: 1, ResetAfter: time.Hour}
	for name, message := range map[string]any{"actors.UpdateSessionStart": actors.UpdateSessionStart{SessionStart: start}, "*actors.UpdateSessionStart": &actors.UpdateSessionStart{SessionStart: start}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var armed atomic.Bool
				f := newFleet(t, nil, crashesOn(&armed, name), actor.WithGuardian(actors.Guardian()))
				armed.Store(true)
				f.system.Root.Send(f.supervisor, message)
				pass(time.Second)
				f.ask(actors.StartShards{Total: 1})
				pass(time.Minute)
				if s := f.gateway.Stats(); armed.Load() || s.Identifies != 0 {
					t.Errorf("%d Identifies beyond the budget; the supervisor has crashed: %v", s.Identifies, !armed.Load())
				}
			})
		})
	}
}

// TestShardIsAskedForOnce, when the limiter fails meanwhile: a shard that waits, or has a permit, would begin anew.
func TestShardIsAskedForOnce(t *testing.T) {
	for name, c := range map[string]struct {
		fails string // once
		asks  int
		start func(f *fleet)
	}{
		"with a permit": {"Ask", 3, func(f *fleet) { // of the other one
			f.ask(actors.StartShards{Total: 2, IDs: []int{0}})
			pass(500 * time.Millisecond)
			f.ask(actors.StartShards{Total: 2})
		}},
		"held back while another finds out": {"Withdraw", 3, func(f *fleet) { f.ask(actors.StartShards{Total: 2}) }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var asks, fails atomic.Int64
				f := newProbing(t, func(cfg *actors.SupervisorConfig) {
					observe(cfg, 2, func(call string) {
						if call == "Ask" {
							asks.Add(1)
						}
						if call == c.fails && (call != "Ask" || asks.Load() > 1) && fails.Add(1) == 1 {
							panic("a bug in the limiter")
						}
					})
					cfg.ShardProps = onShards(func(message string) {
						if message == "actors.granted" {
							time.Sleep(3 * time.Second)
						}
					})
				})
				f.gateway.SetAllowedIntents(events.IntentsAll)
				c.start(f)
				pass(time.Minute)
				if asks.Load() != int64(c.asks) || fails.Load() == 0 || f.status().Ready() != 2 {
					t.Errorf("the limiter was asked %d times, want %d; it has failed: %v; %d are ready", asks.Load(), c.asks, fails.Load() > 0, f.status().Ready())
				}
			})
		})
	}
}

// TestLimiterThatFailsIsCalledAgainInASecond, whatever it was called for, and though nothing else happens.
func TestLimiterThatFailsIsCalledAgainInASecond(t *testing.T) {
	for _, fails := range []string{"Identify", "Update", "Ask", "Decide"} {
		t.Run(fails, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var times atomic.Int64
				f := newFleet(t, func(cfg *actors.SupervisorConfig) {
					observe(cfg, 1, func(call string) {
						if call == fails && times.Add(1) == 1 {
							panic("a bug in the limiter")
						}
					})
				})
				f.ask(actors.StartShards{Total: 1})
				pass(2 * time.Second)
				if f.status().Ready() != 1 || times.Load() < 2 {
					t.Errorf("after 2 s the shard is %v; %d calls", f.status().Shards[0].State, times.Load())
				}
			})
		})
	}
}
