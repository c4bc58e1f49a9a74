package shardmanager_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestPresenceOfASlowShard: the gateway counts when presences arrive, not when they were
// permitted. A shard that comes to write one late, because the machine is busy, does not make
// the sixth come within 20 s of it.
func TestPresenceOfASlowShard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		var slow atomic.Bool
		m := newManager(t, g, shardmanager.WithActorProps(func(key actors.Key) []actor.PropsOption {
			shard := indexOf(key)
			if shard < 0 {
				return nil
			}
			return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
				return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
					if slow.Load() {
						time.Sleep(800 * time.Millisecond)
					}
					next(ctx, e)
				}
			})}
		}))
		start(t, m)
		for n := range 6 {
			slow.Store(n == 0)
			if _, err := (events.UpdatePresence{Status: events.StatusIdle}).SendEvent(t.Context(), m.Shard(0)); err != nil {
				t.Fatal(err)
			}
		}
		pass(time.Second)
		g.RequireNoViolations(t)
	})
}

// TestLateWritesKeepTheLimit: a shard that writes seconds late, once, does not make the next minute's come too early after that; and
// what a caller asks for still goes out in its order.
//
// Failures: F81.
func TestLateWritesKeepTheLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		var late atomic.Int64 // messages that still take long
		m := newManager(t, g, shardmanager.WithActorProps(func(key actors.Key) []actor.PropsOption {
			shard := indexOf(key)
			if shard < 0 {
				return nil
			}
			return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
				return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
					if late.Add(-1) > 0 {
						time.Sleep(50 * time.Millisecond)
					}
					next(ctx, e)
				}
			})}
		}))
		start(t, m)
		pass(2 * time.Minute)
		late.Store(150) // so that the first 115 are written within 7 s
		const sends = 400
		for n := range sends {
			go func() {
				time.Sleep(time.Duration(n) * time.Microsecond)
				_, err := events.RequestGuildMembers{
					GuildID: gatewaytest.GuildOf(events.ShardID{Total: 1}, 0), UserIDs: []events.Snowflake{events.Snowflake(n + 1)},
				}.SendEvent(t.Context(), m)
				if err != nil {
					t.Errorf("send %d: %v", n, err)
				}
			}()
		}
		pass(6 * time.Minute)
		n := 0
		for _, f := range g.Frames(0) {
			if f.Op == events.OpRequestGuildMembers {
				if n++; !jsonHas(t, f.Data, "user_ids", fmt.Sprintf(`["%d"]`, n)) {
					t.Fatalf("frame %d is %s", n, f.Data)
				}
			}
		}
		if s := g.Stats(); n != sends || s.Connections != 1 {
			t.Errorf("%d sends, %d connections", n, s.Connections)
		}
		g.RequireNoViolations(t)
	})
}

// presencesOf are those that a shard has written, without that of its Identify.
func presencesOf(g *gatewaytest.Server, shard events.ShardID) (all []string) {
	for _, f := range g.Frames(shard.Index) {
		if f.Op == events.OpPresenceUpdate && f.Shard == shard {
			all = append(all, string(f.Data))
		}
	}
	return all
}

// TestPresenceIsToldToThoseThatServe: who is warming beside them has no event of its own yet, and costs none.
func TestPresenceIsToldToThoseThatServe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithParallelSessions())
		m := newManager(t, g, shardmanager.WithShards(2))
		start(t, m)
		warming := make(map[actors.Key]actors.Want)
		for index := range 3 {
			warming[actors.Key{Generation: 1, Shard: events.ShardID{Index: index, Total: 3}}] = actors.Want{Role: actors.Warming}
		}
		ask := func(message any) any {
			answer, err := m.System().Root.RequestFuture(m.Supervisor(), message, time.Minute).Result()
			if err != nil {
				t.Fatal(err)
			}
			return answer
		}
		plan := ask(actors.GetPlan{}).(*actors.Plan)
		if set, ok := ask(actors.SetPlan{From: plan.Version, Change: warming}).(*actors.PlanSet); !ok {
			t.Fatalf("%+v", set)
		}
		pass(time.Minute)
		if _, err := (events.UpdatePresence{Status: events.StatusIdle}).SendEvent(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		for shard, want := range map[events.ShardID]int{{Index: 0, Total: 2}: 1, {Index: 1, Total: 2}: 1, {Index: 0, Total: 3}: 0, {Index: 1, Total: 3}: 0, {Index: 2, Total: 3}: 0} {
			if told := presencesOf(g, shard); len(told) != want {
				t.Errorf("shard %v was told %d times, want %d", shard, len(told), want)
			}
		}
	})
}

// TestPresenceIsStoredSoon, and not when the gateway is next heard of: a process that is killed leaves behind what its session shows.
func TestPresenceIsStoredSoon(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := session.NewMemoryStore()
		m := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, m)
		pass(10 * time.Second)
		if _, err := (events.UpdatePresence{Status: events.StatusIdle}).SendEvent(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Second)
		if stored, err := store.Load(t.Context(), events.ShardID{Total: 1}); err != nil || !strings.Contains(stored.Presence, `"idle"`) {
			t.Errorf("stored is the presence %q: %v", stored.Presence, err)
		}
	})
}
