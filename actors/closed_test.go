package actors_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// TestShardThatIsNotToRunIsClosed: whatever has ended its actor before it could say so.
func TestShardThatIsNotToRunIsClosed(t *testing.T) {
	stop := func(f *fleet) { f.ask(actors.StopShards{Keys: []actors.Key{f.key(0)}}) }
	set := func(mode actors.Mode) func(f *fleet) {
		return func(f *fleet) {
			plan := f.ask(actors.GetPlan{}).(*actors.Plan)
			if answer, ok := f.ask(actors.SetPlan{From: plan.Version, Change: map[actors.Key]actors.Want{f.key(0): {Mode: mode}}}).(*actors.PlanSet); !ok {
				f.t.Errorf("the plan is refused: %+v", answer)
			}
		}
	}
	crash := func(f *fleet) { f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(0)}) }
	for name, c := range map[string]struct {
		before, change func(*fleet)
		on             string // a message on which somebody else stops the actor
	}{
		"stopped while it rests": {crash, stop, ""},
		"paused while it rests":  {crash, set(actors.Pause), ""},
		"drained while it rests": {crash, set(actors.Drain), ""},
		"stopped twice":          {func(*fleet) {}, stop, "actors.stopShard"},
		"drained, and stopped":   {func(*fleet) {}, set(actors.Drain), "actors.drainShard"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, func(cfg *actors.SupervisorConfig) {
					cfg.ShardProps = func(actors.Key) []actor.PropsOption { return []actor.PropsOption{stoppedOn(c.on)} }
				})
				f.start(2)
				c.before(f)
				pass(0)
				c.change(f)
				pass(time.Minute)
				shard, _ := f.shard(0)
				if tally := f.Board().Tally(); shard.State != session.Closed || !errors.Is(shard.Cause, actors.ErrClosed) || tally.Open != 1 || tally.Wanted != 1 || tally.Ready != 1 {
					t.Errorf("it is %v (%v), %+v", shard.State, shard.Cause, tally)
				}
				f.ask(actors.StartShards{Total: 2, IDs: []int{0}})
				pass(time.Minute)
				if s := f.gateway.Stats(); f.status().Ready() != 2 || s.Identifies != 2 {
					t.Errorf("%d are ready, %d Identifies", f.status().Ready(), s.Identifies)
				}
			})
		})
	}
}

// stoppedOn has an actor stopped, as by somebody else, in place of a message.
func stoppedOn(message string) actor.PropsOption {
	return actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
		return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
			if fmt.Sprintf("%T", e.Message) == message {
				ctx.ActorSystem().Root.Stop(ctx.Self())
				return
			}
			next(ctx, e)
		}
	})
}

// TestShardThatIsStartedAgainHasNotEnded: until its actor has begun it is Closed still, and that is no end by itself.
func TestShardThatIsStartedAgainHasNotEnded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(2)
		f.ask(actors.StopShards{Keys: []actors.Key{f.key(0)}})
		pass(time.Second)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if err := f.Board().Wait(t.Context(), func(t actors.Tally) bool { return t.Ended > 0 || t.Ready == 2 }); err != nil {
				t.Error(err)
			}
			if tally := f.Board().Tally(); tally.Ready != 2 {
				t.Errorf("it has ended, it is said: %+v", tally)
			}
		}()
		pass(0)
		f.ask(actors.StartShards{Total: 2, IDs: []int{0}})
		<-ended
	})
}

// TestSubscribersHearOfEveryMove: also of those that the supervisor makes, when an actor has crashed.
func TestSubscribersHearOfEveryMove(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		p, gone := f.probe(), f.probe() // who ends takes nobody along
		for _, each := range []*probe{p, gone} {
			each.ask(f.supervisor, actors.Subscribe{Types: []events.Type{"X"}})
			expect[*actors.Subscribed](each, time.Second)
		}
		f.stop(gone.pid)
		pass(time.Second)
		for range 5 {
			f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(0)})
			pass(20 * time.Second)
		}
		state := session.Ready
		for {
			m, ok := p.next(0).(*actors.StateChanged)
			if !ok {
				break
			}
			if m.From != state && (m.From != session.Idle || state != session.Backoff) {
				t.Errorf("it moves from %v to %v, and was told to be %v", m.From, m.To, state)
			}
			state = m.To
		}
		if state != session.Closed {
			t.Errorf("in the end it is told to be %v, and is quarantined", state)
		}
	})
}
