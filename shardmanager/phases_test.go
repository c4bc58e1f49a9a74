package shardmanager_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// orders are all ways to ask something of the shards, each of which ends in an error.
func orders(ctx context.Context, m *shardmanager.Manager) map[string]error {
	all := func(events.Raw) bool { return true }
	sounds := events.RequestSoundboardSounds{GuildIDs: []events.Snowflake{aGuild, aGuild + 1<<22}}
	return map[string]error{
		"Send":               second(m.Send(ctx, events.Heartbeat{})),
		"Send of a presence": second(m.Send(ctx, events.UpdatePresence{Status: events.StatusIdle})),
		"Send of sounds":     second(m.Send(ctx, sounds)),
		"Stream":             second(m.Stream(ctx, fullList(aGuild), all)),
		"Shard.Send":         second(m.Shard(0).Send(ctx, events.Heartbeat{})),
		"Shard.Stream":       second(m.Shard(0).Stream(ctx, fullList(aGuild), all)),
		"Shard(-1).Send":     second(m.Shard(-1).Send(ctx, events.Heartbeat{})),
		"Priority.Send":      second(m.Priority(shardmanager.Low).Send(ctx, events.Heartbeat{})),
		"Send of nothing":    second(m.Send(ctx, nil)),
		"Restart":            m.Restart(ctx, 0),
		"Reidentify":         m.Reidentify(ctx, 0),
		"Pause":              m.Pause(ctx, 0),
		"Unpause":            m.Unpause(ctx, 0),
		"Drain":              m.Drain(ctx, 0),
		"RollingRestart":     m.RollingRestart(ctx),
		"SetPresence":        second(m.SetPresence(ctx, events.UpdatePresence{Status: events.StatusIdle})),
		"Release":            second(m.Release(ctx, 0)),
		"Adopt":              m.Adopt(ctx, session.Snapshot{}),
		"Shard.Key":          second(m.Shard(0).Key()),
		"WaitReady":          m.WaitReady(ctx),
	}
}

// TestBeforeStartNothingRuns: what is asked of the shards is refused, with one error that says what to do, and
// what can be looked at is empty.
func TestBeforeStartNothingRuns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newManager(t, newGateway(t))
		for name, err := range orders(t.Context(), m) {
			if !errors.Is(err, shardmanager.ErrNotStarted) || strings.Contains(name, "Send") && !isSendError(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if status := m.Status(); status.Total != 0 || len(status.Shards) != 0 || len(m.Queues()) != 0 {
			t.Errorf("%+v, %+v", status, m.Queues())
		}
		if _, here := m.Shard(0).Status(); here {
			t.Error("shard 0 has a status")
		}
		if m.Supervisor() != nil || m.System() != nil || m.Persistence() != (shardmanager.Persistence{}) || m.Err() != nil {
			t.Errorf("%v %v %+v %v", m.Supervisor(), m.System(), m.Persistence(), m.Err())
		}
		system := quietSystem(t)
		if mine := newManager(t, newGateway(t), shardmanager.WithActorSystem(system)); mine.System() != system {
			t.Error("the caller's own system is not shown")
		}
	})
}

// TestAfterCloseNothingRuns: what is asked of the shards is refused, with an error by which both this package's
// callers and those of the actors know it; and it does not start again.
func TestAfterCloseNothingRuns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		if err := m.Start(t.Context()); !errors.Is(err, shardmanager.ErrStarted) {
			t.Errorf("a second Start: %v", err)
		}
		closeNow(t, m)
		for name, err := range orders(t.Context(), m) {
			if !errors.Is(err, shardmanager.ErrClosed) || !errors.Is(err, actors.ErrClosed) || actors.Sent(err) || strings.Contains(name, "Send") && !isSendError(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, err := range map[string]error{"Start": m.Start(t.Context()), "Logout": m.Logout(t.Context())} {
			if !errors.Is(err, shardmanager.ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		pass(time.Hour)
		if s := g.Stats(); s.Connections != 1 || s.Discoveries != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func isSendError(err error) bool {
	var failed *actors.SendError
	return errors.As(err, &failed) && failed.Stage == actors.Refused
}

// TestSendToSeveralBeforeThereIsAShardIsNoSuccess: while Start is under way there may be no shard yet that could be told, or asked.
func TestSendToSeveralBeforeThereIsAShardIsNoSuccess(t *testing.T) {
	for name, out := range map[string]events.Outgoing{
		"a presence": events.UpdatePresence{Status: events.StatusIdle},
		"sounds":     events.RequestSoundboardSounds{GuildIDs: []events.Snowflake{aGuild, aGuild + 1<<22}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var m *shardmanager.Manager
				early := make(chan error, 10)
				m = newManager(t, newGateway(t), shardmanager.WithActorProps(func(key actors.Key) []actor.PropsOption {
					index := indexOf(key)
					return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
						return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
							if _, ok := e.Message.(actors.StartShards); ok && index < 0 {
								early <- second(m.Send(context.Background(), out))
							}
							next(ctx, e)
						}
					})}
				}))
				start(t, m)
				if err := <-early; !errors.Is(err, shardmanager.ErrNotStarted) || !isSendError(err) {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// TestErrStaysWhatItWas: nil after Close, however often and in whichever way it is called again; and after an end
// with a cause, the cause. A Logout that comes too late says so: it has ended no session.
func TestErrStaysWhatItWas(t *testing.T) {
	for name, cause := range map[string]events.CloseCode{"asked to": 0, "with a cause": events.CloseDisallowedIntents} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				m := newManager(t, g)
				start(t, m)
				if cause != 0 {
					g.Shard(0).Close(cause)
					<-m.Done()
				}
				closeNow(t, m)
				before := m.Err()
				if (before != nil) != (cause != 0) {
					t.Fatalf("Err: %v", before)
				}
				closeNow(t, m)
				for range 2 {
					if err := m.Logout(t.Context()); !errors.Is(err, shardmanager.ErrClosed) || before != nil && !errors.Is(err, errors.Unwrap(before)) {
						t.Errorf("Logout: %v", err)
					}
					if err := m.Err(); err != before {
						t.Errorf("Err was %v and is %v", before, err)
					}
				}
			})
		})
	}
}

