package shardmanager_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
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

// TestProcessThatGoesOnRunsANewShardAgainThatKeptCrashing, also while the new shards warm up: the first guilds are cut, so there is no way back.
func TestProcessThatGoesOnRunsANewShardAgainThatKeptCrashing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		guilds := guildIDs(10)
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guilds...), gatewaytest.WithMaxConcurrency(16))
		store := session.NewMemoryStore()
		came := newArrivals()
		m, p := runProcess(t, g, store, came, 2)
		start(t, m)
		stop := make(chan struct{})
		end := sync.OnceFunc(func() { close(stop) })
		t.Cleanup(end)
		said := chat(g.World(), guilds, stop)
		time.Sleep(3 * time.Second) // its sessions are stored
		done := make(chan error, 1)
		go func() { done <- m.Reshard(t.Context(), 3) }()
		for p, _ := m.Resharding(); p.Cut == 0; p, _ = m.Resharding() {
			time.Sleep(50 * time.Millisecond)
		}
		p.dead.Store(true)
		_ = m.Close(t.Context())
		<-done
		m, _ = runProcess(t, g, store, came, 2)
		start(t, m)
		for given, n := 0, 0; given < 3 && n < 1000; n++ {
			given = 0
			for _, shard := range m.Status().Shards {
				switch {
				case shard.Quarantined:
					given++
				case shard.Role == actors.Warming:
					m.System().Root.Send(m.Supervisor(), actors.CrashShard{Key: shard.Key()})
				}
			}
			pass(100 * time.Millisecond)
		}
		if p, goesOn := m.Resharding(); !goesOn || p.Phase != shardmanager.ReshardWarming {
			t.Fatalf("it goes on %v: %v", goesOn, p)
		}
		time.Sleep(25 * time.Minute) // and the old ones have retired
		if p, _ := m.Resharding(); !p.Over || p.Err != nil || m.Status().Total != 3 || m.Status().Ready() != 3 {
			t.Errorf("%v, %v: %d of %d ready", p, p.Err, m.Status().Ready(), m.Status().Total)
		}
		end()
		counts := said()
		time.Sleep(10 * time.Second)
		came.once(t, counts)
		closeNow(t, m)
	})
}
