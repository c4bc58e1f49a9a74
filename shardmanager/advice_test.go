package shardmanager_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// advised is a hook.
type advised struct {
	mu   sync.Mutex
	told []shardmanager.ReshardAdvised
}

func (a *advised) OnReshardAdvised(what shardmanager.ReshardAdvised) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.told = append(a.told, what)
}

// require fails unless the hook was told this since it was last looked at.
func (a *advised) require(t *testing.T, when string, want ...shardmanager.ReshardAdvised) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Equal(a.told, want) {
		t.Errorf("%s: told %+v, want %+v", when, a.told, want)
	}
	a.told = nil
}

type clumsyAdvised struct{}

func (clumsyAdvised) OnReshardAdvised(shardmanager.ReshardAdvised) { panic("a hook") }

func shardOf(index, total int) actors.Key {
	return actors.Key{Shard: events.ShardID{Index: index, Total: total}}
}

// TestMoreShardsAreAdvised: once when a shard has so many guilds, once a day while it has, and not for each guild. A hook that panics
// takes nothing from another.
func TestMoreShardsAreAdvised(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuildsPerShard(3))
		var hook advised
		core, logs := observer.New(zap.WarnLevel)
		m := newManager(t, g, shardmanager.WithReshardAdvice(5), shardmanager.WithHooks(clumsyAdvised{}, &hook), shardmanager.WithLogger(zap.New(core)))
		start(t, m)
		join := func(id events.Snowflake) { g.World().AddGuild(id<<22, nil) } // of shard id % 2
		join(1001)
		pass(48 * time.Hour)
		hook.require(t, "below")
		join(1003)
		pass(time.Hour)
		full := shardmanager.ReshardAdvised{Shard: shardOf(1, 2), Guilds: 5, Threshold: 5, Full: 1, Recommended: 2, Double: 4}
		hook.require(t, "at the threshold", full)
		if said := logs.FilterField(zap.Int("guilds", 5)); said.Len() != 1 || said.All()[0].Level != zap.WarnLevel {
			t.Errorf("%v", logs.All())
		}
		if n := g.Stats().Discoveries; n != 2 {
			t.Errorf("discovery was asked %d times, want once by Start and once for the advice", n)
		}
		join(1005)
		join(1000)
		join(1002)
		pass(22 * time.Hour)
		hook.require(t, "the day goes on")
		pass(2 * time.Hour)
		full.Guilds, full.Full = 6, 2
		hook.require(t, "a day later", full)
		for _, id := range []events.Snowflake{1000, 1001, 1003} {
			g.World().RemoveGuild(id << 22)
		}
		pass(72 * time.Hour)
		hook.require(t, "below again")
		join(1001)
		pass(time.Hour)
		full.Guilds, full.Full = 5, 1
		hook.require(t, "at the threshold again", full)
		g.RequireNoViolations(t)
	})
}

// TestMoreShardsAreAdvisedByDefault: from 2,000 guilds on, and by nobody's leave.
func TestMoreShardsAreAdvisedByDefault(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(1), gatewaytest.WithGuildsPerShard(1999), gatewaytest.WithMembers(0))
		var hook advised
		m := newManager(t, g, shardmanager.WithHooks(&hook))
		start(t, m)
		pass(time.Hour)
		hook.require(t, "below")
		g.World().AddGuild(0, nil)
		pass(time.Hour)
		hook.require(t, "at the threshold", shardmanager.ReshardAdvised{Shard: shardOf(0, 1), Guilds: 2000, Threshold: 2000, Full: 1, Recommended: 1, Double: 2})
	})
}

// TestMoreShardsAreAdvisedByDiscord: when it recommends twice as many.
func TestMoreShardsAreAdvisedByDiscord(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuildsPerShard(1))
		recommends, asked := atomic.Int64{}, atomic.Int64{}
		recommends.Store(3)
		g.OnDiscovery(func(w http.ResponseWriter) bool {
			asked.Add(1)
			return json.NewEncoder(w).Encode(map[string]any{
				"url": g.URL, "shards": recommends.Load(),
				"session_start_limit": map[string]any{"total": 1000, "remaining": 900, "reset_after": 1000, "max_concurrency": 1},
			}) == nil
		})
		var hook, off advised
		m := newManager(t, g, shardmanager.WithShards(2), shardmanager.WithHooks(&hook))
		start(t, m)
		pass(time.Hour)
		hook.require(t, "one more")
		closeNow(t, m)
		recommends.Store(4)
		m = newManager(t, g, shardmanager.WithShards(2), shardmanager.WithHooks(&hook))
		start(t, m)
		pass(time.Hour)
		hook.require(t, "twice as many", shardmanager.ReshardAdvised{Shard: shardOf(0, 2), Guilds: 1, Threshold: 2000, Recommended: 4, Double: 4})
		closeNow(t, m)
		asked.Store(0)
		m = newManager(t, g, shardmanager.WithShards(2), shardmanager.WithHooks(&off), shardmanager.WithReshardAdvice(-1))
		start(t, m)
		pass(48 * time.Hour)
		if off.require(t, "nothing is advised"); asked.Load() != 1 {
			t.Errorf("discovery was asked %d times", asked.Load())
		}
	})
}

