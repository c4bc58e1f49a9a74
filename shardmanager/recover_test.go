package shardmanager_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// crashes make the supervisor panic at its next messages, as often as left says.
type crashes struct {
	left, happened atomic.Int64
	only           func(message any) bool // nil: at any message
}

func (c *crashes) option() shardmanager.Option {
	return shardmanager.WithActorProps(func(key actors.Key) []actor.PropsOption {
		index := indexOf(key)
		if index >= 0 {
			return nil
		}
		return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
			return func(ctx actor.ReceiverContext, envelope *actor.MessageEnvelope) {
				switch envelope.Message.(type) {
				case actor.SystemMessage, *actor.Started, *actor.Stopping, *actor.Stopped:
				default:
					if (c.only == nil || c.only(envelope.Message)) && c.left.Add(-1) >= 0 {
						c.happened.Add(1)
						panic("the supervisor crashes")
					}
				}
				next(ctx, envelope)
			}
		})}
	})
}

// require fails unless the supervisor has crashed so often: what is shown without is shown by nothing.
func (c *crashes) require(t *testing.T, times int64) {
	t.Helper()
	if n := c.happened.Load(); n != times {
		t.Fatalf("the supervisor crashed %d times, want %d", n, times)
	}
}

// TestSupervisorCrashLosesNoShard: the message that it crashes on may be the one that says that
// a shard is ready. It finds that out by itself, or all that is sent there would wait for ever.
func TestSupervisorCrashLosesNoShard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		var crash crashes
		m := newManager(t, g, crash.option())
		start(t, m)
		g.Shard(0).Drop()
		pass(0)
		crash.left.Store(1) // what it hears next is that the shard is ready again
		pass(time.Minute)
		crash.require(t, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := (events.UpdatePresence{Status: events.StatusIdle}).SendEvent(ctx, m.Shard(0)); err != nil {
			t.Errorf("after the crashes: %v", err)
		}
		g.RequireNoViolations(t)
	})
}

// TestSupervisorCrashAtStart: whoever asks to start the shards is answered, and asks again.
func TestSupervisorCrashAtStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2))
		var crash crashes
		crash.left.Store(2)
		m := newManager(t, g, crash.option())
		begin := time.Now()
		start(t, m)
		crash.require(t, 2)
		if took := time.Since(begin); took > 6*time.Second {
			t.Errorf("ready after %v", took)
		}
	})
}

// TestStartGivesUpAtTheThirdCrash: a supervisor that crashes whenever it is asked to start is not asked for ever. The Manager is
// closed then, and says why.
func TestStartGivesUpAtTheThirdCrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		crash := crashes{only: func(message any) bool { _, ok := message.(actors.StartShards); return ok }}
		crash.left.Store(100)
		m := newManager(t, g, crash.option())
		if err := m.Start(t.Context()); !errors.Is(err, actors.ErrCrashed) {
			t.Errorf("Start: %v", err)
		}
		crash.require(t, 3)
		select {
		case <-m.Done():
		default:
			t.Error("the Manager is not closed")
		}
		if err := m.Err(); !errors.Is(err, actors.ErrCrashed) || g.Stats().Connections != 0 {
			t.Errorf("Err: %v, %d connections", err, g.Stats().Connections)
		}
	})
}

// TestStartOutlivesTwoCrashes of the supervisor at the very message that asks to start.
func TestStartOutlivesTwoCrashes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		crash := crashes{only: func(message any) bool { _, ok := message.(actors.StartShards); return ok }}
		crash.left.Store(2)
		m := newManager(t, newGateway(t), crash.option())
		start(t, m)
		crash.require(t, 2)
	})
}

// TestRestartOutlivesTwoCrashes of the supervisor at the very message that asks for it, and a third one is told: what was asked for is not lost
// without a word.
func TestRestartOutlivesTwoCrashes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		crash := crashes{only: func(message any) bool { _, ok := message.(actors.RestartShard); return ok }}
		g := newGateway(t)
		m := newManager(t, g, crash.option())
		start(t, m)
		crash.left.Store(2)
		if err := m.Restart(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		crash.require(t, 2)
		pass(10 * time.Second)
		if s := g.Stats(); s.Resumes != 1 || m.Status().Ready() != 1 {
			t.Errorf("%d resumes, %d ready", s.Resumes, m.Status().Ready())
		}
		crash.left.Store(3)
		if err := m.Restart(t.Context(), 0); !errors.Is(err, actors.ErrCrashed) {
			t.Errorf("a third crash: %v", err)
		}
	})
}

