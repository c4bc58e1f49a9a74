package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// The faults here were measured in other libraries. Each test is named after what it guards.

func TestServerCloseReconnects(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithHeartbeatInterval(time.Second))
		m := newManager(t, g)
		start(t, m)
		g.Shard(0).Close(events.CloseUnknownError)
		pass(time.Minute)
		wantResumed(t, g, m, 1)
	})
}

func TestReplayDeliversEachEventOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		var got []string
		var replayed int
		shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, at events.Meta) {
			got = append(got, e.Content)
			if at.Replayed {
				replayed++
			}
		})
		start(t, m)
		for i := range 7 {
			if i == 3 {
				g.Shard(0).Drop()
			}
			g.Shard(0).Dispatch("MESSAGE_CREATE", map[string]any{"content": fmt.Sprint("m", i), "timestamp": time.Now()})
		}
		pass(time.Minute)
		if fmt.Sprint(got) != "[m0 m1 m2 m3 m4 m5 m6]" || replayed == 0 {
			t.Errorf("got %v, %d of them replayed", got, replayed)
		}
		wantResumed(t, g, m, 1)
	})
}

func TestOrderOfTwoThousandEvents(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		var n, inversions int
		shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, _ events.Meta) {
			if e.Content != fmt.Sprint(n) {
				inversions++
			}
			n++
		})
		start(t, m)
		for i := range 2000 {
			g.Shard(0).Dispatch("MESSAGE_CREATE", map[string]any{"content": fmt.Sprint(i), "timestamp": time.Now()})
		}
		pass(time.Second)
		if n != 2000 || inversions != 0 {
			t.Errorf("%d events, %d out of order", n, inversions)
		}
	})
}

// Failures: F59.
func TestRequestedHeartbeatIsAnswered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		for beats := g.Stats().Heartbeats; g.Stats().Heartbeats == beats; { // so that none but the requested one is near
			pass(time.Second)
		}
		before, now := g.Stats().Heartbeats, time.Now()
		g.Shard(0).RequestHeartbeat()
		pass(100 * time.Millisecond)
		frames := g.Frames(0)
		last := frames[len(frames)-1]
		if g.Stats().Heartbeats != before+1 || last.Op != events.OpHeartbeat || last.At.Sub(now) > 100*time.Millisecond {
			t.Errorf("heartbeats %d → %d, last %+v", before, g.Stats().Heartbeats, last)
		}
		// A flood is answered within the limits.
		for range 1000 {
			g.Shard(0).RequestHeartbeat()
		}
		pass(10 * time.Minute)
		if s := g.Stats(); s.Lateness > 0 || s.Connections != 1 {
			t.Errorf("after a flood of op 1: lateness %v, connections %d", s.Lateness, s.Connections)
		}
		g.RequireNoViolations(t)
	})
}

// Failures: F28.
func TestShardsOfOneKeyIdentifyApart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(32), gatewaytest.WithMaxConcurrency(16))
		m := newManager(t, g)
		start(t, m)
		at := func(shard int) time.Time {
			for _, f := range g.Frames(shard) {
				if f.Op == events.OpIdentify {
					return f.At
				}
			}
			t.Fatalf("shard %d did not identify", shard)
			return time.Time{}
		}
		if apart := at(16).Sub(at(0)); apart < 5*time.Second || apart > 6*time.Second {
			t.Errorf("shards 0 and 16 identified %v apart", apart)
		}
		if apart := at(15).Sub(at(0)).Abs(); apart > time.Second {
			t.Errorf("shards 0 and 15 identified %v apart: their keys differ", apart)
		}
		g.RequireNoViolations(t)
	})
}

// TestDeadResumeURLFallsBack: the session is resumed at the URL of discovery.
//
// Failures: F21.
func TestDeadResumeURLFallsBack(t *testing.T) {
	for name, fail := range map[string]func(*gatewaytest.Server){
		"refused":      func(g *gatewaytest.Server) { g.OutageAt(g.ResumeURL, true) },
		"not answered": func(g *gatewaytest.Server) { g.HangAt(g.ResumeURL, true) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				m := newManager(t, g)
				start(t, m)
				pass(10 * time.Second)
				fail(g)
				g.Shard(0).Drop()
				pass(time.Minute)
				if s := g.Stats(); s.Identifies != 1 || s.Resumes != 1 || s.AtResumeURL != 0 || !g.Shard(0).Live() {
					t.Errorf("identifies %d, resumes %d, %d at the resume URL, want one of each and none there", s.Identifies, s.Resumes, s.AtResumeURL)
				}
			})
		})
	}
}

