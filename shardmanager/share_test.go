package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestIdenticalRequestsShareOneAnswer: fifty ask for a guild's whole member list at once. The
// gateway, which gives one in 30 s, is asked once, and all have the members; one that gave up
// before takes nothing from the others.
func TestIdenticalRequestsShareOneAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(1), gatewaytest.WithGuildsPerShard(2), gatewaytest.WithMembers(2500))
		m := newManager(t, g, allMembers)
		start(t, m)
		g.Shard(0).Freeze(true) // the request is under way while the others come
		gone, giveUp := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			_, err := fullList(aGuild).SendEvent(gone, m)
			if !errors.Is(err, context.Canceled) || !actors.Sent(err) {
				t.Errorf("who gave up: %v", err)
			}
		})
		synctest.Wait()
		for range 50 {
			all.Go(func() {
				members, err := fullList(aGuild).SendEvent(t.Context(), m)
				if err != nil || len(members.Members) != 2500 || members.GuildID != aGuild {
					t.Errorf("%d members of %v, %v", len(members.Members), members.GuildID, err)
				}
			})
		}
		synctest.Wait()
		giveUp()
		synctest.Wait()
		g.Shard(0).Freeze(false)
		all.Wait()
		if n := counted(g, 0, events.OpRequestGuildMembers); n != 1 {
			t.Errorf("the gateway was asked %d times", n)
		}
		var limited *events.RateLimitedError
		if _, err := fullList(aGuild).SendEvent(t.Context(), m); !errors.As(err, &limited) || limited.RetryAfter <= 0 {
			t.Errorf("one that comes later: %v", err)
		}
		g.RequireNoViolations(t)
	})
}

// TestSharedRequestThatNobodyWaitsFor is never sent; one whose shard fails it fails for all.
func TestSharedRequestThatNobodyWaitsFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(1), gatewaytest.WithGuildsPerShard(1), gatewaytest.WithMembers(3))
		m := newManager(t, g, allMembers)
		start(t, m)
		g.Outage(true)
		pass(time.Second)
		brief, end := context.WithTimeout(t.Context(), time.Second)
		defer end()
		for range 3 {
			go func() {
				if _, err := fullList(aGuild).SendEvent(brief, m); !errors.Is(err, context.DeadlineExceeded) || actors.Sent(err) {
					t.Errorf("%v, sent %v", err, actors.Sent(err))
				}
			}()
		}
		pass(time.Minute)
		g.Outage(false)
		pass(2 * time.Minute)
		if n := counted(g, 0, events.OpRequestGuildMembers); n != 0 {
			t.Errorf("the gateway was asked %d times", n)
		}
		if members, err := fullList(aGuild).SendEvent(t.Context(), m); err != nil || len(members.Members) != 3 {
			t.Errorf("afterwards: %d, %v", len(members.Members), err)
		}
	})
}

// TestDeadlineOfAnActorsSharedRequest: an actor that shares a request is told in time, and the
// request goes on for the other.
func TestDeadlineOfAnActorsSharedRequest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(1), gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g)
		start(t, m)
		g.Shard(0).Freeze(true)
		begun := time.Now()
		told := make(chan any, 2)
		data := fmt.Appendf(nil, `{"guild_id":"%v","fields":["status"]}`, aGuild)
		asker := m.System().Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			switch message := ctx.Message().(type) {
			case *actor.Started:
				ctx.Request(m.Supervisor(), actors.SendEvent{ID: 1, Op: events.OpRequestChannelInfo, Data: data, Deadline: begun.Add(2 * time.Second)})
				ctx.Request(m.Supervisor(), actors.SendEvent{ID: 2, Op: events.OpRequestChannelInfo, Data: data})
			case *actors.EventSent, *actors.SendFailed:
				told <- message
			}
		}))
		failed, ok := (<-told).(*actors.SendFailed)
		if !ok || failed.ID != 1 || !errors.Is(failed.Err, context.DeadlineExceeded) || time.Since(begun) != 2*time.Second {
			t.Errorf("after %v: %+v", time.Since(begun), failed)
		}
		g.Shard(0).Freeze(false)
		if sent, ok := (<-told).(*actors.EventSent); !ok || sent.ID != 2 || len(sent.Answer.Events) != 1 {
			t.Errorf("the other: %+v", sent)
		}
		m.System().Root.Stop(asker)
		pass(time.Second)
		if n := counted(g, 0, events.OpRequestChannelInfo); n != 1 {
			t.Errorf("the gateway was asked %d times", n)
		}
	})
}
