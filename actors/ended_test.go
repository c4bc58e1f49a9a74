package actors_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// ends are the ways in which a supervisor ends whose parent has it go on after a crash.
var ends = map[string]func(*fleet){
	"stop":   func(f *fleet) { f.system.Root.Stop(f.supervisor) },
	"poison": func(f *fleet) { f.system.Root.Poison(f.supervisor) },
}

// TestEverySendEndsWhateverEndsTheSupervisor: sixteen callers, of whom some are actors, race with the end of the supervisor, which is busy in every
// second round. Each of their sends ends within its deadline or a minute, whichever is first.
//
// Failures: F82.
func TestEverySendEndsWhateverEndsTheSupervisor(t *testing.T) {
	const times, callers = 150, 16
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				gateway, harness, random := newGateway(t), newHarness(t), rand.New(rand.NewPCG(1, 2))
				for round := range times {
					cfg := config(gateway)
					cfg.Identify.Intents |= events.IntentGuildVoiceStates
					supervisor, err := actors.NewSupervisor(cfg)
					if err != nil {
						t.Fatal(err)
					}
					f := &fleet{harness, supervisor, gateway, harness.system.Root.Spawn(supervisor.Props(actor.WithGuardian(actors.Guardian())))}
					f.start(1)
					busy := func() {
						if round%2 == 1 {
							f.system.Root.Send(f.supervisor, actors.SendEvent{Event: slow{}})
						}
					}
					busy()
					pass(0)
					busy()
					var all sync.WaitGroup
					for caller := range callers {
						wait, delay := time.Duration(random.Int64N(int64(90*time.Second))), time.Duration(random.IntN(40))*time.Microsecond
						all.Go(func() {
							time.Sleep(delay)
							ctx, began, most := t.Context(), time.Now(), time.Minute
							if caller%2 == 0 {
								var cancel context.CancelFunc
								ctx, cancel = context.WithTimeout(ctx, wait)
								defer cancel()
								most = min(most, wait)
							}
							err := send(ctx, f, caller%5)
							if caller%5 > 2 {
								most += 50 * time.Millisecond // an Ask waits that long for the supervisor's word
							}
							if took := time.Since(began); took > most {
								t.Errorf("round %d, caller %d: it ended after %v: %v", round, caller, took, err)
							}
						})
					}
					time.Sleep(time.Duration(random.IntN(40)) * time.Microsecond)
					end(f)
					busy()
					all.Wait()
					pass(10 * time.Second)
					if t.Failed() {
						return
					}
					f.Wait()
				}
				gateway.RequireNoViolations(t)
			})
		})
	}
}

// send sends something, in one of five ways.
func send(ctx context.Context, f *fleet, way int) (err error) {
	switch way {
	case 0:
		_, err = f.Client(f.system, f.supervisor).Send(ctx, events.Heartbeat{})
	case 1:
		_, err = f.sendsTo(0).Send(ctx, events.UpdatePresence{Status: events.StatusIdle})
	case 2:
		_, err = f.sendsTo(0).Stream(ctx, events.UpdateVoiceState{GuildID: some().GuildID}, func(events.Raw) bool { return true })
	case 3:
		_, err = actors.Ask(ctx, f.system, f.supervisor, events.Heartbeat{})
	default:
		_, err = actors.Ask(ctx, f.system, f.supervisor, events.UpdateVoiceState{GuildID: some().GuildID})
	}
	return err
}

// slow is an event of somebody else's that takes its time.
type slow struct{ events.UpdatePresence }

func (s slow) Request() (events.Request, error) {
	time.Sleep(2 * time.Second)
	return s.UpdatePresence.Request()
}

// TestWhatStandsBehindTheSupervisorsEndIsAnswered: at once, to callers and to actors, and they are told what has happened.
func TestWhatStandsBehindTheSupervisorsEndIsAnswered(t *testing.T) {
	crashed := actors.SendEvent{Event: slowPanic{}}
	for name, c := range map[string]struct {
		busy any // with it, when it is to end
		end  func(*fleet)
		opts []actor.PropsOption
	}{
		"stop":                           {actors.SendEvent{Event: slow{}}, ends["stop"], []actor.PropsOption{actor.WithGuardian(actors.Guardian())}},
		"poison":                         {actors.SendEvent{Event: slow{}}, ends["poison"], []actor.PropsOption{actor.WithGuardian(actors.Guardian())}},
		"a crash, and it is not resumed": {crashed, func(*fleet) {}, []actor.PropsOption{crashing, actor.WithGuardian(actor.NewOneForOneStrategy(0, time.Second, actor.DefaultDecider))}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, nil, c.opts...)
				f.start(1)
				f.system.Root.Send(f.supervisor, c.busy)
				pass(time.Millisecond)
				c.end(f)
				f.system.Root.Send(f.supervisor, c.busy) // it ends while it is busy again
				client := make(chan error, 1)
				go func() {
					_, err := f.sendsTo(0).Send(t.Context(), events.Heartbeat{})
					client <- err
				}()
				p := f.probe()
				p.ask(f.supervisor, actors.SendEvent{ID: 7, Event: events.Heartbeat{}})
				p.ask(f.supervisor, actors.StartShards{Total: 1})
				p.ask(f.supervisor, &actors.GetPlan{})
				p.ask(f.supervisor, "text")
				pass(5 * time.Second)
				select {
				case err := <-client:
					if failed := sendError(t, err); !ended(err) || failed.Stage > actors.Admitted || failed.Retryable() {
						t.Errorf("the caller is told: %v", err)
					}
				default:
					t.Fatal("the caller is told nothing")
				}
				if failed := expect[*actors.SendFailed](p, 0); failed.ID != 7 || !ended(failed.Err) || sendError(t, failed.Err).Sent() {
					t.Errorf("the actor is told: %+v", failed)
				}
				if started := expect[*actors.ShardsStarted](p, 0); !ended(started.Err) {
					t.Errorf("StartShards: %+v", started)
				}
				for range 2 {
					if refusal := expect[*actors.Refusal](p, 0); !ended(refusal.Err) {
						t.Errorf("%+v", refusal)
					}
				}
				p.ask(f.supervisor, actors.SendEvent{ID: 8, Event: events.Heartbeat{}})
				expect[*actor.DeadLetterResponse](p, time.Second) // the library knows that there is nobody
			})
		})
	}
}

