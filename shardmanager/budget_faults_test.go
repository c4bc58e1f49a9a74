package shardmanager_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestSpentBudgetWaitsForItsReset: no Identify until the reset; who has a session resumes; the rest say why not.
//
// Failures: F4, F6.
func TestSpentBudgetWaitsForItsReset(t *testing.T) {
	for _, left := range []int{0, 102} { // 100 are kept in reserve
		t.Run(fmt.Sprint(left), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(6), gatewaytest.WithMaxConcurrency(6), gatewaytest.WithResumeTimeout(time.Hour))
				store := session.NewMemoryStore()
				first := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithShards(6, 5))
				start(t, first)
				closeNow(t, first)
				resets := time.Now().Add(24 * time.Hour)
				g.SetSessionStarts(left)
				m := newManager(t, g, shardmanager.WithSessionStore(store))
				if err := m.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				pass(time.Until(resets) - time.Minute)
				want := max(0, left-100)
				if s := g.Stats(); s.Identifies != 1+want || s.Resumes != 1 || s.Connections > 1+6+want {
					t.Errorf("before the reset: %d identifies, %d resumes, %d connections", s.Identifies, s.Resumes, s.Connections)
				}
				if ready := m.Status().Ready(); ready != want+1 || m.Status().Shards[5].State != session.Ready {
					t.Errorf("%d are ready, want %d and the one with a session: %+v", ready, want, m.Status().Shards)
				}
				for i, shard := range m.Status().Shards {
					if shard.State != session.Ready && (shard.State != session.Backoff || time.Until(shard.Retry) <= 0 || shard.Cause == nil) {
						t.Errorf("shard %d does not say for how long it waits: %+v", i, shard)
					}
				}
				pass(10 * time.Minute)
				if m.Status().Ready() != 6 {
					t.Errorf("after the reset %d are ready", m.Status().Ready())
				}
				g.RequireNoViolations(t)
			})
		})
	}
}

// TestResetAfterIsReadAsMilliseconds: it is milliseconds, and no wait is longer than a day, or negative.
//
// Failures: F5.
func TestResetAfterIsReadAsMilliseconds(t *testing.T) {
	for reset, want := range map[int64]time.Duration{71114761: 71114761 * time.Millisecond, 0: 0, -1: 0, 1 << 53: 24 * time.Hour} {
		t.Run(fmt.Sprint(reset), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				g.OnDiscovery(func(w http.ResponseWriter) bool {
					text := strings.Replace(string(answer(g, "reset_after", reset)), `"remaining":1000`, `"remaining":0`, 1)
					_, _ = w.Write([]byte(text))
					return true
				})
				m := newManager(t, g)
				began := time.Now()
				if err := m.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				pass(want - time.Since(began) - time.Minute)
				if want > 0 && g.Stats().Identifies != 0 {
					t.Error("identified before the reset")
				}
				pass(5 * time.Minute)
				if g.Stats().Identifies != 1 {
					t.Errorf("not identified %v after the start: %+v", time.Since(began), m.Status().Shards)
				}
			})
		})
	}
}

// TestSenselessMaxConcurrencyCountsAsOne: what makes no sense counts as 1.
//
// Failures: F7.
func TestSenselessMaxConcurrencyCountsAsOne(t *testing.T) {
	for _, value := range []any{0, -4, nil} {
		t.Run(fmt.Sprint(value), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				g.OnDiscovery(func(w http.ResponseWriter) bool { _, _ = w.Write(answer(g, "max_concurrency", value)); return true })
				m := newManager(t, g, shardmanager.WithShards(4))
				began := time.Now()
				start(t, m)
				if took := time.Since(began); took < 15*time.Second || took > 20*time.Second {
					t.Errorf("four shards were ready after %v", took)
				}
				g.RequireNoViolations(t) // of at most one in 5 s
			})
		})
	}
}

// TestWhoWasRefusedHearsThatThereIsMore: when Discord says so, long before the time that was told with the refusal, as many as can be granted ask again.
//
// Failures: F4.
func TestWhoWasRefusedHearsThatThereIsMore(t *testing.T) {
	for _, more := range []int{1000, 102} { // 100 are kept in reserve
		t.Run(fmt.Sprint(more), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(6), gatewaytest.WithMaxConcurrency(6), gatewaytest.WithSessionStarts(1000, 101, 24*time.Hour))
				m := newManager(t, g)
				if err := m.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				pass(10 * time.Minute)
				if m.Status().Ready() != 1 {
					t.Fatalf("%d are ready of one that the budget pays", m.Status().Ready())
				}
				before := g.Stats()
				g.SetSessionStarts(more)
				g.ForgetSessions()
				g.DropAll() // so that Discord is asked
				pass(10 * time.Minute)
				want := min(6, more-100)
				if ready := m.Status().Ready(); ready != want {
					t.Errorf("%d are ready, want %d: %+v", ready, want, m.Status().Shards)
				}
				if s := g.Stats(); s.Discoveries == before.Discoveries || s.Connections > before.Connections+8 {
					t.Errorf("from %+v to %+v", before, s)
				}
				g.RequireNoViolations(t)
			})
		})
	}
}
