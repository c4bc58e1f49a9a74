package shardmanager_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestAfterAFatalEndEverythingSaysWhy: with the sentinels of an end, the cause, by each of its names, and in one line that says it once.
func TestAfterAFatalEndEverythingSaysWhy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		g.Shard(0).Close(events.CloseAuthenticationFailed)
		<-m.Done()
		all := orders(t.Context(), m)
		all["Start"], all["Logout"], all["Err"] = m.Start(t.Context()), m.Logout(t.Context()), m.Err()
		for name, err := range all {
			var closed *session.CloseError
			if !errors.Is(err, shardmanager.ErrAuthentication) || !errors.As(err, &closed) || name != "Err" && !errors.Is(err, shardmanager.ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
			if text := err.Error(); name != "Send of sounds" && (strings.Contains(text, "\n") || strings.Count(text, "4004") > 2 || strings.Count(text, "does not accept") != 1) {
				t.Errorf("%s says it more than once: %s", name, text)
			}
			if strings.Contains(name, "Send") && !isSendError(err) {
				t.Errorf("%s: %T", name, err)
			}
		}
		if err := m.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// TestLogoutThatEndsNoSessionSaysSo: before Start there is none. What it ended it may be asked for again.
func TestLogoutThatEndsNoSessionSaysSo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		if err := newManager(t, newGateway(t)).Logout(t.Context()); !errors.Is(err, shardmanager.ErrNotStarted) {
			t.Errorf("before Start: %v", err)
		}
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		for range 2 {
			if err := m.Logout(t.Context()); err != nil {
				t.Errorf("Logout: %v", err)
			}
		}
		if g.Stats().Ended != 1 {
			t.Errorf("%+v", g.Stats())
		}
	})
}

// TestNilContextIsTold, and nothing is done.
func TestNilContextIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newManager(t, newGateway(t))
		var none context.Context
		if err := m.Start(none); !errors.Is(err, actors.ErrNilContext) {
			t.Errorf("Start: %v", err)
		}
		start(t, m)
		all := orders(none, m)
		delete(all, "Send of nothing")
		delete(all, "Shard(-1).Send")
		delete(all, "Shard.Key")
		all["Close"], all["Logout"] = m.Close(none), m.Logout(none)
		for name, err := range all {
			if !errors.Is(err, actors.ErrNilContext) {
				t.Errorf("%s: %v", name, err)
			}
		}
		time.AfterFunc(time.Second, func() { closeNow(t, m) })
		for range m.Watch(none) {
		}
	})
}

// TestContextThatHasEndedIsTold by all that waits for the supervisor.
func TestContextThatHasEndedIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newManager(t, newGateway(t))
		start(t, m)
		over, cancel := context.WithCancelCause(t.Context())
		cancel(errDisk)
		all := orders(over, m)
		for _, name := range []string{"Send", "Restart", "Reidentify", "Pause", "Unpause", "Drain"} {
			if err := all[name]; !errors.Is(err, errDisk) && !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestShardOfAGuildBeforeStart: there is none yet, and what it is asked for says so.
func TestShardOfAGuildBeforeStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newManager(t, newGateway(t))
		shard := m.ForGuild(1)
		_, err := events.Heartbeat{}.SendEvent(t.Context(), shard)
		_, streamed := shard.Priority(shardmanager.High).Stream(t.Context(), events.Heartbeat{}, func(events.Raw) bool { return true })
		_, key := shard.Key()
		for what, err := range map[string]error{"Send": err, "Stream": streamed, "Key": key} {
			if !errors.Is(err, shardmanager.ErrNotStarted) || what != "Key" && !isSendError(err) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, ok := shard.Status(); ok || shard.Index() != -1 {
			t.Errorf("it has a status, or is shard %d", shard.Index())
		}
	})
}

// TestAskBeforeStart is refused.
func TestAskBeforeStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newManager(t, newGateway(t))
		if _, err := actors.Ask(t.Context(), m.System(), m.Supervisor(), events.Heartbeat{}); !isSendError(err) {
			t.Errorf("Ask: %v", err)
		}
	})
}
