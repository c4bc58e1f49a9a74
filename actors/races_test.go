package actors_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// TestEverySendEndsWhateverEndsItsShard: sixteen callers race with the end of their shard, five hundred times for each way to end. Each of
// their sends ends within its deadline or a minute, whichever is first, and once.
//
// Failures: F82, F113.
func TestEverySendEndsWhateverEndsItsShard(t *testing.T) {
	const times, callers = 500, 16
	for name, end := range map[string]func(f *fleet){
		"StopShards":    func(f *fleet) { f.system.Root.Send(f.supervisor, actors.StopShards{}) },
		"a fatal close": func(f *fleet) { f.gateway.Shard(0).Close(events.CloseAuthenticationFailed) },
		"six crashes": func(f *fleet) {
			for range 6 {
				f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(0)})
				time.Sleep(8 * time.Second) // beyond the wait after each
			}
		},
		"the actor stopped by somebody else": func(f *fleet) { f.system.Root.Stop(f.child(0)) },
		"poison":                             func(f *fleet) { f.system.Root.Poison(f.child(0)) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, func(cfg *actors.SupervisorConfig) {
					cfg.Identify.Intents |= events.IntentGuildVoiceStates
					cfg.Limiter = plenty()
				})
				f.start(1)
				random := rand.New(rand.NewPCG(1, 2))
				for round := range times {
					var all sync.WaitGroup
					for caller := range callers {
						wait := time.Duration(random.Int64N(int64(90 * time.Second)))
						delay := time.Duration(random.IntN(40)) * time.Microsecond
						all.Go(func() {
							time.Sleep(delay)
							ctx, began := t.Context(), time.Now()
							if caller%2 == 0 {
								var cancel context.CancelFunc
								ctx, cancel = context.WithTimeout(ctx, wait)
								defer cancel()
							}
							var err error
							switch caller % 3 {
							case 0:
								_, err = f.Client(f.system, f.supervisor).Send(ctx, events.Heartbeat{})
							case 1:
								_, err = f.sendsTo(0).Send(ctx, events.UpdatePresence{Status: events.StatusIdle})
							default:
								_, err = f.sendsTo(0).Send(ctx, events.UpdateVoiceState{GuildID: some().GuildID})
							}
							most := time.Minute + time.Second
							if caller%2 == 0 {
								most = min(most, wait)
							}
							if took := time.Since(began); took > most {
								t.Errorf("round %d, caller %d: it ended after %v: %v", round, caller, took, err)
							}
						})
					}
					time.Sleep(time.Duration(random.IntN(40)) * time.Microsecond)
					end(f)
					all.Wait()
					pass(10 * time.Second)
					if started := f.ask(actors.StartShards{Total: 1}).(*actors.ShardsStarted); started.Err != nil {
						t.Fatal(started.Err)
					}
					pass(10 * time.Second)
					if shard, _ := f.shard(0); shard.State != session.Ready {
						t.Fatalf("round %d: the shard is %v, %v", round, shard.State, shard.Cause)
					}
					if t.Failed() {
						return
					}
				}
				if shard, _ := f.shard(0); shard.Waiting != 0 || shard.Sharing != 0 {
					t.Errorf("%d wait, %d share", shard.Waiting, shard.Sharing)
				}
				f.gateway.RequireNoViolations(t)
			})
		})
	}
}

// TestStartDuringAStopWaitsForTheEnd: the shard that is stopping ends, and then runs, whatever the order of the orders.
func TestStartDuringAStopWaitsForTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(2)
		for range 50 {
			for range 3 {
				f.system.Root.Send(f.supervisor, actors.StopShards{Keys: []actors.Key{f.key(0)}})
				f.system.Root.Send(f.supervisor, actors.StartShards{Total: 2})
			}
			pass(5 * time.Second)
			if n := f.status().Ready(); n != 2 {
				t.Fatalf("%d are ready", n)
			}
		}
		f.gateway.RequireNoViolations(t)
	})
}

// TestRestartAfterQuarantineWorksAtOnce, whoever asks for it: also a hook that is told of the quarantine.
func TestRestartAfterQuarantineWorksAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var f *fleet
		quarantined := 0
		f = newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.Observers = actors.NewObservers(cfg.Logger, crashHook(func(c actors.ShardCrashed) {
				if c.Quarantined {
					quarantined++
					f.system.Root.Send(f.supervisor, actors.RestartShard{Key: c.Key})
				}
			}))
		})
		f.start(1)
		for range 5 {
			f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(0)})
			pass(10 * time.Second)
		}
		shard, _ := f.shard(0)
		if quarantined != 1 || shard.State != session.Ready || shard.Quarantined {
			t.Errorf("told %d times, then %v, %v", quarantined, shard.State, shard.Cause)
		}
		if s := f.gateway.Stats(); s.Identifies != 1 || s.Resumes != 5 {
			t.Errorf("%d identifies, %d resumes", s.Identifies, s.Resumes)
		}
	})
}

