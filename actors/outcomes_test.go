package actors_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestSupervisorThatLosesAWordTwiceFindsOut: it crashes on the word that a shard is Ready again, and on being told once more. Sends go soon after.
func TestSupervisorThatLosesAWordTwiceFindsOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var once, twice atomic.Bool
		f := newFleet(t, nil, actor.WithGuardian(actors.Guardian()), crashesOn(&once, "actors.shardUp"), crashesOn(&twice, "actors.recovered"))
		f.start(1)
		once.Store(true)
		twice.Store(true)
		f.gateway.DropAll()
		pass(5 * time.Second)
		if shard, _ := f.shard(0); shard.State != session.Ready || once.Load() || twice.Load() {
			t.Fatalf("the shard is %v; to crash: %v, %v", shard.State, once.Load(), twice.Load())
		}
		p := f.probe()
		p.ask(f.supervisor, actors.SendEvent{Op: events.OpHeartbeat})
		expect[*actors.EventSent](p, time.Second)
	})
}

// TestEveryMessageByPointer is taken as one by value is.
func TestEveryMessageByPointer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		version := f.ask(&actors.GetPlan{}).(*actors.Plan).Version
		if set, ok := f.ask(&actors.SetPlan{From: version, Change: map[actors.Key]actors.Want{f.key(0): {Fence: 1}}}).(*actors.PlanSet); !ok {
			t.Errorf("a plan: %+v", set)
		}
		for _, message := range []any{&actors.RestartShard{Key: f.key(0)}, &actors.ReidentifyShard{Key: f.key(0)}} {
			if refusal, refused := f.ask(message).(*actors.Refusal); refused {
				t.Errorf("%T: %v", message, refusal.Err)
			}
			pass(10 * time.Second)
		}
		f.system.Root.Send(f.supervisor, &actors.UpdateSessionStart{SessionStart: ratelimit.SessionStart{Total: 9, Remaining: 9, MaxConcurrency: 1, ResetAfter: time.Hour}})
		f.system.Root.Send(f.supervisor, &actors.CrashShard{Key: f.key(0)})
		pass(10 * time.Second)
		if shard, _ := f.shard(0); f.Board().Ignored() != 0 || shard.Crashes != 1 || shard.Identifies != 2 || shard.Resumes != 2 {
			t.Errorf("%d were ignored; %+v", f.Board().Ignored(), shard)
		}
	})
}

// slowObserver is told of things by way of Tell.
type slowObserver struct {
	hang chan struct{}
	told atomic.Int64
}

// TestObserverThatIsTooSlowMissesWhatIsBeyondItsLimit, and no more: each is either told or counted.
func TestObserverThatIsTooSlowMissesWhatIsBeyondItsLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		slow := &slowObserver{hang: make(chan struct{})}
		all := actors.NewObservers(zap.NewNop(), slow)
		tell := func() { actors.Tell(all, func(o *slowObserver) { <-o.hang; o.told.Add(1) }) }
		tell()
		synctest.Wait() // it is at work
		const limit = 8192
		for range limit + 10 {
			tell()
		}
		if n := all.Missed(); n != 10 {
			t.Errorf("%d are missed, want 10", n)
		}
		close(slow.hang)
		synctest.Wait()
		if n := slow.told.Load(); n != limit+1 {
			t.Errorf("%d are told", n)
		}
		tell()
		synctest.Wait()
		if n := slow.told.Load(); n != limit+2 || all.Missed() != 10 {
			t.Errorf("then %d are told, and %d missed", n, all.Missed())
		}
	})
}

// TestObserversAreNotToldOfWhatIsNot: of a permit that is taken back when none was asked for, nor of a send that was refused.
func TestObserversAreNotToldOfWhatIsNot(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var all everything
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.Observers = actors.NewObservers(zap.NewNop(), &all) })
		f.start(2)
		if _, err := f.Client(f.system, f.supervisor).For(keyOf(9, 0, 1)).Send(t.Context(), events.Heartbeat{}); !errors.Is(err, actors.ErrUnknownShard) {
			t.Errorf("to an unknown shard: %v", err)
		}
		f.ask(actors.RestartShard{Key: f.key(0)})
		pass(10 * time.Second)
		f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(1)})
		pass(10 * time.Second)
		f.ask(actors.StopShards{})
		pass(10 * time.Second)
		if seen := all.seen(); strings.Contains(seen, "identify withdrawn") || strings.Contains(seen, "send") || !strings.Contains(seen, "identify written:2") {
			t.Errorf("told: %s", seen)
		}
	})
}

// TestGuildThatNobodyServesHasNoRoute: its shard is not in the plan, and another one of the same total is. Who sends for it is told which shard is missing.
func TestGuildThatNobodyServesHasNoRoute(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.ask(actors.SetPlan{Change: map[actors.Key]actors.Want{keyOf(0, 1, 2): {}}})
		pass(time.Second)
		if key, err := f.Route(gatewaytest.GuildOf(events.ShardID{Index: 1, Total: 2}, 0)); err != nil || key != keyOf(0, 1, 2) {
			t.Errorf("a guild that is served: %v, %v", key, err)
		}
		if key, err := f.Route(gatewaytest.GuildOf(events.ShardID{Index: 0, Total: 2}, 0)); !errors.Is(err, actors.ErrUnknownShard) {
			t.Errorf("one that is not: %v, %v", key, err)
		}
		if key, err := f.RouteShard(events.ShardID{Index: 0, Total: 2}); !errors.Is(err, actors.ErrUnknownShard) {
			t.Errorf("a shard that is not in the plan: %v, %v", key, err)
		}
		_, err := f.Client(f.system, f.supervisor).Send(t.Context(), events.RequestGuildMembers{GuildID: gatewaytest.GuildOf(events.ShardID{Index: 0, Total: 2}, 0), Query: events.Ptr("a"), Limit: events.Ptr(1)})
		if failed := sendError(t, err); failed.Stage != actors.Refused || !errors.Is(err, actors.ErrUnknownShard) || !strings.Contains(err.Error(), "shard 0 of 2") {
			t.Errorf("a send event for the one that is not: %v", err)
		}
	})
}

// TestShardThatWarmsUpIsNoRoute, and is named as what was started.
func TestShardThatWarmsUpIsNoRoute(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.ask(actors.SetPlan{Change: map[actors.Key]actors.Want{keyOf(1, 0, 1): {Role: actors.Warming}}})
		pass(time.Second)
		if key, err := f.Route(7 << 22); !errors.Is(err, actors.ErrUnknownShard) || !strings.Contains(err.Error(), "shard 0 of 1") {
			t.Errorf("%v, %v", key, err)
		}
	})
}

// TestSendErrorSaysWhatFailedAndHowFarItCame, with the shard if there is one.
func TestSendErrorSaysWhatFailedAndHowFarItCame(t *testing.T) {
	t.Parallel()
	for _, shard := range []events.ShardID{{}, {Index: 3, Total: 7}} {
		text := (&actors.SendError{Shard: shard, Op: events.OpPresenceUpdate, Stage: actors.Queued, Err: actors.ErrPaused}).Error()
		for _, part := range []string{events.OpPresenceUpdate.String(), actors.Queued.String(), actors.ErrPaused.Error()} {
			if !strings.Contains(text, part) {
				t.Errorf("%q does not say %q", text, part)
			}
		}
		if strings.Contains(text, "3/7") != (shard.Total > 0) {
			t.Errorf("of shard %v: %q", shard, text)
		}
	}
}
