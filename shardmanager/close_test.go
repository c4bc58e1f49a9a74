package shardmanager_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestCloseInEveryState closes a manager in each state of its shard. A goroutine or an actor
// that stayed would keep the bubble from ending, and fail the test.
//
// Failures: F25, F118.
func TestCloseInEveryState(t *testing.T) {
	for _, test := range []struct {
		name  string
		state session.State
		setup func(g *gatewaytest.Server)
		act   func(g *gatewaytest.Server)
	}{
		{"connecting", session.Connecting, nil, func(g *gatewaytest.Server) {}},
		{"awaiting Hello", session.AwaitingHello, func(g *gatewaytest.Server) { g.OnConnect(func(int) bool { return true }) }, nil},
		{"queued", session.Queued, func(g *gatewaytest.Server) {}, nil},
		{"identifying", session.Identifying, func(g *gatewaytest.Server) {
			g.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == events.OpIdentify })
		}, nil},
		{"resuming", session.Resuming, nil, func(g *gatewaytest.Server) {
			g.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == events.OpResume })
			g.Shard(0).Drop()
			pass(5 * time.Second)
		}},
		{"ready", session.Ready, nil, func(*gatewaytest.Server) {}},
		{"backoff", session.Backoff, nil, func(g *gatewaytest.Server) { g.Outage(true); pass(time.Minute) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				shards := 1
				if test.state == session.Queued {
					shards = 2 // the second waits for the first
				}
				g := newGateway(t, gatewaytest.WithShards(shards))
				if test.setup != nil {
					test.setup(g)
				}
				m := newManager(t, g)
				if test.state == session.Connecting {
					if err := m.Start(t.Context()); err != nil {
						t.Fatal(err)
					}
				} else if test.act != nil {
					start(t, m)
					test.act(g)
				} else {
					if err := m.Start(t.Context()); err != nil {
						t.Fatal(err)
					}
					pass(2 * time.Second)
				}
				if status, _ := m.Shard(shards - 1).Status(); test.state != session.Connecting && status.State != test.state {
					t.Fatalf("state %v, want %v", status.State, test.state)
				}
				began := time.Now()
				closeNow(t, m)
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("Close took %v", took)
				}
				g.Outage(false)
				before := g.Stats()
				pass(24 * time.Hour)
				if after := g.Stats(); after.Connections != before.Connections || after.Frames != before.Frames || after.Ended != 0 {
					t.Errorf("after Close: %+v, before: %+v", after, before)
				}
			})
		})
	}
}

// TestCloseLeavesNoActorBehind counts the actors of a user's own system.
//
// Failures: F118.
func TestCloseLeavesNoActorBehind(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(50), gatewaytest.WithMaxConcurrency(50))
		system := quietSystem(t)
		count := func() (n int) {
			for i := range system.ProcessRegistry.LocalPIDs.LocalPIDs {
				n += system.ProcessRegistry.LocalPIDs.LocalPIDs[i].Count()
			}
			return n
		}
		var before int
		for round := range 3 {
			m := newManager(t, g, shardmanager.WithActorSystem(system))
			if err := m.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if running := count(); running < 51 {
				t.Errorf("%d processes while 50 shards run", running)
			}
			pass(time.Duration(round) * 3 * time.Second)
			closeNow(t, m)
			pass(10 * time.Second)
			if round == 0 {
				before = count() // with the guardian that the library keeps for each strategy
			} else if after := count(); after != before {
				t.Errorf("%d processes after round %d, %d before", after, round, before)
			}
		}
	})
}

// Failures: F108.
func TestCloseKeepsSessionsAndLogoutEndsThem(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(3), gatewaytest.WithMaxConcurrency(3))
		store := session.NewMemoryStore()
		run := func() *shardmanager.Manager {
			m := newManager(t, g, shardmanager.WithSessionStore(store))
			var mu sync.Mutex
			shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, at events.Meta) {
				mu.Lock()
				defer mu.Unlock()
			})
			start(t, m)
			return m
		}
		first := run()
		closeNow(t, first)
		g.Shard(1).Dispatch("MESSAGE_CREATE", map[string]any{"id": "1"})
		second := run()
		if s := g.Stats(); s.Identifies != 3 || s.Resumes != 3 || s.Ended != 0 {
			t.Errorf("after a restart: identifies %d, resumes %d, ended %d, want 3, 3, 0", s.Identifies, s.Resumes, s.Ended)
		}
		if err := second.Logout(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if s := g.Stats(); s.Ended != 3 {
			t.Errorf("after Logout %d connections were ended with 1000, want 3", s.Ended)
		}
		if _, err := store.Load(t.Context(), events.ShardID{Index: 0, Total: 3}); !errors.Is(err, session.ErrNoSnapshot) {
			t.Errorf("after Logout the store has a session: %v", err)
		}
		g.RequireNoViolations(t)
	})
}

// Failures: F111, F120.
func TestCloseAnswersWhatWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g)
		start(t, m)
		guild := gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)
		g.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == events.OpRequestGuildMembers })
		results := make(chan error, 300)
		for range 300 {
			go func() {
				_, err := events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}}.SendEvent(t.Context(), m)
				results <- err
			}()
		}
		pass(time.Second)
		began := time.Now()
		closeNow(t, m)
		for range 300 {
			if err := <-results; !errors.Is(err, actors.ErrClosed) {
				t.Errorf("a send at Close: %v", err)
			}
		}
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if _, err := m.Send(t.Context(), events.Heartbeat{}); !errors.Is(err, shardmanager.ErrClosed) || !errors.Is(err, actors.ErrClosed) {
			t.Errorf("a send after Close: %v", err)
		}
	})
}

// Failures: F72, F119.
func TestCloseFromAHandlerAndTwice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		closed := make(chan error, 1)
		shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			closed <- m.Close(ctx)
		})
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-closed; err != nil {
			t.Errorf("Close in a handler: %v", err)
		}
		if err := m.Close(t.Context()); err != nil {
			t.Errorf("Close again: %v", err)
		}
		if err := m.Start(t.Context()); !errors.Is(err, shardmanager.ErrClosed) {
			t.Errorf("Start after Close: %v", err)
		}
	})
}

// Failures: F68, F71.
func TestHandlerPanicCostsOneEvent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		var hook panicHook
		m := newManager(t, g, shardmanager.WithHooks(&hook))
		var got int
		shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, _ events.Meta) {
			got++
			if got == 2 {
				panic("boom")
			}
		})
		start(t, m)
		for range 3 {
			g.Shard(0).Dispatch("MESSAGE_CREATE", map[string]any{"content": "x", "timestamp": time.Now()})
		}
		g.Shard(0).Dispatch("MESSAGE_CREATE", []int{5}) // no object
		g.Shard(0).Dispatch("MESSAGE_CREATE", map[string]any{"content": "x", "timestamp": time.Now()})
		pass(time.Second)
		if got != 4 || hook.panics != 1 || hook.bad != 1 || !strings.Contains(hook.stack, "TestHandlerPanicCostsOneEvent") {
			t.Errorf("handled %d, panics %d, undecodable %d, stack %q", got, hook.panics, hook.bad, hook.stack)
		}
		if s := g.Stats(); s.Connections != 1 {
			t.Errorf("%d connections", s.Connections)
		}
	})
}

type panicHook struct {
	panics, bad int
	stack       string
}

func (h *panicHook) OnHandlerPanic(p shardmanager.HandlerPanic) {
	h.panics++
	h.stack = string(p.Stack)
}

func (h *panicHook) OnDecodeError(events.Raw, events.Meta, error) { h.bad++ }