// Failures: F35, F122.
func TestRejectedTokenStopsEverything(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(4), gatewaytest.WithMaxConcurrency(4))
		m := newManager(t, g)
		start(t, m)
		g.Shard(2).Close(events.CloseAuthenticationFailed)
		<-m.Done()
		var closed *session.CloseError
		if !errors.As(m.Err(), &closed) || closed.Code != events.CloseAuthenticationFailed {
			t.Errorf("Err: %v", m.Err())
		}
		before := g.Stats()
		pass(24 * time.Hour)
		if after := g.Stats(); after.Connections != before.Connections || after.Identifies != 4 {
			t.Errorf("after a rejected token: connections %d → %d, identifies %d", before.Connections, after.Connections, after.Identifies)
		}
	})
}

func TestShardingRequiredDoesNotDeadlock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
		m := newManager(t, g)
		start(t, m)
		g.Shard(0).Close(events.CloseShardingRequired)
		pass(time.Second)
		status, ok := m.Shard(0).Status()
		var closed *session.CloseError
		if !ok || status.State != session.Closed || !errors.As(status.Cause, &closed) || !closed.Fatal() {
			t.Errorf("status: %+v", status)
		}
		if other, _ := m.Shard(1).Status(); other.State != session.Ready {
			t.Errorf("shard 1 is %v", other.State)
		}
	})
}

func TestUsersRateLimiterSurvivesReconnects(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		limiter := &countingLimiter{}
		m := newManager(t, g, shardmanager.WithRateLimiter(limiter))
		start(t, m)
		for range 3 {
			g.Shard(0).Drop()
			pass(time.Minute)
			guild := gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)
			if _, err := (events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}}).SendEvent(t.Context(), m); err != nil {
				t.Error(err)
			}
		}
		if c, n := limiter.connections.Load(), limiter.takes.Load(); c != 4 || n != 3 {
			t.Errorf("the limiter was asked for %d buckets and %d permits, want 4 and 3", c, n)
		}
		if limiter.identifies.Load() != 1 {
			t.Errorf("the limiter's queue was asked for %d identifies, want 1", limiter.identifies.Load())
		}
	})
}

// Failures: F86.
func TestEverySendInAnOutageEndsInOneOutcome(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1), gatewaytest.WithResumeTimeout(time.Hour))
		m := newManager(t, g)
		start(t, m)
		guild := gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)
		const sends = 200
		results := make(chan error, sends)
		for i := range sends {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+i%20)*10*time.Second)
			go func() {
				defer cancel()
				_, err := events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}}.SendEvent(ctx, m)
				results <- err
			}()
			if i == sends/2 {
				g.Outage(true)
			}
		}
		pass(time.Minute)
		g.Outage(false)
		answered, late, lost := 0, 0, 0
		for range sends {
			switch err := <-results; {
			case err == nil:
				answered++
			case errors.Is(err, context.DeadlineExceeded):
				late++
			case actors.Sent(err):
				lost++
			default:
				t.Errorf("outcome: %v", err)
			}
		}
		t.Logf("%d answered, %d past their deadline, %d written and not answered", answered, late, lost)
		if answered == 0 || late == 0 {
			t.Error("both kinds of outcome were expected")
		}
		g.RequireNoViolations(t)
	})
}

// wantResumed asserts that all shards are back by resumes alone.
func wantResumed(t *testing.T, g *gatewaytest.Server, m *shardmanager.Manager, resumes int) {
	t.Helper()
	s := g.Stats()
	if s.Resumes != resumes || s.Identifies != len(m.Status().Shards) || m.Status().Ready() != len(m.Status().Shards) {
		t.Errorf("identifies %d, resumes %d (want %d), ready %d", s.Identifies, s.Resumes, resumes, m.Status().Ready())
	}
	g.RequireNoViolations(t)
}