// TestThirdCrashIsToldByEachVerb: nothing of it is done.
func TestThirdCrashIsToldByEachVerb(t *testing.T) {
	bubble(t, func(t *testing.T) {
		crash := crashes{only: func(message any) bool {
			switch message.(type) {
			case actors.SetMode, actors.ReidentifyShard, actors.ReleaseShard:
				return true
			}
			return false
		}}
		g := newGateway(t)
		m := newManager(t, g, crash.option())
		start(t, m)
		for name, verb := range map[string]func() error{
			"Reidentify": func() error { return m.Reidentify(t.Context(), 0) },
			"Pause":      func() error { return m.Pause(t.Context(), 0) },
			"Drain":      func() error { return m.Drain(t.Context(), 0) },
			"Release":    func() error { return second(m.Release(t.Context(), 0)) },
		} {
			crash.left.Store(3)
			if err := verb(); !errors.Is(err, actors.ErrCrashed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		pass(10 * time.Second)
		if s := g.Stats(); s.Identifies != 1 || s.Resumes != 0 || m.Status().Ready() != 1 {
			t.Errorf("%+v, %d ready", s, m.Status().Ready())
		}
	})
}

// TestReshardIsNotBegunByASupervisorThatCrashesOnIt: it is told, and nothing has changed.
func TestReshardIsNotBegunByASupervisorThatCrashesOnIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		crash := crashes{only: func(message any) bool { _, ok := message.(actors.GetPlan); return ok }}
		g := newGateway(t, gatewaytest.WithParallelSessions())
		m := newManager(t, g, crash.option(), shardmanager.WithShards(1))
		start(t, m)
		crash.left.Store(3)
		if err := m.Reshard(t.Context(), 2); !errors.Is(err, actors.ErrCrashed) {
			t.Errorf("Reshard: %v", err)
		}
		pass(time.Minute)
		if s := m.Status(); g.Stats().Identifies != 1 || s.Total != 1 || s.Ready() != 1 {
			t.Errorf("%+v; %+v", g.Stats(), s)
		}
	})
}

// silent makes a supervisor that does not take one kind of message, and answers it with something else, or nil: not at all.
func silent[T any](answer any) shardmanager.Option {
	return shardmanager.WithActorProps(func(actors.Key) []actor.PropsOption {
		return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
			return func(ctx actor.ReceiverContext, envelope *actor.MessageEnvelope) {
				if _, ok := envelope.Message.(T); !ok {
					next(ctx, envelope)
				} else if answer != nil {
					ctx.ActorSystem().Root.Send(envelope.Sender, answer)
				}
			}
		})}
	})
}

var silences = map[string]struct {
	answer any
	after  time.Duration
	is     error
	says   string
}{
	"no answer":            {nil, 10 * time.Second, actor.ErrTimeout, "does not answer"},
	"an answer of another": {42, 0, nil, "answers with a int"},
}

// TestSupervisorThatDoesNotAnswerEndsStart: after 10 s, or at once if the answer is another's.
func TestSupervisorThatDoesNotAnswerEndsStart(t *testing.T) {
	for name, test := range silences {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				m := newManager(t, g, silent[actors.StartShards](test.answer))
				began := time.Now()
				err := m.Start(t.Context())
				if err == nil || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("Start: %v", err)
				}
				if took := time.Since(began).Round(time.Second); took != test.after {
					t.Errorf("Start took %v, want %v", took, test.after)
				}
				<-m.Done()
				if s := g.Stats(); !errors.Is(m.Err(), err) || s.Connections != 0 {
					t.Errorf("Err: %v, %d connections", m.Err(), s.Connections)
				}
			})
		})
	}
}

// TestSupervisorThatDoesNotAnswerFailsRestart, and nothing else: after 10 s, or when the caller leaves or the Manager is closed.
func TestSupervisorThatDoesNotAnswerFailsRestart(t *testing.T) {
	for name, test := range silences {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				m := newManager(t, g, silent[actors.RestartShard](test.answer))
				start(t, m)
				began := time.Now()
				err := m.Restart(t.Context(), 0)
				if err == nil || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("Restart: %v", err)
				}
				if took := time.Since(began).Round(time.Second); took != test.after {
					t.Errorf("Restart took %v, want %v", took, test.after)
				}
				if g.Stats().Connections != 1 || m.Status().Ready() != 1 {
					t.Errorf("%d connections, %d ready", g.Stats().Connections, m.Status().Ready())
				}
			})
		})
	}
	for name, leave := range map[string]struct {
		with  func(m *shardmanager.Manager, cancel context.CancelFunc)
		cause error
	}{
		"the caller leaves": {func(_ *shardmanager.Manager, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"Close":             {func(m *shardmanager.Manager, _ context.CancelFunc) { _ = m.Close(context.Background()) }, shardmanager.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newManager(t, newGateway(t), silent[actors.RestartShard](nil))
				start(t, m)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				time.AfterFunc(time.Second, func() { leave.with(m, cancel) })
				began := time.Now()
				if err := m.Restart(ctx, 0); !errors.Is(err, leave.cause) {
					t.Errorf("Restart: %v", err)
				}
				if took := time.Since(began); took > 3*time.Second {
					t.Errorf("Restart took %v", took)
				}
				pass(10 * time.Second) // for which the question lasts
			})
		})
	}
}
