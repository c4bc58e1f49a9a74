package actors_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
)

// TestReleaseOfAShardWhoseActorHangs is refused in time, as often as it is asked for, since the actor may still run. When it has ended, however late, the
// shard is given out.
func TestReleaseOfAShardWhoseActorHangs(t *testing.T) {
	for name, meanwhile := range map[string]bool{"asked meanwhile": true, "asked afterwards": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var armed atomic.Bool
				free := make(chan struct{})
				f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.ShardProps = hanging(&armed, free) })
				f.start(1)
				armed.Store(true)
				asker := f.probe()
				ask := func() {
					asker.ask(f.supervisor, actors.ReleaseShard{Key: f.key(0), Within: 2 * time.Second})
				}
				for n := range 3 {
					ask()
					begun := time.Now()
					refusal := expect[*actors.Refusal](asker, time.Minute)
					if took := time.Since(begun); took < 2*time.Second || took > 4*time.Second || !errors.Is(refusal.Err, actors.ErrNotReleased) {
						t.Errorf("ask %d: after %v: %v", n, took, refusal.Err)
					}
					pass(100 * time.Millisecond)
				}
				if meanwhile {
					ask()
					pass(time.Second)
				}
				close(free)
				pass(time.Second)
				if !meanwhile {
					ask()
				}
				if m := expect[*actors.ShardReleased](asker, 2*time.Second); m.Snapshot.SessionID == "" || !m.Snapshot.Exact || f.gateway.Stats().Live != 0 {
					t.Errorf("given out: %v, %+v", m.Snapshot, f.gateway.Stats())
				}
				asker.expectNone(time.Minute)
			})
		})
	}
}

// TestReleaseHasTenSecondsUnlessItIsToldOtherwise, as ReleaseShard documents.
func TestReleaseHasTenSecondsUnlessItIsToldOtherwise(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		free := make(chan struct{})
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.ShardProps = hanging(&armed, free) })
		f.start(1)
		armed.Store(true)
		asker, begun := f.probe(), time.Now()
		asker.ask(f.supervisor, actors.ReleaseShard{Key: f.key(0)})
		refusal := expect[*actors.Refusal](asker, time.Minute)
		if took := time.Since(begun); took < 10*time.Second || took > 11500*time.Millisecond || !errors.Is(refusal.Err, actors.ErrNotReleased) {
			t.Errorf("after %v: %v", took, refusal.Err)
		}
		close(free)
		pass(time.Second)
	})
}

// TestShardThatAPlanReleasesIsGivenOutWhenItsActorHasEnded, however late, without anybody who asks.
func TestShardThatAPlanReleasesIsGivenOutWhenItsActorHasEnded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		free := make(chan struct{})
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.ShardProps = hanging(&armed, free) })
		f.start(1)
		armed.Store(true)
		f.setFence(1, actors.Release)
		pass(time.Minute)
		if by, given := f.Released(f.key(0)); given {
			t.Errorf("given out while its actor may run: %v", by)
		}
		close(free)
		pass(time.Second)
		if by, given := f.Released(f.key(0)); !given || by.SessionID == "" || by.Fence != 2 || !by.Exact {
			t.Errorf("given out: %v, %v", given, by)
		}
	})
}

// hanging has a shard's actor hang when it is to drain, once, until free is closed.
func hanging(armed *atomic.Bool, free <-chan struct{}) func(actors.Key) []actor.PropsOption {
	return onShards(func(message string) {
		if message == "actors.drainShard" && armed.CompareAndSwap(true, false) {
			<-free
		}
	})
}
