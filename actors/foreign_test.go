package actors_test

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/session"
)

// eachWay runs f with each thing that code of the user's may do instead of returning.
func eachWay(t *testing.T, f func(t *testing.T, how func())) {
	t.Helper()
	for name, how := range map[string]func(){"panics": func() { panic("a bug") }, "calls Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { f(t, how) })
		})
	}
}

// TestChangedThatDoesNotReturnCostsNoShard: they become ready, and the end of the supervisor is told.
func TestChangedThatDoesNotReturnCostsNoShard(t *testing.T) {
	eachWay(t, func(t *testing.T, how func()) {
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.Changed = func(actors.Key, session.Change) { how() }
		}, actor.WithGuardian(actors.Guardian()))
		f.ask(actors.StartShards{Total: 2})
		pass(time.Minute)
		for _, s := range f.status().Shards {
			if s.State != session.Ready || s.Crashes != 0 {
				t.Errorf("%v is %v after %d crashes, cause %v", s.Shard, s.State, s.Crashes, s.Cause)
			}
		}
		f.system.Root.Stop(f.supervisor)
		pass(time.Second)
		if !errors.Is(f.Board().Err(), actors.ErrSupervisorEnded) {
			t.Errorf("the supervisor ended, and the board says %v", f.Board().Err())
		}
	})
}

// TestShardPropsThatDoNotReturnCostARest: their shard is spawned later, and what they did is told as its cause.
func TestShardPropsThatDoNotReturnCostARest(t *testing.T) {
	eachWay(t, func(t *testing.T, how func()) {
		var calls atomic.Int64
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.ShardProps = func(actors.Key) []actor.PropsOption {
				if calls.Add(1) == 1 {
					how()
				}
				return nil
			}
		}, actor.WithGuardian(actors.Guardian()))
		f.ask(actors.StartShards{Total: 1})
		pass(time.Millisecond)
		var panicked *actors.PanicError
		if s := f.status().Shards[0]; !errors.As(s.Cause, &panicked) {
			t.Errorf("the cause is %v", s.Cause)
		}
		pass(time.Minute)
		if s := f.status().Shards[0]; s.State != session.Ready {
			t.Errorf("it is %v, cause %v", s.State, s.Cause)
		}
	})
}

// TestActorsOutliveMiddlewareThatDoesNotReturn: to a shard's actor it is a crash, which costs a Resume; the supervisor loses that message.
func TestActorsOutliveMiddlewareThatDoesNotReturn(t *testing.T) {
	eachWay(t, func(t *testing.T, how func()) {
		var shard, supervisor atomic.Bool
		bad := func(armed *atomic.Bool) actor.PropsOption {
			return actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
				return func(ctx actor.ReceiverContext, envelope *actor.MessageEnvelope) {
					if armed.CompareAndSwap(true, false) {
						how()
					}
					next(ctx, envelope)
				}
			})
		}
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.ShardProps = func(actors.Key) []actor.PropsOption { return []actor.PropsOption{bad(&shard)} }
		}, actor.WithGuardian(actors.Guardian()), bad(&supervisor))
		f.start(1)
		shard.Store(true)
		pass(5 * time.Minute)
		if s := f.status().Shards[0]; s.State != session.Ready || s.Crashes != 1 || s.Identifies != 1 {
			t.Errorf("the shard is %v, after %d crashes and %d Identifies", s.State, s.Crashes, s.Identifies)
		}
		supervisor.Store(true)
		f.system.Root.Send(f.supervisor, actors.GetStatus{})
		pass(time.Minute)
		if f.ask(actors.GetStatus{}) == nil || f.status().Shards[0].State != session.Ready {
			t.Error("the supervisor does not answer any more")
		}
	})
}
