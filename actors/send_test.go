package actors_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// trap is a connection of the user's own that panics at a write when it is set: after the write, so that the gateway has the frame.
type trap struct {
	net.Conn
	set *atomic.Bool
}

func (c trap) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if c.set.CompareAndSwap(true, false) {
		panic("a bug in a net.Conn")
	}
	return n, err
}

// sendError is the one that a send has ended in.
func sendError(t *testing.T, err error) *actors.SendError {
	t.Helper()
	var failure *actors.SendError
	if !errors.As(err, &failure) {
		t.Fatalf("it is no SendError: %v", err)
	}
	return failure
}

// TestCrashAfterTheWriteIsToldAsWritten: whoever is told that nothing was sent sends again, and the gateway would have it twice.
func TestCrashAfterTheWriteIsToldAsWritten(t *testing.T) {
	for name, event := range map[string]actors.SendEvent{
		"not answered": {ID: 7, Op: events.OpPresenceUpdate, Data: presence(t)},
		"answered":     {ID: 7, Op: events.OpRequestGuildMembers, Data: members(t)},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var set atomic.Bool
				f := newFleet(t, func(cfg *actors.SupervisorConfig) {
					dial := cfg.NetDial
					cfg.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
						c, err := dial(ctx, network, addr)
						return trap{c, &set}, err
					}
				})
				f.start(1)
				set.Store(true)
				failed, ok := f.ask(event).(*actors.SendFailed)
				if !ok || failed.ID != 7 {
					t.Fatalf("answered: %+v", failed)
				}
				if e := sendError(t, failed.Err); e.Stage != actors.Written || !e.Sent() || e.Retryable() {
					t.Errorf("it is told as %v, retryable %v: %v", e.Stage, e.Retryable(), e)
				}
				pass(time.Minute)
				if n := sent(f.gateway, event.Op); n != 1 {
					t.Errorf("the gateway has it %d times", n)
				}
			})
		})
	}
}

// TestCrashWhileAnAnswerIsDueIsToldAsWritten, and what waits in the mailbox meanwhile is sent afterwards, once.
func TestCrashWhileAnAnswerIsDueIsToldAsWritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		f.gateway.OnFrame(func(frame gatewaytest.Frame) bool { return frame.Op == events.OpRequestGuildMembers }) // never answered
		p := f.probe()
		p.ask(f.supervisor, actors.SendEvent{ID: 7, Op: events.OpRequestGuildMembers, Data: members(t)})
		p.expectNone(time.Second)
		f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(0)})
		p.ask(f.supervisor, actors.SendEvent{ID: 8, Op: events.OpPresenceUpdate, Data: presence(t)})
		failed := expect[*actors.SendFailed](p, 2*time.Second)
		if e := sendError(t, failed.Err); failed.ID != 7 || e.Stage != actors.Written || e.Retryable() {
			t.Errorf("%d is told as %v: %v", failed.ID, e.Stage, e)
		}
		if sent := expect[*actors.EventSent](p, time.Minute); sent.ID != 8 {
			t.Errorf("sent: %+v", sent)
		}
		pass(0)
		if n := sent(f.gateway, events.OpPresenceUpdate); n != 1 {
			t.Errorf("the gateway has the second %d times", n)
		}
		p.expectNone(time.Hour)
	})
}

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

// TestStreamEndsWithItsContext: the caller is told how far it came, and gets no part after it.
func TestStreamEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		f.gateway.OnFrame(func(frame gatewaytest.Frame) bool { return frame.Op == events.OpRequestGuildMembers })
		client := f.sendsTo(0)
		never := func(events.Raw) bool { t.Error("a part came"); return true }
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := client.Stream(ctx, some(), never)
		if e := sendError(t, err); e.Stage != actors.Written || !errors.Is(e, context.Canceled) {
			t.Errorf("%v: %v", e.Stage, e)
		}
		for name, out := range map[string]events.Outgoing{"invalid": events.RequestGuildMembers{}, "of another shard": events.RequestGuildMembers{GuildID: 1 << 22, UserIDs: []events.Snowflake{1}}} {
			_, err = f.sendsTo(9).Stream(t.Context(), out, never)
			if e := sendError(t, err); e.Stage != actors.Refused || e.Sent() {
				t.Errorf("%s: %v", name, e)
			}
		}
		f.ask(actors.StopShards{})
		pass(time.Second)
		if _, err = client.Stream(t.Context(), some(), never); !errors.Is(err, actors.ErrClosed) {
			t.Errorf("of a stopped shard: %v", err)
		}
		if shard, _ := f.shard(0); shard.State != session.Closed {
			t.Errorf("it is %v", shard.State)
		}
	})
}