// TestAdviceIsOfShardsThatServe: of one that warms up beside them, or that is paused, it is not. Another total is another advice.
func TestAdviceIsOfShardsThatServe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2), gatewaytest.WithGuilds(2<<22, 4<<22, 6<<22), gatewaytest.WithParallelSessions())
		var hook advised
		m := newManager(t, g, shardmanager.WithReshardAdvice(3), shardmanager.WithHooks(&hook), shardmanager.WithShards(2))
		start(t, m)
		if err := m.Pause(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		set := func(change map[actors.Key]actors.Want) {
			t.Helper()
			ask := func(message any) any {
				answer, err := m.System().Root.RequestFuture(m.Supervisor(), message, time.Minute).Result()
				if err != nil {
					t.Fatal(err)
				}
				return answer
			}
			plan := ask(actors.GetPlan{}).(*actors.Plan)
			if set, ok := ask(actors.SetPlan{From: plan.Version, Change: change}).(*actors.PlanSet); !ok {
				t.Fatalf("%+v", set)
			}
		}
		other := actors.Key{Generation: 1, Shard: events.ShardID{Index: 0, Total: 1}}
		set(map[actors.Key]actors.Want{other: {Role: actors.Warming}})
		pass(time.Hour)
		for _, shard := range m.Status().Shards {
			if want := 3 * (1 - shard.Shard.Index); shard.Guilds != want {
				t.Errorf("shard %v has %d guilds, want %d", shard.Key(), shard.Guilds, want)
			}
		}
		hook.require(t, "neither serves")
		if err := m.Unpause(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		hook.require(t, "one serves", shardmanager.ReshardAdvised{Shard: shardOf(0, 2), Guilds: 3, Threshold: 3, Full: 1, Recommended: 2, Double: 4})
		set(map[actors.Key]actors.Want{other: {}, shardOf(0, 2): {Role: actors.Retiring}, shardOf(1, 2): {Role: actors.Retiring}})
		pass(time.Hour)
		hook.require(t, "the other serves", shardmanager.ReshardAdvised{Shard: other, Guilds: 3, Threshold: 3, Full: 1, Recommended: 2, Double: 2})
	})
}

// TestGuildsAreShown: how many guilds a shard has, as they come and go, and in the process that resumes its session: even if the one
// before it was killed, and all events come again.
func TestGuildsAreShown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(1), gatewaytest.WithGuildsPerShard(3))
		w, store := g.World(), &disk{Store: session.NewMemoryStore()}
		m := newManager(t, g, shardmanager.WithSessionStore(store))
		require := func(when string, want int) {
			t.Helper()
			pass(2 * time.Second) // it is saved each second
			if got := m.Status().Shards[0].Guilds; got != want {
				t.Errorf("%s: %d guilds, want %d", when, got, want)
			}
		}
		start(t, m)
		require("READY's", 3)
		ids := w.Guilds(events.ShardID{Index: 0, Total: 1})
		w.GuildOutage(ids[0], true)
		require("in an outage", 3)
		w.GuildOutage(ids[0], false)
		require("the outage ends", 3)
		w.RemoveGuild(ids[1])
		require("one is removed", 2)
		at := store.killed(t, 1)
		for range 3 {
			w.AddGuild(0, nil)
		}
		require("three join", 5)
		for _, kept := range []*disk{at, store.killed(t, 1)} {
			before := m
			m = newManager(t, g, shardmanager.WithSessionStore(kept))
			if err := m.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			require("resumed", 5)
			closeNow(t, before)
			pass(time.Minute)
		}
		w.RemoveGuild(ids[2])
		require("another is removed", 4)
		w.AddGuild(0, nil)
		require("another joins", 5)
		if got := g.Stats(); got.Identifies != 1 {
			t.Errorf("%d Identifies", got.Identifies)
		}
	})
}
