package actors_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

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

// TestStreamEndsWithItsContext: the caller is told how far it came, and gets no part after it.
func TestStreamEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		f.gateway.OnFrame(func(frame gatewaytest.Frame) bool { return frame.Op == events.OpRequestGuildMembers })
		client := f.sendsTo(0)
		never := func(events.Raw) bool { t.Error("a part came"); return true }
		if _, err := client.Stream(t.Context(), some(), nil); sendError(t, err).Stage != actors.Refused {
			t.Errorf("with nobody to hand the answer to: %v", err)
		}
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