// sent is how many frames of an opcode the gateway has from shard 0.
func sent(g *gatewaytest.Server, op events.Opcode) (n int) {
	for _, frame := range g.Frames(0) {
		if frame.Op == op {
			n++
		}
	}
	return n
}

func some() events.RequestGuildMembers {
	return events.RequestGuildMembers{GuildID: gatewaytest.GuildOf(events.ShardID{Total: 1}, 0), UserIDs: []events.Snowflake{1}}
}

func data(t *testing.T, out events.Outgoing) []byte {
	t.Helper()
	r, err := out.Request()
	if err != nil {
		t.Fatal(err)
	}
	return json.RawMessage(r.Data)
}

func members(t *testing.T) []byte { return data(t, some()) }

func presence(t *testing.T) []byte {
	return data(t, events.UpdatePresence{Status: events.StatusIdle})
}

func leave(t *testing.T) []byte {
	return data(t, events.UpdateVoiceState{GuildID: some().GuildID})
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

// stubborn is a connection whose writes fail, if it is told to.
type stubborn struct {
	net.Conn
	fails *atomic.Bool
}

func (c stubborn) Write(p []byte) (int, error) {
	if c.fails.Load() {
		return 0, errors.New("no buffer space available")
	}
	return c.Conn.Write(p)
}

// TestSendWhoseWriteFailsIsToldAsWritten at once, if nothing will answer it: whether the gateway has seen it is not known.
func TestSendWhoseWriteFailsIsToldAsWritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var fails atomic.Bool
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			dial := cfg.NetDial
			cfg.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := dial(ctx, network, addr)
				return stubborn{conn, &fails}, err
			}
		})
		f.start(1)
		p := f.probe()
		fails.Store(true)
		p.ask(f.supervisor, actors.SendEvent{Op: events.OpPresenceUpdate, Data: presence(t)})
		if e := sendError(t, expect[*actors.SendFailed](p, time.Second).Err); e.Stage != actors.Written || !errors.Is(e, session.ErrConnectionLost) {
			t.Errorf("it is told %v: %v", e.Stage, e)
		}
		fails.Store(false)
		pass(time.Minute)
		p.ask(f.supervisor, actors.SendEvent{Op: events.OpPresenceUpdate, Data: presence(t)})
		expect[*actors.EventSent](p, time.Second)
	})
}

// TestEveryDeadlineIsKept: of several sends that wait, each ends at its own, whether or not others wait without one.
func TestEveryDeadlineIsKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.Identify.Intents |= events.IntentGuildVoiceStates })
		f.start(1)
		p, begin := f.probe(), time.Now()
		all := ratelimit.ConnectionLimit - ratelimit.Reserve(41250*time.Millisecond)
		for range all + 1 { // the last waits, and has no deadline
			p.ask(f.supervisor, actors.SendEvent{Op: events.OpVoiceStateUpdate, Data: leave(t)})
		}
		for id, after := range []time.Duration{10 * time.Second, 30 * time.Second, 20 * time.Second} {
			p.ask(f.supervisor, actors.SendEvent{ID: uint64(id + 1), Op: events.OpVoiceStateUpdate, Data: leave(t), Deadline: begin.Add(after)})
		}
		for _, want := range []struct {
			id    uint64
			after time.Duration
		}{{1, 10 * time.Second}, {3, 20 * time.Second}, {2, 30 * time.Second}} {
			for {
				failed, over := expect[any](p, time.Minute).(*actors.SendFailed)
				if !over {
					continue // one of those that were sent
				}
				if took := time.Since(begin); failed.ID != want.id || took != want.after {
					t.Errorf("%d ends after %v, want %d after %v", failed.ID, took, want.id, want.after)
				}
				break
			}
		}
	})
}
