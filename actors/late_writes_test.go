package actors_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// TestLatePresencesKeepTheConnectionsLimit: what a busy shard wrote late counts from then on. A presence that has a permit again
// before the gateway would count it waits, as all others do.
func TestLatePresencesKeepTheConnectionsLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var busy atomic.Int64
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.Identify.Intents |= events.IntentGuildVoiceStates
			cfg.ShardProps = func(actors.Key) []actor.PropsOption {
				return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
					return func(ctx actor.ReceiverContext, envelope *actor.MessageEnvelope) {
						time.Sleep(time.Duration(busy.Swap(0)))
						next(ctx, envelope)
					}
				})}
			}
		})
		f.start(1)
		p := f.probe()
		busy.Store(int64(30 * time.Second))
		all := ratelimit.ConnectionLimit - ratelimit.Reserve(41250*time.Millisecond)
		for range all {
			p.ask(f.supervisor, actors.SendEvent{Op: events.OpVoiceStateUpdate, Data: leave(t)})
		}
		pass(31 * time.Second)
		if n := sent(f.gateway, events.OpVoiceStateUpdate); n != all {
			t.Fatalf("%d of %d were written", n, all)
		}
		var last time.Time // of them; a heartbeat may follow
		for _, frame := range f.gateway.Frames(0) {
			if frame.Op == events.OpVoiceStateUpdate {
				last = frame.At
			}
		}
		pass(30*time.Second + 500*time.Millisecond) // there are permits again
		for range 4 {
			p.ask(f.supervisor, actors.SendEvent{Op: events.OpPresenceUpdate, Data: presence(t)})
			pass(100 * time.Millisecond)
		}
		q, deadline := f.probe(), time.Now().Add(3*time.Second) // what waits behind them is told in time that it waited in vain
		q.ask(f.supervisor, actors.SendEvent{Op: events.OpVoiceStateUpdate, Data: leave(t), Deadline: deadline})
		if e := sendError(t, expect[*actors.SendFailed](q, time.Minute).Err); e.Stage != actors.Queued || !time.Now().Equal(deadline) {
			t.Errorf("%v after its deadline: %v", time.Since(deadline), e)
		}
		pass(2 * time.Minute)
		for _, frame := range f.gateway.Frames(0) {
			if frame.Op == events.OpPresenceUpdate && frame.At.Sub(last) < time.Minute {
				t.Errorf("a presence came %v after a full minute's sends", frame.At.Sub(last))
			}
		}
		if n := sent(f.gateway, events.OpPresenceUpdate); n == 0 {
			t.Error("no presence came")
		}
		f.gateway.RequireNoViolations(t)
	})
}

// TestWhatHasLeftMakesRoom: a queue that is full of sends whose callers are gone takes others. A deadline ends a send that waits, on
// time, and nothing of it is ever written.
func TestWhatHasLeftMakesRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.QueueLimit = 4 })
		f.start(1)
		p := f.probe()
		f.gateway.Outage(true)
		f.gateway.DropAll()
		pass(time.Millisecond)
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 4)
		for range 4 {
			go func() {
				_, err := f.sendsTo(0).Do(ctx, events.Request{Op: events.OpHeartbeat})
				errs <- err
			}()
		}
		pass(time.Second)
		p.ask(f.supervisor, actors.SendEvent{ID: 1, Op: events.OpHeartbeat})
		if failed := expect[*actors.SendFailed](p, time.Second); !errors.Is(failed.Err, actors.ErrQueueFull) {
			t.Errorf("of a full queue: %v", failed.Err)
		}
		cancel()
		for range 4 {
			if e := sendError(t, <-errs); e.Stage != actors.Queued || !errors.Is(e, context.Canceled) {
				t.Errorf("who left is told %v", e)
			}
		}
		deadline := time.Now().Add(10 * time.Second)
		p.ask(f.supervisor, actors.SendEvent{ID: 2, Op: events.OpHeartbeat, Deadline: deadline})
		p.ask(f.supervisor, actors.SendEvent{ID: 3, Op: events.OpPresenceUpdate, Data: presence(t), Deadline: deadline})
		p.ask(f.supervisor, actors.SendEvent{ID: 4, Op: events.OpHeartbeat})
		pass(0)
		if shard, _ := f.shard(0); shard.Waiting != 3 {
			t.Errorf("%d wait", shard.Waiting)
		}
		for range 2 {
			failed := expect[*actors.SendFailed](p, time.Minute)
			if e := sendError(t, failed.Err); e.Stage != actors.Queued || !errors.Is(e, context.DeadlineExceeded) || !time.Now().Equal(deadline) {
				t.Errorf("%d ended %v after its deadline: %v", failed.ID, time.Since(deadline), e)
			}
		}
		pass(0)
		if shard, _ := f.shard(0); shard.Waiting != 1 {
			t.Errorf("after the deadline %d wait", shard.Waiting)
		}
		f.gateway.Outage(false)
		if sent := expect[*actors.EventSent](p, 2*time.Minute); sent.ID != 4 {
			t.Errorf("sent: %+v", sent)
		}
		p.expectNone(time.Hour)
		if n := sent(f.gateway, events.OpPresenceUpdate); n != 0 {
			t.Errorf("%d presences were written", n)
		}
	})
}

// TestLateWritesKeepTheirOrder: what was admitted behind a send that goes back, since it would have been written too early, goes back
// as well, though its own time has come when the shard gets to it.
func TestLateWritesKeepTheirOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var busy, before atomic.Int64
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.Identify.Intents |= events.IntentGuildVoiceStates
			cfg.ShardProps = func(actors.Key) []actor.PropsOption {
				return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
					return func(ctx actor.ReceiverContext, envelope *actor.MessageEnvelope) {
						if fmt.Sprintf("%T", envelope.Message) == "actors.admitted" && before.Add(-1) == 0 {
							time.Sleep(time.Duration(busy.Load()))
						}
						next(ctx, envelope)
					}
				})}
			}
		})
		f.start(1)
		move := func(guild events.Snowflake) {
			f.system.Root.Send(f.supervisor, actors.SendEvent{Op: events.OpVoiceStateUpdate, Data: data(t, events.UpdateVoiceState{GuildID: guild})})
		}
		busy.Store(int64(30 * time.Second))
		before.Store(1)
		for range ratelimit.ConnectionLimit - ratelimit.Reserve(41250*time.Millisecond) {
			move(1)
		}
		pass(61*time.Second + 500*time.Millisecond) // there are permits again, and it is too early to write
		before.Store(2)
		for guild := range events.Snowflake(3) {
			move(guild + 2)
		}
		pass(3 * time.Minute)
		var order []string
		for _, frame := range f.gateway.Frames(0) {
			if frame.Op == events.OpVoiceStateUpdate {
				var sent struct {
					GuildID string `json:"guild_id"`
				}
				if err := json.Unmarshal(frame.Data, &sent); err != nil {
					t.Fatal(err)
				}
				order = append(order, sent.GuildID)
			}
		}
		if got := order[len(order)-3:]; !slices.Equal(got, []string{"2", "3", "4"}) {
			t.Errorf("they were written in the order %v", got)
		}
		f.gateway.RequireNoViolations(t)
	})
}
