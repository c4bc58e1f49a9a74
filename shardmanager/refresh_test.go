package shardmanager_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestTheGatewayMoves: when its URL works no more, discovery is asked for another.
func TestTheGatewayMoves(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		var moved atomic.Bool
		before, after := "127.0.0.1:1001", "127.0.0.1:2001"
		g.OnDiscovery(func(w http.ResponseWriter) bool {
			host := before
			if moved.Load() {
				host = after
			}
			return json.NewEncoder(w).Encode(map[string]any{
				"url": "ws://" + host, "shards": 1,
				"session_start_limit": map[string]any{"total": 1000, "remaining": 1000, "reset_after": 1000, "max_concurrency": 1},
			}) == nil
		})
		m := newManager(t, g, shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			if moved.Load() != (addr == after) {
				return nil, errors.New("nobody listens here")
			}
			return g.DialContext(ctx, network, addr)
		}))
		start(t, m)
		moved.Store(true)
		g.DropAll()
		pass(time.Minute)
		if status, stats := m.Status(), g.Stats(); status.Ready() != 1 || stats.Resumes != 1 || stats.Identifies != 1 || stats.Discoveries != 2 {
			t.Errorf("%+v; %+v", status.Shards, stats)
		}
		g.RequireNoViolations(t)
	})
}

// TestBudgetSpentElsewhere: before the sessions are made anew, what is left of the day is known.
//
// Failures: F37.
func TestBudgetSpentElsewhere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(8), gatewaytest.WithMaxConcurrency(8))
		m := newManager(t, g)
		start(t, m)
		g.SetSessionStarts(103) // another process has identified; 100 are kept in reserve
		g.ForgetSessions()
		g.DropAll()
		pass(10 * time.Minute)
		if got := g.Stats().Identifies; got != 8+3 {
			t.Errorf("%d Identifies, want 11", got)
		}
		refused := 0
		for _, shard := range m.Status().Shards {
			if budget := (*ratelimit.BudgetError)(nil); errors.As(shard.Cause, &budget) {
				refused++
			}
		}
		if refused != 5 {
			t.Errorf("%d shards say that the budget is spent, want 5", refused)
		}
		g.RequireNoViolations(t)
	})
}

// TestDiscoveryIsNotStormed: a day of outage asks at most once a minute, and not before it may.
func TestDiscoveryIsNotStormed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(20), gatewaytest.WithMaxConcurrency(20))
		m := newManager(t, g)
		start(t, m)
		g.OnDiscovery(func(w http.ResponseWriter) bool {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		})
		for range 15 { // fewer Identifies than would be spread over the day
			g.ForgetSessions()
			g.DropAll()
			pass(4 * time.Minute)
		}
		if got := g.Stats().Discoveries; got != 2 {
			t.Errorf("%d questions within the hour of a Retry-After, want 2 with the first", got)
		}
		g.OnDiscovery(nil)
		pass(30 * time.Minute)
		if status := m.Status(); status.Ready() != 20 {
			t.Errorf("%d of 20 are back", status.Ready())
		}
	})
}

type foreign struct {
	mu   sync.Mutex
	told []int
}

func (f *foreign) OnForeignIdentifies(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = append(f.told, n)
}

// require fails unless the hook was told this, call by call.
func (f *foreign) require(t *testing.T, when string, want ...int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Equal(f.told, want) {
		t.Errorf("%s: foreign Identifies %v, want %v", when, f.told, want)
	}
}

// TestForeignIdentifiesAreNoticed: what another process spends of the budget is noticed; what this one spends is not mistaken for it,
// nor is a budget that was filled.
//
// Failures: F37.
func TestForeignIdentifiesAreNoticed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(4), gatewaytest.WithMaxConcurrency(4))
		var hook foreign
		m := newManager(t, g, shardmanager.WithHooks(&hook))
		start(t, m)
		g.ForgetSessions()
		g.DropAll()
		pass(10 * time.Minute)
		if g.Stats().Identifies != 8 || g.Stats().Discoveries < 2 {
			t.Fatalf("%+v", g.Stats())
		}
		hook.require(t, "of its own alone")
		asked := g.Stats().Discoveries
		g.SetSessionStarts(1000) // 992 were left
		g.ForgetSessions()
		g.DropAll()
		pass(10 * time.Minute)
		if g.Stats().Discoveries == asked {
			t.Fatal("discovery was not asked")
		}
		hook.require(t, "when the budget was filled")
		g.SetSessionStarts(900) // 996 are left
		g.ForgetSessions()
		g.DropAll()
		pass(10 * time.Minute)
		hook.require(t, "when another has identified", 96)
		g.SetSessionStarts(895) // 896 are left
		g.ForgetSessions()
		g.DropAll()
		pass(10 * time.Minute)
		hook.require(t, "when another has identified once", 96, 1)
	})
}

// TestIdentifiesOfShardsThatAreNoMoreAreItsOwn: those of the old shards of a reshard.
//
// Failures: F37.
func TestIdentifiesOfShardsThatAreNoMoreAreItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(4), gatewaytest.WithGuilds(guildIDs(6)...), gatewaytest.WithMaxConcurrency(16))
		var hook foreign
		m := newManager(t, g, shardmanager.WithHooks(&hook))
		start(t, m)
		if err := m.Reshard(t.Context(), 2, shardmanager.WithRetirement(0)); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		asked := g.Stats().Discoveries
		g.ForgetSessions()
		g.DropAll()
		pass(10 * time.Minute)
		if s := g.Stats(); s.Identifies != 4+2+2 || s.Discoveries == asked {
			t.Fatalf("%+v", s)
		}
		hook.require(t, "of its own alone")
	})
}

// TestProcessesWithASharedLimiterKeepTheBudget: two processes that share a limiter keep the spacing and the budget together.
//
// Failures: F37.
func TestProcessesWithASharedLimiterKeepTheBudget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(8), gatewaytest.WithSessionStarts(1000, 110, 24*time.Hour))
		shared := newShared(ratelimit.SessionStart{Total: 1000, Remaining: 110, ResetAfter: 24 * time.Hour, MaxConcurrency: 1})
		for _, ids := range [][]int{{0, 2, 4, 6}, {1, 3, 5, 7}} {
			m := newManager(t, g, shardmanager.WithShards(8, ids...), shardmanager.WithRateLimiter(shared.part()))
			if err := m.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		pass(2 * time.Minute)
		g.ForgetSessions()
		g.DropAll()
		pass(time.Hour)
		if n := g.Stats().Identifies; n != 10 {
			t.Errorf("%d Identifies, want 10: 100 are kept", n)
		}
		g.RequireNoViolations(t)
	})
}
