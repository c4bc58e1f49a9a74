package shardmanager_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestDiallerThatMakesNoConnection: whatever it does instead, the process lives, the cause is told, the shard comes back when it is mended, and Close
// does not wait for it.
func TestDiallerThatMakesNoConnection(t *testing.T) {
	for what, dial := range map[string]func(ctx context.Context) (net.Conn, error){
		"returns nothing":      func(context.Context) (net.Conn, error) { return nil, nil },
		"returns a nil *conn":  func(context.Context) (net.Conn, error) { return (*net.TCPConn)(nil), nil },
		"returns a nil struct": func(context.Context) (net.Conn, error) { return (*badConn)(nil), nil },
		"panics":               func(context.Context) (net.Conn, error) { panic(secretPanic) },
		"calls Goexit":         func(context.Context) (net.Conn, error) { runtime.Goexit(); return nil, nil },
		"heeds no context":     func(context.Context) (net.Conn, error) { time.Sleep(time.Hour); return nil, errors.New("late") },
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				var bad atomic.Bool
				opts := []shardmanager.Option{shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
					if bad.Load() {
						return dial(ctx)
					}
					return g.DialContext(ctx, network, addr)
				})}
				m := newManager(t, g, opts...)
				start(t, m)
				bad.Store(true)
				g.Shard(0).Drop()
				pass(time.Minute)
				if status, _ := m.Shard(0).Status(); status.State == session.Ready || status.Cause == nil ||
					strings.Contains(status.Cause.Error(), "NetDial returned no connection") != (what == "returns nothing") {
					t.Errorf("%v, %v", status.State, status.Cause)
				}
				bad.Store(false)
				pass(2 * time.Minute)
				if m.Status().Ready() != 1 {
					t.Errorf("it is not back: %+v", m.Status())
				}
				bad.Store(true)
				g.Shard(0).Drop()
				pass(20 * time.Second)
				begun := time.Now()
				if err := m.Close(t.Context()); err != nil || time.Since(begun) > 2*time.Second {
					t.Errorf("Close: %v after %v", err, time.Since(begun))
				}
				pass(2 * time.Hour) // until those that hang are over
			})
		})
	}
}

// badDeadline is a connection of the user's, which does not come to an upgrade.
type badDeadline struct {
	net.Conn
	deadline *misbehave
}

func (c badDeadline) SetDeadline(t time.Time) error {
	c.deadline.maybe()
	return c.Conn.SetDeadline(t)
}

// TestConnectionThatDoesNotReturnWhileItIsDialledCostsThatDial: the shard dials again, and says why.
func TestConnectionThatDoesNotReturnWhileItIsDialledCostsThatDial(t *testing.T) {
	eachWay(t, func(t *testing.T, bad *misbehave) {
		g := newGateway(t)
		m := newManager(t, g, shardmanager.WithShards(1), shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			raw, err := g.DialContext(ctx, network, addr)
			return badDeadline{raw, bad}, err
		}))
		start(t, m)
		bad.armed.Store(true)
		g.Shard(0).Drop()
		pass(10 * time.Second)
		requirePanicError(t, m.Status().Shards[0].Cause, "NetDial's connection")
		bad.armed.Store(false)
		pass(time.Minute)
		if m.Status().Ready() != 1 {
			t.Errorf("%+v", m.Status())
		}
	})
}

// TestSystemThatIsShutDownBeforeCloseIsSurvived: by whoever has it from System, or had it before.
func TestSystemThatIsShutDownBeforeCloseIsSurvived(t *testing.T) {
	for _, own := range []bool{false, true} {
		bubble2(t, func(t *testing.T) {
			g := newGateway(t)
			var opts []shardmanager.Option
			if !own {
				opts = append(opts, shardmanager.WithActorSystem(quietSystem(t)))
			}
			m := newManager(t, g, opts...)
			start(t, m)
			if own {
				m.System().Shutdown()
			}
			pass(time.Minute)
			begun := time.Now()
			if err := m.Close(t.Context()); err != nil || time.Since(begun) > 2*time.Second {
				t.Errorf("Close: %v after %v", err, time.Since(begun))
			}
			if pass(time.Second); g.Stats().Live != 0 {
				t.Errorf("%+v", g.Stats())
			}
		})
	}
}

// bubble2 is bubble in a test that runs several.
func bubble2(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Run("", func(t *testing.T) { bubble(t, f) })
}

// TestStatusSaysSinceWhenACauseHolds, and no cause when the shard is back.
func TestStatusSaysSinceWhenACauseHolds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		g.Outage(true)
		pass(time.Second)
		begun, _ := m.Shard(0).Status()
		pass(10 * time.Minute)
		later, _ := m.Shard(0).Status()
		if later.Cause == nil || time.Since(later.CauseSince) < 9*time.Minute || time.Since(begun.CauseSince) < 10*time.Minute {
			t.Errorf("%v since %v", later.Cause, later.CauseSince)
		}
		g.Outage(false)
		pass(2 * time.Minute)
		if back, _ := m.Shard(0).Status(); back.State != session.Ready || back.Cause != nil || !back.CauseSince.IsZero() {
			t.Errorf("%v: %v since %v", back.State, back.Cause, back.CauseSince)
		}
	})
}

// TestErrorsOfSendsAreSendErrors: whatever is wrong, and wherever it is sent.
func TestErrorsOfSendsAreSendErrors(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newManager(t, newGateway(t))
		start(t, m)
		ended, end := context.WithCancel(t.Context())
		end()
		var none *events.RequestGuildMembers
		part := func(events.Raw) bool { return true }
		for what, err := range map[string]error{
			"nothing":              second(m.Send(t.Context(), nil)),
			"a nil pointer":        second(m.Send(t.Context(), none)),
			"a nil presence":       second(m.Send(t.Context(), (*events.UpdatePresence)(nil))),
			"nothing, to a shard":  second(m.Shard(0).Send(t.Context(), nil)),
			"nothing, streamed":    second(m.Stream(t.Context(), nil, part)),
			"to nobody":            second(m.Stream(t.Context(), fullList(aGuild), nil)),
			"invalid":              second(m.Send(t.Context(), events.RequestGuildMembers{})),
			"invalid sounds":       second(m.Send(t.Context(), events.RequestSoundboardSounds{GuildIDs: []events.Snowflake{1, 0}})),
			"the session's":        second(m.Send(t.Context(), events.Identify{})),
			"to shard -1":          second(m.Shard(-1).Send(t.Context(), events.Heartbeat{})),
			"to shard 7":           second(m.Shard(7).Stream(t.Context(), fullList(aGuild), part)),
			"without time":         second(m.Send(ended, events.Heartbeat{})),
			"with a priority of 7": second(m.Priority(7).Send(t.Context(), events.Heartbeat{})),
		} {
			if !isSendError(err) || strings.Contains(err.Error(), "panicked") {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := m.Restart(t.Context(), -1); !errors.Is(err, actors.ErrUnknownShard) {
			t.Errorf("Restart(-1): %v", err)
		}
	})
}

// TestAbsurdNumberOfShardsIsNotBelieved, whoever names it.
func TestAbsurdNumberOfShardsIsNotBelieved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		g.OnDiscovery(func(w http.ResponseWriter) bool {
			_, _ = w.Write(answer(g, "shards", 1<<30))
			return true
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var failed *shardmanager.DiscoveryError
		if err := newManager(t, g).Start(ctx); !errors.As(err, &failed) || !strings.Contains(err.Error(), "WithShards") {
			t.Errorf("Start: %v", err)
		}
	})
}
