package actors_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// newParallelFleet is a fleet whose gateway lets a shard have two sessions, and what changes its plan.
func newParallelFleet(t *testing.T) (f *fleet, plan func(map[actors.Key]actors.Want)) {
	t.Helper()
	g := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithExact(), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithGuildsPerShard(2), gatewaytest.WithParallelSessions())
	f = newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.URL, cfg.NetDial = g.URL, g.DialContext })
	f.gateway = g
	version := uint64(0)
	return f, func(change map[actors.Key]actors.Want) {
		t.Helper()
		set, ok := f.ask(actors.SetPlan{From: version, Change: change}).(*actors.PlanSet)
		if !ok {
			t.Fatalf("%+v", set)
		}
		version = set.Version
		pass(10 * time.Second)
	}
}

// TestCutoverCountsNewShardsThatServe, and no other: neither an old one that takes its role again after a crash, nor one of neither fleet, which goes on as ever.
func TestCutoverCountsNewShardsThatServe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, plan := newParallelFleet(t)
		before, after, neither := keyOf(0, 0, 2), keyOf(1, 0, 2), keyOf(5, 1, 2)
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

// TestGuildIsGreetedByItsOldShardAlone: what the new session says of it as it begins tells handlers nothing, also if the new shard serves before the guild is cut.
func TestGuildIsGreetedByItsOldShardAlone(t *testing.T) {
	for _, role := range []actors.Role{actors.Warming, actors.Serving} {
		t.Run(role.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f, plan := newParallelFleet(t)
				before, after := keyOf(0, 0, 1), keyOf(1, 0, 1)
				p := f.probe()
				f.ask(&actors.Subscribe{PID: p.pid, Types: []events.Type{events.TypeGuildCreate}, Credit: 10})
				plan(map[actors.Key]actors.Want{before: {}})
				greetings := func() (n int) {
					for message := p.next(0); message != nil; message = p.next(0) {
						if _, ok := message.(*actors.Dispatch); ok {
							n++
						}
					}
					return n
				}
				if n := greetings(); n != 2 {
					t.Fatalf("the old shard tells of %d guilds, want 2", n)
				}
				c, err := f.BeginCutover(f.system, actors.CutoverConfig{From: actors.Fleet{Total: 1}, To: actors.Fleet{Generation: 1, Total: 1}})
				if err != nil {
					t.Fatal(err)
				}
				defer c.End()
				change := map[actors.Key]actors.Want{after: {Role: role}}
				if role == actors.Serving {
					change[before] = actors.Want{Role: actors.Retiring}
				}
				plan(change)
				if stats := c.Step(time.Now(), 0); stats.Guilds != 3 || stats.Flowing > 0 { // and 0
					t.Errorf("%+v", stats)
				}
				if n := greetings(); n != 0 {
					t.Errorf("the new shard tells of %d guilds", n)
				}
			})
		})
	}
}

// TestWhatWasHeldForACutComesBeforeWhatFollows: the new session does not show the event at which the guild was to be cut. What the old one has shown since is
// delivered in order, also if its actor has more at hand before it hears of that.
func TestWhatWasHeldForACutComesBeforeWhatFollows(t *testing.T) {
	bubble(t, func(t *testing.T) {
		guild := gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)
		g := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithExact(), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithGuilds(guild))
		var slow atomic.Bool
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.URL, cfg.NetDial, cfg.Identify.Intents = g.URL, g.DialContext, events.IntentGuilds|events.IntentGuildMessages
			cfg.ShardProps = onShards(func(message string) {
				if message == "*actors.batch" && slow.CompareAndSwap(true, false) {
					time.Sleep(2 * time.Second)
				}
			})
		})
		var came seen
		f.Handle([]events.Type{events.TypeMessageCreate}, came.handle(0))
		old, next := keyOf(0, 0, 1), actors.Fleet{Generation: 1, Total: 2}
		set := f.ask(actors.SetPlan{Change: map[actors.Key]actors.Want{old: {}}}).(*actors.PlanSet)
		pass(10 * time.Second)
		c, err := f.BeginCutover(f.system, actors.CutoverConfig{From: actors.Fleet{Total: 1}, To: next})
		if err != nil {
			t.Fatal(err)
		}
		defer c.End()
		f.ask(actors.SetPlan{From: set.Version, Change: map[actors.Key]actors.Want{next.Key(0): {Role: actors.Warming}, next.Key(1): {Role: actors.Warming}}})
		say := func() {
			g.World().Message(guild, gatewaytest.Message{Content: "x"})
			pass(100 * time.Millisecond)
		}
		for range 300 { // until both sessions are known to tell the same
			say()
			pass(900 * time.Millisecond)
			c.Step(time.Now(), 0)
		}
		g.ShardOf(next.Of(guild).Shard).Lose(1 << 20)
		c.Want()
		say()
		before := len(came.take())
		say()
		if n := len(came.take()); n != 0 {
			t.Fatalf("%d events were delivered, behind %d, and none was held: %+v", n, before, c.Step(time.Now(), 0))
		}
		pass(5 * time.Second)
		slow.Store(true)
		say()
		c.Step(time.Now(), 0)
		pass(3 * time.Second)
		if got := came.take(); slow.Load() || len(got) != 2 || got[0] != got[1]-1 {
			t.Errorf("events came as %v: %+v", got, c.Step(time.Now(), 0))
		}
	})
}