type crashHook func(actors.ShardCrashed)

func (h crashHook) OnCrash(c actors.ShardCrashed) { h(c) }

// TestCrashBeforeTheFirstConnectionIsACrash: told as one, and made up for.
func TestCrashBeforeTheFirstConnectionIsACrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var causes []error
		var begun atomic.Bool
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.Observers = actors.NewObservers(zap.NewNop(), crashHook(func(c actors.ShardCrashed) { causes = append(causes, c.Cause) }))
			cfg.ShardProps = func(actors.Key) []actor.PropsOption {
				return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
					return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
						if _, ok := e.Message.(*actor.Started); ok && !begun.Swap(true) {
							panic("at the very beginning")
						}
						next(ctx, e)
					}
				})}
			}
		})
		f.ask(actors.StartShards{Total: 1})
		pass(time.Minute)
		if len(causes) != 1 || !errors.Is(causes[0], actors.ErrCrashed) || f.status().Ready() != 1 {
			t.Errorf("crashes: %v; %v", causes, stands(f.status()))
		}
	})
}

// TestActorThatSomebodyElseStopsRunsAgain: the plan says that it should. Meanwhile the shard does not look Ready.
func TestActorThatSomebodyElseStopsRunsAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(2)
		for n, stop := range []func(){func() { f.system.Root.Stop(f.child(0)) }, func() { f.system.Root.Poison(f.child(0)) }} {
			stop()
			pass(0)
			shard, _ := f.shard(0)
			if shard.State != session.Backoff || !errors.Is(shard.Cause, actors.ErrStoppedByOthers) || shard.Retry.IsZero() {
				t.Errorf("stopped: %v until %v, %v", shard.State, shard.Retry, shard.Cause)
			}
			pass(5 * time.Second)
			if shard, _ = f.shard(0); shard.State != session.Ready || f.gateway.Stats().Identifies != 2 || f.gateway.Stats().Resumes != n+1 {
				t.Errorf("then: %v, %v, %+v", shard.State, shard.Cause, f.gateway.Stats())
			}
		}
		f.gateway.RequireNoViolations(t)
	})
}

// TestNothingLooksWellWhenTheSupervisorHasEnded: no shard is Ready, whoever waits is told why, and sends end at once.
func TestNothingLooksWellWhenTheSupervisorHasEnded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(2)
		waiting := make(chan error, 1)
		go func() { waiting <- f.Board().Wait(t.Context(), func(actors.Tally) bool { return false }) }()
		pass(time.Second)
		f.system.Root.Stop(f.supervisor)
		pass(time.Second)
		select {
		case <-f.Board().Done():
		default:
			t.Fatal("it is not done")
		}
		if err := <-waiting; !errors.Is(err, actors.ErrSupervisorEnded) || !errors.Is(f.Board().Err(), actors.ErrSupervisorEnded) {
			t.Errorf("who waited is told %v", err)
		}
		for _, shard := range f.status().Shards {
			if shard.State != session.Closed {
				t.Errorf("%v is %v", shard.Shard, shard.State)
			}
		}
		if tally := f.Board().Tally(); tally.Ready != 0 || tally.Open != 0 {
			t.Errorf("%+v", tally)
		}
		began := time.Now()
		if _, err := f.Client(f.system, f.supervisor).Send(t.Context(), events.Heartbeat{}); !(errors.Is(err, actors.ErrClosed) && errors.Is(err, actors.ErrSupervisorEnded)) || time.Since(began) > 0 {
			t.Errorf("a send, after %v: %v", time.Since(began), err)
		}
	})
}

// child is the actor of the shard with the index.
func (f *fleet) child(index int) *actor.PID {
	key := f.key(index)
	return actor.NewPID(f.supervisor.Address, fmt.Sprintf("%s/shard-%d-%d-%d", f.supervisor.Id, key.Generation, key.Shard.Total, key.Shard.Index))
}

// plenty is a limiter whose budget lasts for all that a test does.
func plenty() ratelimit.RateLimiter {
	return ratelimit.Local(ratelimit.SessionStart{Total: 100_000, Remaining: 100_000, MaxConcurrency: 16, ResetAfter: time.Hour})
}
