package actors_test

import (
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestCutoverCountsNewShardsThatServe, and no other: neither an old one that takes its role again after a crash, nor one of neither fleet, which goes on as ever.
func TestCutoverCountsNewShardsThatServe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithExact(), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithParallelSessions())
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.URL, cfg.NetDial = g.URL, g.DialContext })
		f.gateway = g
		before, after, neither := keyOf(0, 0, 2), keyOf(1, 0, 2), keyOf(5, 1, 2)
		version := uint64(0)
		plan := func(change map[actors.Key]actors.Want) {
			t.Helper()
			set, ok := f.ask(actors.SetPlan{From: version, Change: change}).(*actors.PlanSet)
			if !ok {
				t.Fatalf("%+v", set)
			}
			version = set.Version
			pass(10 * time.Second)
		}
		plan(map[actors.Key]actors.Want{before: {}, neither: {}})
		c, err := f.BeginCutover(f.system, actors.CutoverConfig{From: actors.Fleet{Total: 2}, To: actors.Fleet{Generation: 1, Total: 2}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.End()
		plan(map[actors.Key]actors.Want{after: {Role: actors.Warming}})
		for _, key := range []actors.Key{before, after, neither} {
			f.system.Root.Send(f.supervisor, actors.CrashShard{Key: key})
		}
		pass(time.Minute)
		for _, key := range []actors.Key{before, after, neither} {
			if shard, _ := f.Board().Shard(key); shard.State != session.Ready || shard.Crashes != 1 {
				t.Errorf("shard %v is %v, after %d crashes: %v", key, shard.State, shard.Crashes, shard.Cause)
			}
		}
		if n := c.Step(time.Now(), 0).Serving; n != 0 {
			t.Errorf("%d new shards serve before one does", n)
		}
		plan(map[actors.Key]actors.Want{before: {Role: actors.Retiring}, after: {Role: actors.Serving}})
		if n := c.Step(time.Now(), 0).Serving; n != 1 {
			t.Errorf("%d new shards serve, want 1", n)
		}
	})
}
