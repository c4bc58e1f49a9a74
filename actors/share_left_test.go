package actors_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
)

// abandoned is a fleet whose only shard is away. Its queue is full of requests that are shared, and all who shared them have left.
func abandoned(t *testing.T) *fleet {
	t.Helper()
	f := sharing(t, nil)
	f.gateway.Outage(true)
	f.gateway.DropAll()
	pass(time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 4)
	for i := range events.Snowflake(4) {
		go func() {
			_, err := f.sendsTo(0).Send(ctx, everyoneOf(i))
			errs <- err
		}()
	}
	pass(time.Second)
	if shard, _ := f.shard(0); shard.Waiting != 4 {
		t.Fatalf("%d wait", shard.Waiting)
	}
	cancel()
	for range 4 {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	return f
}

// everyoneOf is everyone, of one of some guilds.
func everyoneOf(guild events.Snowflake) events.RequestGuildMembers {
	list := everyone()
	list.GuildID += guild << 22
	return list
}

// TestSharedRequestsThatNobodyWaitsForTakeNoRoom: while the shard is away others may wait, of whatever kind, as many as the queue holds.
func TestSharedRequestsThatNobodyWaitsForTakeNoRoom(t *testing.T) {
	for name, out := range map[string]events.Outgoing{"not shared": some(), "shared": everyoneOf(4), "of the same guild": everyoneOf(0)} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := abandoned(t)
				p := f.probe()
				request, err := out.Request()
				if err != nil {
					t.Fatal(err)
				}
				p.ask(f.supervisor, actors.SendEvent{Op: request.Op, Data: request.Data, Deadline: time.Now().Add(10 * time.Minute)})
				for id := range uint64(3) {
					p.ask(f.supervisor, actors.SendEvent{ID: 1 + id, Op: events.OpHeartbeat})
				}
				p.expectNone(30 * time.Second)
				if shard, _ := f.shard(0); shard.Waiting != 4 {
					t.Errorf("%d wait", shard.Waiting)
				}
				f.gateway.OnFrame(nil)
				f.gateway.Outage(false)
				for range 4 {
					expect[*actors.EventSent](p, 2*time.Minute)
				}
				if n := sent(f.gateway, events.OpRequestGuildMembers); n != 1 {
					t.Errorf("the gateway was asked for members %d times", n)
				}
			})
		})
	}
}

// TestWhoAsksRightAfterAllHaveLeftIsServed, though the supervisor did not know yet that the request which they shared has ended.
func TestWhoAsksRightAfterAllHaveLeftIsServed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := abandoned(t)
		p := f.probe()
		f.system.Root.Send(f.supervisor, busy(time.Second))
		p.ask(f.supervisor, actors.SendEvent{ID: 1, Op: events.OpHeartbeat}) // it takes the room of those who have left
		p.ask(f.supervisor, actors.SendEvent{ID: 2, Op: events.OpRequestGuildMembers, Data: data(t, everyoneOf(0))})
		p.expectNone(5 * time.Second)
		f.gateway.OnFrame(nil)
		f.gateway.Outage(false)
		for range 2 {
			expect[*actors.EventSent](p, 2*time.Minute)
		}
	})
}
