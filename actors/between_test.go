package actors_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
)

// TestPlanThatChangesWhileAShardRests: what waits for the shard is told at once, and so is who sends then. If it is to run again before it has rested, sends wait for it.
func TestPlanThatChangesWhileAShardRests(t *testing.T) {
	for mode, want := range map[actors.Mode]error{actors.Pause: actors.ErrPaused, actors.Drain: actors.ErrDraining, actors.Stop: actors.ErrClosed} {
		t.Run(mode.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, nil)
				f.start(1)
				f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(0)})
				pass(100 * time.Millisecond)
				p := f.probe()
				p.ask(f.supervisor, actors.SendEvent{ID: 1, Op: events.OpHeartbeat, Shard: f.id(0)})
				pass(0)
				f.mode(mode)
				p.ask(f.supervisor, actors.SendEvent{ID: 2, Op: events.OpHeartbeat, Shard: f.id(0)})
				for id := range uint64(2) {
					if failed := expect[*actors.SendFailed](p, time.Second); failed.ID != id+1 || !errors.Is(failed.Err, want) || sendError(t, failed.Err).Sent() {
						t.Errorf("%d is told %v", failed.ID, failed.Err)
					}
				}
				if shard, _ := f.shard(0); shard.Waiting != 0 {
					t.Errorf("%d wait", shard.Waiting)
				}
				f.mode(actors.Run)
				p.ask(f.supervisor, actors.SendEvent{ID: 3, Op: events.OpHeartbeat, Shard: f.id(0)})
				if sent := expect[*actors.EventSent](p, time.Minute); sent.ID != 3 {
					t.Errorf("sent: %+v", sent)
				}
			})
		})
	}
}

// TestPermitThatIsAskedForInAShardsPlace, by a supervisor that has crashed: the one that the shard had came too late, and it has not asked again yet.
func TestPermitThatIsAskedForInAShardsPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var late, crash atomic.Bool
		late.Store(true)
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.ShardProps = onShards(func(message string) {
				if message == "actors.granted" && late.CompareAndSwap(true, false) {
					time.Sleep(45 * time.Second)
				}
			})
		}, actor.WithGuardian(actors.Guardian()), crashesOn(&crash, "actors.withdrawIdentify"))
		f.ask(actors.StartShards{Total: 1})
		pass(5 * time.Second)
		crash.Store(true)
		pass(5 * time.Minute)
		if written, _ := identifies(f.gateway, 1); crash.Load() || f.status().Ready() != 1 || written != 1 {
			t.Errorf("crashed: %v; %v, after %d Identifies", !crash.Load(), stands(f.status()), written)
		}
		f.gateway.RequireNoViolations(t)
	})
}

// TestSharersOfTwoShards: one that comes by a shard of another generation waits for the answer of the first's, and is counted there, and makes room there.
func TestSharersOfTwoShards(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := sharing(t, nil)
		next := actors.Key{Generation: 1, Shard: f.key(0).Shard}
		if answer, ok := f.ask(actors.SetPlan{From: 1, Change: map[actors.Key]actors.Want{next: {Role: actors.Warming}}}).(*actors.PlanSet); !ok {
			t.Fatalf("%+v", answer)
		}
		pass(10 * time.Second)
		shared := func(when string, want ...int) {
			t.Helper()
			for i, shard := range f.status().Shards {
				if shard.Sharing != want[i] {
					t.Errorf("%s: of %v share %d, want %d", when, shard.Key(), shard.Sharing, want[i])
				}
			}
		}
		for range 3 { // more than there is room for, if it was not made
			errs := make(chan error, 4)
			for _, key := range []actors.Key{f.key(0), next, next, next} {
				go func() {
					_, err := f.Client(f.system, f.supervisor).For(key).Send(t.Context(), everyone())
					errs <- err
				}()
				pass(time.Millisecond)
			}
			shared("while they wait", 4, 0)
			for range 4 {
				if err := <-errs; errors.Is(err, actors.ErrQueueFull) {
					t.Error(err)
				}
			}
			pass(time.Minute)
			shared("afterwards", 0, 0)
		}
		if n := sent(f.gateway, events.OpRequestGuildMembers); n != 3 {
			t.Errorf("the gateway was asked %d times", n)
		}
	})
}

// TestOptionalIntentsOfAShardsOwn are left out as those of all are, at the price of one Identify.
func TestOptionalIntentsOfAShardsOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newProbing(t, nil)
		own := actors.Want{Intents: events.IntentGuilds | events.IntentGuildMessages | optional}
		f.ask(actors.SetPlan{Change: map[actors.Key]actors.Want{f.key(0): own}})
		pass(10 * time.Minute)
		if written, refused := identifies(f.gateway, 1); written != 2 || refused != 1 || f.status().Ready() != 1 || f.status().LeftOut != optional {
			t.Errorf("%d Identifies, %d refused, %v, without %v", written, refused, stands(f.status()), f.status().LeftOut)
		}
	})
}
