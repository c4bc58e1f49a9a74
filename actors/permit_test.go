package actors_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestShardThatCrashesWithAPermitGivesItBack, since nothing was written: the next need not wait for an interval.
func TestShardThatCrashesWithAPermitGivesItBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		armed.Store(true)
		var limiter *observed
		h := newFleet(t, func(cfg *actors.SupervisorConfig) {
			limiter = observe(cfg, 1, func(string) {})
			cfg.ShardProps = onShards(func(message string) {
				if message == "actors.granted" && armed.CompareAndSwap(true, false) {
					panic("a bug in the shard")
				}
			})
		})
		h.ask(actors.StartShards{Total: 2})
		pass(400 * time.Millisecond)
		if q := limiter.stats(); q.Spent != 1 || h.status().Ready() != 1 {
			t.Errorf("%d are ready, %+v", h.status().Ready(), q)
		}
		pass(time.Minute)
		if q := limiter.stats(); q.Spent != 2 || q.Outstanding != 0 || h.status().Ready() != 2 {
			t.Errorf("in the end %d are ready, %+v", h.status().Ready(), q)
		}
		h.gateway.RequireNoViolations(t)
	})
}

// TestPermitThatHasExpiredIsNotUsed: the shard was busy, and asks for another.
func TestPermitThatHasExpiredIsNotUsed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		armed.Store(true)
		var limiter *observed
		h := newFleet(t, func(cfg *actors.SupervisorConfig) {
			limiter = observe(cfg, 1, func(string) {})
			cfg.ShardProps = onShards(func(message string) {
				if message == "actors.granted" && armed.CompareAndSwap(true, false) {
					time.Sleep(31 * time.Second)
				}
			})
		})
		h.ask(actors.StartShards{Total: 1})
		pass(32 * time.Second)
		if s := h.gateway.Stats(); s.Identifies != 0 {
			t.Errorf("%d Identifies by a permit that had expired", s.Identifies)
		}
		pass(10 * time.Second)
		if q := limiter.stats(); h.gateway.Stats().Identifies != 1 || h.status().Ready() != 1 || q.Spent != 2 || q.Outstanding != 0 || h.gateway.Stats().Connections != 1 {
			t.Errorf("%d Identifies, %+v, %+v", h.gateway.Stats().Identifies, q, h.status())
		}
		h.gateway.RequireNoViolations(t)
	})
}

// TestEachPermitIsWrittenOrComesBack: sends that are cancelled, whose deadlines pass, or that are refused, cost nothing.
func TestEachPermitIsWrittenOrComesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var c calls
		h := newFleet(t, func(cfg *actors.SupervisorConfig) {
			observe(cfg, 1, c.count)
			cfg.ShardProps = onShards(func(message string) {
				if message == "actors.admitted" {
					time.Sleep(10 * time.Millisecond) // in which some leave
				}
			})
		})
		h.start(1)
		client := h.sendsTo(0)
		var all sync.WaitGroup
		for n := range 100 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(5*n)*time.Millisecond)
				defer cancel()
				if n%2 == 0 {
					ctx, cancel = context.WithCancel(t.Context())
					defer cancel()
					time.AfterFunc(time.Duration(5*n)*time.Millisecond, cancel)
				}
				_, err := events.Heartbeat{}.SendEvent(ctx, client)
				_ = err // either is right
			})
		}
		all.Wait()
		pass(2 * time.Second)
		taken, wrote, returned := c.of("Take"), c.of("Wrote"), c.of("Return")
		if wrote == 0 || returned == 0 || taken != wrote+returned {
			t.Errorf("of %d permits %d were written, and %d came back", taken, wrote, returned)
		}
		h.gateway.RequireNoViolations(t)
	})
}

// TestListThatIsRefusedCostsNoPermit: the gateway would not send a guild's whole member list again so soon.
func TestListThatIsRefusedCostsNoPermit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var c calls
		h := newFleet(t, func(cfg *actors.SupervisorConfig) {
			observe(cfg, 1, c.count)
			cfg.Identify.Intents |= events.IntentGuildMembers
		})
		h.start(1)
		client := h.sendsTo(0)
		guild := gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)
		for n := range 3 {
			_, err := events.RequestGuildMembers{GuildID: guild, Query: events.Ptr(""), Limit: events.Ptr(0)}.SendEvent(t.Context(), client)
			var limited *events.RateLimitedError
			if errors.As(err, &limited) != (n > 0) {
				t.Errorf("list %d: %v", n, err)
			}
		}
		pass(time.Second)
		if wrote, returned := c.of("Wrote"), c.of("Return"); wrote != 1 || returned != 2 {
			t.Errorf("%d permits were written, and %d came back", wrote, returned)
		}
	})
}
