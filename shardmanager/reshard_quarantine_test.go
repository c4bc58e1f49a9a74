package shardmanager_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestReshardRunsANewShardAgainThatKeptCrashing: while guilds are cut there is no going on without it, and no operator's verb for it. It resumes.
func TestReshardRunsANewShardAgainThatKeptCrashing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2)
		var busy atomic.Bool
		free := make(chan struct{})
		shardmanager.On(b.m, func(context.Context, *events.MessageCreate, events.Meta) {
			if busy.Load() {
				<-free
			}
		})
		done := make(chan error, 1)
		go func() { done <- b.m.Reshard(t.Context(), 3) }()
		reach := func(phase shardmanager.ReshardPhase) {
			t.Helper()
			for range 3000 {
				if p, _ := b.m.Resharding(); p.Phase >= phase {
					return
				}
				pass(100 * time.Millisecond)
			}
			t.Fatalf("it does not come to %v", phase)
		}
		reach(shardmanager.ReshardComparing)
		pass(10 * time.Second)
		busy.Store(true) // so that the guilds are not all cut at once
		reach(shardmanager.ReshardCutting)
		spent := b.Stats().Identifies
		given := 0
		for range 6 {
			for _, shard := range b.m.Status().Shards {
				if shard.Role == actors.Warming && !shard.Quarantined {
					b.m.System().Root.Send(b.m.Supervisor(), actors.CrashShard{Key: shard.Key()})
				}
			}
			pass(8 * time.Second)
		}
		for _, shard := range b.m.Status().Shards {
			if shard.Quarantined {
				given++
			}
		}
		if p, _ := b.m.Resharding(); given != 3 || p.Phase != shardmanager.ReshardCutting {
			t.Fatalf("%d of the new shards are given up, %v", given, p)
		}
		close(free)
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(5 * time.Minute):
			t.Fatal("it does not go on")
		}
		if more := b.Stats().Identifies - spent; more != 0 {
			t.Errorf("%d Identifies more", more)
		}
		time.Sleep(11 * time.Minute)
		b.serve(t, 3)
		b.finish()
	})
}
