package health_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/health"
)

// TestShardThatHasEndedForGoodIsNotTolerated, though the Manager lives: one that Discord wants no more of, and one that has crashed too often.
func TestShardThatHasEndedForGoodIsNotTolerated(t *testing.T) {
	for kind, end := range map[health.Kind]func(*testing.T, *gatewaytest.Server, *shardmanager.Manager){
		health.KindCloseCode: func(_ *testing.T, g *gatewaytest.Server, _ *shardmanager.Manager) {
			g.Shard(1).Close(events.CloseShardingRequired)
		},
		health.KindQuarantined: func(_ *testing.T, _ *gatewaytest.Server, m *shardmanager.Manager) {
			for range 6 {
				m.System().Root.Send(m.Supervisor(), actors.CrashShard{Key: m.Status().Shards[1].Key()})
				pass(20 * time.Second)
			}
		},
	} {
		t.Run(string(kind), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, 3)
				m := newManager(t, g)
				ask := newAsker(t, m, health.WithTolerance(0.9, time.Hour))
				begin(t, m)
				pass(time.Minute)
				end(t, g, m)
				pass(time.Second)
				ask.alive(true, health.Running)
				r := ask.is(false, health.Running)
				if a := r.Away[0]; a.Kind != kind || !a.Ended || !a.Counted || a.Shard != 1 || a.Text == "" || (a.Code == 4011) != (kind == health.KindCloseCode) || r.Shards.Ended != 1 {
					t.Errorf("%+v", r)
				}
				if !strings.HasPrefix(r.Reason, "1 shard has ended for good") {
					t.Error(r.Reason)
				}
				if err := m.Restart(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
				pass(time.Minute)
				ask.is(true, health.Running)
			})
		})
	}
}

// TestPausedShardsAreNotMissed, however they were stopped; and a drain that takes its time is told.
func TestPausedShardsAreNotMissed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, 3)
		m := newManager(t, g)
		ask := newAsker(t, m, health.WithTolerance(0, 0))
		begin(t, m)
		if err := m.Pause(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if r := ask.is(true, health.Running); r.Shards != (health.Shards{Wanted: 2, Ready: 2, Paused: 1}) {
			t.Errorf("%+v", r)
		}
		g.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == events.OpRequestGuildMembers })
		asked := make(chan error, 1)
		go func() {
			_, err := events.RequestGuildMembers{GuildID: 1 << 22, UserIDs: []events.Snowflake{1}}.SendEvent(t.Context(), m) // of shard 1
			asked <- err
		}()
		pass(time.Second)
		if err := m.Drain(t.Context(), 1, 2); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		ask.is(true, health.Draining)
		if err := <-asked; err == nil {
			t.Error("what is not answered has an answer")
		}
		pass(2 * time.Minute)
		ask.alive(true, health.Running)
		if r := ask.is(true, health.Paused); r.Shards != (health.Shards{Paused: 3}) || r.Reason != "nothing is to run: 3 shards are paused, drained or stopped by an operator" {
			t.Errorf("%+v", r)
		}
		if err := m.Unpause(t.Context(), 0, 1, 2); err != nil {
			t.Fatal(err)
		}
		pass(30 * time.Second)
		ask.is(true, health.Running)
	})
}

// TestShardThatWasPausedIsAwayFromThenOnThatItIsWanted.
func TestShardThatWasPausedIsAwayFromThenOnThatItIsWanted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, 2)
		m := newManager(t, g)
		ask := newAsker(t, m)
		begin(t, m)
		if err := m.Pause(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		g.OnConnect(func(int) bool { return true }) // without a Hello
		if err := m.Unpause(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		pass(15 * time.Second)
		r := ask.is(true, health.Running)
		ask.ago("that the shard is away", r.Away[0].Since, 15*time.Second)
		pass(30 * time.Second)
		ask.is(false, health.Running)
	})
}

// TestReshardIsByTheShardsThatServe: new shards do not count before they serve, and are told of.
func TestReshardIsByTheShardsThatServe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, 2, gatewaytest.WithMaxConcurrency(1), gatewaytest.WithGuildsPerShard(2), gatewaytest.WithParallelSessions())
		m := newManager(t, g)
		ask := newAsker(t, m, health.WithTolerance(0, 0))
		begin(t, m)
		pass(time.Minute)
		over := make(chan error, 1)
		began := time.Now()
		go func() { over <- m.Reshard(t.Context(), 4) }()
		pass(7 * time.Second)
		r := ask.is(true, health.Resharding)
		if r.Shards != (health.Shards{Wanted: 2, Ready: 2}) || r.Reshard == nil || r.Reshard.From != 2 || r.Reshard.To != 4 || r.Reshard.Phase != "warming" || r.Reshard.Warm == 0 {
			t.Errorf("%+v, %+v", r, r.Reshard)
		}
		ask.ago("that it began", r.Reshard.Began, time.Since(began))
		ask.alive(true, health.Running)
		var phases []string
		for ended := false; !ended; {
			pass(time.Second)
			r := get(t, ask.ready, func(r health.Readiness) bool { return r.Ready })
			if !r.Ready {
				t.Fatalf("a reshard makes it unready: %+v", r)
			}
			if r.Reshard != nil && !slices.Contains(phases, r.Reshard.Phase) {
				phases = append(phases, r.Reshard.Phase)
			}
			select {
			case err := <-over:
				if ended = true; err != nil {
					t.Fatal(err)
				}
			default:
			}
		}
		if !slices.Contains(phases, "warming") || !slices.Contains(phases, "comparing") {
			t.Errorf("phases: %v", phases)
		}
		pass(time.Second)
		if r := ask.is(true, health.Running); r.Shards != (health.Shards{Wanted: 4, Ready: 4}) || r.Reshard == nil || r.Reshard.Phase != "retiring" {
			t.Errorf("%+v, %+v", r, r.Reshard)
		}
		pass(2 * time.Hour)
		if r := ask.is(true, health.Running); r.Reshard != nil {
			t.Errorf("%+v", r.Reshard)
		}
	})
}

// TestReshardThatFailsLeavesNoTrace.
func TestReshardThatFailsLeavesNoTrace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, 2, gatewaytest.WithMaxConcurrency(1), gatewaytest.WithParallelSessions())
		m := newManager(t, g)
		ask := newAsker(t, m)
		begin(t, m)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := m.Reshard(ctx, 8); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		pass(time.Minute)
		if r := ask.is(true, health.Running); r.Reshard != nil {
			t.Errorf("%+v", r.Reshard)
		}
	})
}
