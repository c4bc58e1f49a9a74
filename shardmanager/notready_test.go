package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// wait waits for a bounded time, and gives the error.
func wait(t *testing.T, m *shardmanager.Manager, d time.Duration) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	err := m.WaitReady(ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("WaitReady: %v", err)
	}
	return err.Error()
}

// TestWaitReadyThatTimesOutNamesTheCauses, grouped, the most frequent first, with what comes next.
func TestWaitReadyThatTimesOutNamesTheCauses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(16))
		m := newManager(t, g, shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			if d, _ := actors.DialOf(ctx); d.Shard.Index >= 13 {
				return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
			}
			return g.DialContext(ctx, network, addr)
		}))
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		said := wait(t, m, 12*time.Second)
		next := began.Add(15 * time.Second)
		for _, want := range []string{
			"shardmanager: waiting for shards, 3 of 16 ready: context deadline exceeded: 10 shards in wait for an Identify (next at ",
			"; 3 shards: transport: dial: dial: connection refused (tried again at ",
		} {
			if !strings.Contains(said, want) {
				t.Errorf("%s\nlacks %s", said, want)
			}
		}
		if at := next.Format("15:04"); !strings.Contains(said, at) {
			t.Errorf("%s\ndoes not say that the next is at %v", said, next)
		}
	})
}

// TestCausesAreBounded: however many there are, and however long: the rest is counted.
func TestCausesAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(100), gatewaytest.WithMaxConcurrency(100))
		m := newManager(t, g, shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			d, _ := actors.DialOf(ctx)
			return nil, fmt.Errorf("cause %s\n%s", strings.Repeat("c", 1+d.Shard.Index), strings.Repeat("x", 1000))
		}))
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		said := wait(t, m, time.Minute)
		if len(said) > 2000 || strings.Contains(said, "\n") || !strings.HasSuffix(said, "; 95 shards for other reasons: see Status") {
			t.Errorf("%d bytes: %s", len(said), said)
		}
	})
}

// TestWaitReadyDuringStartSaysWhyThereIsNoAnswer.
func TestWaitReadyDuringStartSaysWhyThereIsNoAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		g.OnDiscovery(func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusBadGateway); return true })
		m := newManager(t, g)
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan error)
		go func() { over <- m.Start(ctx) }()
		pass(time.Second)
		if said := wait(t, m, time.Minute); !strings.Contains(said, "Start goes on: shardmanager: GET /api/v10/gateway/bot: status 502") {
			t.Error(said)
		}
		cancel()
		if err := <-over; !errors.Is(err, context.Canceled) {
			t.Errorf("Start: %v", err)
		}
	})
}

// TestCausesAreGroupedWhateverTheirNumbers: what differs in a port, a duration or a time is one cause.
func TestCausesAreGroupedWhateverTheirNumbers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(16))
		var n atomic.Int64
		m := newManager(t, g, shardmanager.WithNetDial(func(context.Context, string, string) (net.Conn, error) {
			return nil, fmt.Errorf("no port is free: %d was tried", n.Add(1))
		}))
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if said := wait(t, m, 30*time.Second); !strings.Contains(said, "16 shards: transport: dial: no port is free: ") {
			t.Error(said)
		}
		if status := m.Status().Shards[0]; status.CauseSince.Sub(began) > time.Second {
			t.Errorf("since %v, %v: %v", status.CauseSince.Sub(began), status.Since.Sub(began), status.Cause)
		}
	})
}

// TestWaitReadyDuringStartNamesTheStore: one that hangs, and one that fails.
func TestWaitReadyDuringStartNamesTheStore(t *testing.T) {
	for want, store := range map[string]session.Store{
		"Start goes on: shardmanager: the session store does not return": deafStore{session.NewMemoryStore()},
		"Start goes on: shardmanager: session store: " + errDisk.Error(): claimless(t),
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newManager(t, newGateway(t), shardmanager.WithSessionStore(store))
				ctx, cancel := context.WithCancel(t.Context())
				over := make(chan error, 1)
				go func() { over <- m.Start(ctx) }()
				pass(time.Second)
				if said := wait(t, m, time.Minute); !strings.Contains(said, want) {
					t.Error(said)
				}
				cancel()
				<-over
			})
		})
	}
}

// deafStore loads nothing before its context ends.
type deafStore struct{ session.Store }

func (deafStore) Load(ctx context.Context, _ events.ShardID) (session.Snapshot, error) {
	<-ctx.Done()
	return session.Snapshot{}, ctx.Err()
}

// claimless is a store that has a session, and saves none.
func claimless(t *testing.T) session.Store {
	t.Helper()
	s := &fullDisk{Store: session.NewMemoryStore()}
	kept := session.Snapshot{Shard: events.ShardID{Total: 1}, SessionID: "a", Seq: 1}
	if err := s.Save(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	s.full.Store(true)
	return s
}

// TestWaitReadySaysWhichStepIsNotTaken by a shard that nothing has befallen.
func TestWaitReadySaysWhichStepIsNotTaken(t *testing.T) {
	unanswered := func(op events.Opcode) func(*gatewaytest.Server) {
		return func(g *gatewaytest.Server) {
			g.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == op })
		}
	}
	for want, begin := range map[string]func(*gatewaytest.Server){
		"a connection":        func(*gatewaytest.Server) {},
		"the gateway's Hello": func(g *gatewaytest.Server) { g.OnConnect(func(int) bool { return true }) },
		"READY":               unanswered(events.OpIdentify),
		"RESUMED":             unanswered(events.OpResume),
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				store := session.NewMemoryStore()
				if want == "RESUMED" { // of a session that there is
					first := newManager(t, g, shardmanager.WithSessionStore(store))
					start(t, first)
					pass(3 * time.Second)
					closeNow(t, first)
				}
				dial := g.DialContext
				if want == "a connection" {
					dial = func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
				}
				m := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithNetDial(dial))
				begin(g)
				if err := m.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				if said := wait(t, m, 3*time.Second); !strings.HasSuffix(said, ": 1 shard in wait for "+want) {
					t.Error(said)
				}
			})
		})
	}
}

// TestShardThatIsNotToRunIsNotWaitedFor: it is no reason why others are not ready.
func TestShardThatIsNotToRunIsNotWaitedFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
		g.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == events.OpIdentify })
		m := newManager(t, g)
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		ask := func(message any) any {
			answer, err := m.System().Root.RequestFuture(m.Supervisor(), message, time.Second).Result()
			if err != nil {
				t.Fatal(err)
			}
			return answer
		}
		pause := map[actors.Key]actors.Want{shardKey(m, 1): {Mode: actors.Pause}}
		if refusal, refused := ask(actors.SetPlan{From: ask(actors.GetPlan{}).(*actors.Plan).Version, Change: pause}).(*actors.Refusal); refused {
			t.Fatal(refusal.Err)
		}
		if said := wait(t, m, 3*time.Second); !strings.Contains(said, "0 of 1 ready") || !strings.HasSuffix(said, ": 1 shard in wait for READY") {
			t.Error(said)
		}
	})
}
