package shardmanager_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestPanicWhileAnsweringAnswersTheAsker: the supervisor crashes on a message, answers, and goes on.
// Failures: F94.
func TestSupervisorGoesOnAfterACrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		var armed atomic.Bool
		m := newManager(t, g, crashesOn(&armed, "*actors.request"))
		start(t, m)
		guild := gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)
		ask := func() error {
			_, err := events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}}.SendEvent(t.Context(), m)
			return err
		}
		armed.Store(true)
		began := time.Now()
		if err := ask(); !errors.Is(err, actors.ErrCrashed) || time.Since(began) > time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if err := ask(); err != nil {
			t.Errorf("the next send: %v", err)
		}
		if s := g.Stats(); s.Connections != 1 {
			t.Errorf("%d connections: the shard should not have noticed", s.Connections)
		}
	})
}

// TestSupervisorLooksAtWhatWaitsAfterACrash: the crash takes along the tick for which another shard's send waits.
//
// Failures: F94.
func TestSupervisorLooksAtWhatWaitsAfterACrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
		limiter := &laterLimiter{RateLimiter: ratelimit.Local(ratelimit.SessionStart{}), from: [2]time.Time{time.Now().Add(time.Minute), time.Now().Add(2 * time.Minute)}}
		var armed atomic.Bool
		m := newManager(t, g, shardmanager.WithRateLimiter(limiter), crashesOn(&armed, "actors.dueTick"))
		start(t, m)
		pass(30 * time.Second) // until nothing else is due
		armed.Store(true)
		var took [2]time.Duration
		var all sync.WaitGroup
		began := time.Now()
		for shard := range 2 {
			all.Go(func() {
				if _, err := (events.Heartbeat{}).SendEvent(t.Context(), m.Shard(shard)); err != nil {
					t.Errorf("shard %d: %v", shard, err)
				}
				took[shard] = time.Since(began)
			})
		}
		all.Wait()
		if took[0] > time.Minute+time.Second || took[1] > 2*time.Minute+time.Second || armed.Load() {
			t.Errorf("answered after %v; still armed: %v", took, armed.Load())
		}
	})
}

// laterLimiter gives permits from some time on.
type laterLimiter struct {
	ratelimit.RateLimiter
	from [2]time.Time
}

func (l *laterLimiter) Connection(shard ratelimit.Shard, heartbeat time.Duration) ratelimit.Bucket {
	return &laterBucket{l.RateLimiter.Connection(shard, heartbeat), l, shard.Index}
}

type laterBucket struct {
	ratelimit.Bucket
	limiter *laterLimiter
	shard   int
}

func (b *laterBucket) Take(now time.Time) (bool, time.Time) {
	if from := b.limiter.from[b.shard]; now.Before(from) {
		return false, from
	}
	return b.Bucket.Take(now)
}

func TestCrashAnswersWhatWasWritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g)
		start(t, m)
		g.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == events.OpRequestGuildMembers })
		guild := gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)
		result := make(chan error, 1)
		go func() {
			_, err := events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}}.SendEvent(t.Context(), m)
			result <- err
		}()
		pass(time.Second)
		m.System().Root.Send(m.Supervisor(), actors.CrashShard{Key: shardKey(m, 0)})
		began := time.Now()
		if err := <-result; !errors.Is(err, session.ErrConnectionLost) || !actors.Sent(err) || time.Since(began) > 2*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}