func ended(err error) bool {
	return errors.Is(err, actors.ErrClosed) && errors.Is(err, actors.ErrSupervisorEnded)
}

// slowPanic takes its time, and crashing crashes the supervisor then.
type slowPanic struct{ slow }

// crashing crashes an actor after a slowPanic.
var crashing = actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
		if m, ok := e.Message.(actors.SendEvent); ok {
			if _, ok := m.Event.(slowPanic); ok {
				time.Sleep(2 * time.Second)
				panic("a bug")
			}
		}
		next(ctx, e)
	}
})

// TestSupervisorThatCrashesWhileItStopsEnds: it crashes on the end of each shard's actor that it waits for, some times.
func TestSupervisorThatCrashesWhileItStopsEnds(t *testing.T) {
	for name, crash := range map[string]func(){"panic": func() { panic("a bug") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var left atomic.Int64
				f := newFleet(t, nil, actor.WithGuardian(actors.Guardian()), actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
					return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
						if _, ended := e.Message.(*actor.Terminated); ended && left.Add(-1) >= 0 {
							crash()
						}
						next(ctx, e)
					}
				}))
				f.start(2)
				left.Store(4)
				began := time.Now()
				if err := f.system.Root.StopFuture(f.supervisor).Wait(); err != nil || left.Load() > 0 {
					t.Fatalf("%v after %v, and %d crashes were to come", err, time.Since(began), left.Load())
				}
				if took := time.Since(began); took > 4*time.Second {
					t.Errorf("it took %v to end", took)
				}
			})
		})
	}
}

// TestSupervisorThatCrashesOnTheEndOfAnActorLeavesTheNextOneAlone, which has the same name.
func TestSupervisorThatCrashesOnTheEndOfAnActorLeavesTheNextOneAlone(t *testing.T) {
	for seed := range uint64(8) { // of which some have the next one begin within a second
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var armed atomic.Bool
				f := newFleet(t, func(c *actors.SupervisorConfig) { c.Seed = seed + 1 }, actor.WithGuardian(actors.Guardian()), crashesOn(&armed, "*actor.Terminated"))
				f.start(1)
				armed.Store(true)
				f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(0)})
				pass(10 * time.Second)
				if s, _ := f.shard(0); armed.Load() || s.State != session.Ready || s.Crashes != 1 || f.gateway.Stats().Connections != 2 {
					t.Errorf("seed %d: %+v, %d connections", seed, s, f.gateway.Stats().Connections)
				}
			})
		})
	}
}

// counting counts the buckets that were asked for.
type counting struct {
	ratelimit.RateLimiter
	buckets atomic.Int64
}

// Connection implements ratelimit.RateLimiter.
func (c *counting) Connection(shard ratelimit.Shard, heartbeat time.Duration) ratelimit.Bucket {
	c.buckets.Add(1)
	return c.RateLimiter.Connection(shard, heartbeat)
}

// TestActorThatHasCrashedIsGivenNoBucket, though it looks Ready to a supervisor that has lost the word of its end: sends wait for the next actor.
func TestActorThatHasCrashedIsGivenNoBucket(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		limiter := new(counting)
		f := newFleet(t, func(c *actors.SupervisorConfig) {
			limiter.RateLimiter = c.Limiter
			c.Limiter = limiter
		}, actor.WithGuardian(actors.Guardian()), crashesOn(&armed, "*actor.Terminated"))
		f.start(1)
		armed.Store(true)
		f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(0)})
		pass(10 * time.Second)
		if s, _ := f.shard(0); armed.Load() || s.State != session.Ready || limiter.buckets.Load() != 2 {
			t.Errorf("%v, with %d buckets for two connections", s.State, limiter.buckets.Load())
		}
	})
}