// TestCloseThatIsNotWaitedForGoesOn: a caller whose context ends is told so, and the Manager ends all the same.
func TestCloseThatIsNotWaitedForGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		release := make(chan struct{})
		shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) { <-release }, shardmanager.WithTypes(events.TypeMessageCreate))
		start(t, m)
		g.Shard(0).Dispatch("MESSAGE_CREATE", map[string]any{"id": "1"})
		pass(time.Second)
		why := errors.New("the operator has no time")
		ctx, leave := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { leave(why) })
		begun := time.Now()
		if err := m.Close(ctx); !errors.Is(err, why) || time.Since(begun) != time.Second {
			t.Errorf("Close: %v after %v", err, time.Since(begun))
		}
		select {
		case <-m.Done():
			t.Error("it is done while a handler runs")
		default:
		}
		close(release)
		<-m.Done()
		if m.Err() != nil || time.Since(begun) > 5*time.Second {
			t.Errorf("%v after %v", m.Err(), time.Since(begun))
		}
	})
}

// TestStartThatIsCutShort: Close while Start is under way, and the end of its context, end Start at once with the reason, and
// with it the Manager. Nothing is dialled, then or later.
func TestStartThatIsCutShort(t *testing.T) {
	why := errors.New("the operator has no time")
	for name, test := range map[string]struct {
		cut  func(m *shardmanager.Manager, leave context.CancelCauseFunc) error
		want error // of Start
		end  error // of Err
	}{
		"Close":             {func(m *shardmanager.Manager, _ context.CancelCauseFunc) error { return m.Close(context.Background()) }, shardmanager.ErrClosed, nil},
		"Logout":            {func(m *shardmanager.Manager, _ context.CancelCauseFunc) error { return m.Logout(context.Background()) }, shardmanager.ErrClosed, nil},
		"its context's end": {func(_ *shardmanager.Manager, leave context.CancelCauseFunc) error { leave(why); return nil }, why, why},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				g.OnDiscovery(func(w http.ResponseWriter) bool {
					w.Header().Set("Retry-After", "30")
					w.WriteHeader(http.StatusTooManyRequests)
					return true
				})
				m := newManager(t, g)
				ctx, leave := context.WithCancelCause(t.Context())
				defer leave(nil)
				started, waited := make(chan error, 1), make(chan error, 1)
				go func() { started <- m.Start(ctx) }()
				pass(time.Second)
				go func() { waited <- m.WaitReady(t.Context()) }()
				pass(time.Second)
				begun := time.Now()
				if err := test.cut(m, leave); err != nil {
					t.Error(err)
				}
				if err := <-started; !errors.Is(err, test.want) {
					t.Errorf("Start: %v", err)
				}
				if err := <-waited; !errors.Is(err, shardmanager.ErrClosed) {
					t.Errorf("WaitReady: %v", err)
				}
				<-m.Done()
				if !errors.Is(m.Err(), test.end) || time.Since(begun) > 100*time.Millisecond {
					t.Errorf("Err: %v, after %v", m.Err(), time.Since(begun))
				}
				g.OnDiscovery(nil)
				pass(time.Hour)
				if s := g.Stats(); s.Discoveries != 1 || s.Connections != 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// TestWaitReadySaysHowManyAreReadyWhenItsTimeIsUp, and may be called again.
func TestWaitReadySaysHowManyAreReadyWhenItsTimeIsUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newManager(t, newGateway(t, gatewaytest.WithMaxConcurrency(1)), shardmanager.WithShards(4))
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		err := m.WaitReady(ctx) // one of a key every 5 s
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "2 of 4 ready") {
			t.Errorf("WaitReady: %v, want the deadline, and 2 of 4 ready", err)
		}
		start := time.Now()
		if err := m.WaitReady(t.Context()); err != nil || time.Since(start) > 20*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}
