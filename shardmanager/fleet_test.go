package shardmanager_test

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
	"github.com/signalbox-go/signalbox/shardmanager"
)

// Failures: F28.
func TestThousandShardsStartInTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const shards, keys = 1000 / sizes, 16
		g := newGateway(t, gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(keys), gatewaytest.WithSessionStarts(2000, 2000, 24*time.Hour))
		m := newManager(t, g, shardmanager.WithCompression(events.CompressionNone))
		began := time.Now()
		start(t, m)
		rounds := (shards+keys-1)/keys - 1 // the first needs no wait
		took, floor := time.Since(began), time.Duration(rounds+1)*5*time.Second
		t.Logf("%d shards at max_concurrency %d: ready after %v, which is %.3f × %v", shards, keys, took, took.Seconds()/floor.Seconds(), floor)
		if took > floor*106/100 {
			t.Errorf("ready after %v, want at most 1.06 × %v", took, floor)
		}
		if s := g.Stats(); s.Identifies != shards {
			t.Errorf("%d identifies, want %d", s.Identifies, shards)
		}
		g.RequireNoViolations(t)
	})
}

// Failures: F81.
func TestFiveThousandSendsStayWithinTheLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const sends = 5000
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g, shardmanager.WithQueueLimit(sends))
		start(t, m)
		guild := gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)
		var times []time.Time
		var mu sync.Mutex
		g.OnFrame(func(f gatewaytest.Frame) bool {
			mu.Lock()
			defer mu.Unlock()
			times = append(times, f.At)
			return false
		})
		var all sync.WaitGroup
		var failed atomic.Int64
		for range sends {
			all.Go(func() {
				_, err := events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}}.SendEvent(t.Context(), m)
				if err != nil {
					failed.Add(1)
				}
			})
		}
		all.Wait()
		most := 0
		for i, from := 0, 0; i < len(times); i++ {
			for times[i].Sub(times[from]) >= time.Minute {
				from++
			}
			most = max(most, i-from+1)
		}
		minutes := times[len(times)-1].Sub(times[0]).Minutes()
		t.Logf("%d sends: most frames in any 60 s: %d; %.1f sends a minute over %.1f minutes", sends, most, sends/minutes, minutes)
		if failed.Load() > 0 {
			t.Errorf("%d sends failed", failed.Load())
		}
		if most > 120 || most < 115 || sends/minutes < 114.5 {
			t.Errorf("most in a minute: %d, want 115 to 120; %.1f a minute", most, sends/minutes)
		}
		g.RequireNoViolations(t)
	})
}

// Failures: F53, F54.
func TestHeartbeatsAreNotStarvedBySendsOrHandlers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(8), gatewaytest.WithMaxConcurrency(8), gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g, shardmanager.WithIntents(events.IntentGuilds))
		blocked, release := context.WithCancel(t.Context())
		shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) { <-blocked.Done() })
		start(t, m)
		var sends sync.WaitGroup
		ctx, stop := context.WithCancel(t.Context())
		for shard := range 8 {
			guild := gatewaytest.GuildOf(events.ShardID{Index: shard, Total: 8}, 0)
			for range 500 {
				sends.Go(func() {
					_, _ = events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}}.SendEvent(ctx, m) // cancelled below
				})
			}
		}
		pass(30 * time.Minute)
		s := g.Stats()
		t.Logf("30 minutes, buckets empty, every handler blocked: %d heartbeats, the latest %v late; %d connections for 8 shards",
			s.Heartbeats, s.Lateness, s.Connections)
		if s.Lateness > time.Millisecond || s.Heartbeats < 8*40 {
			t.Errorf("%d heartbeats, the latest %v late", s.Heartbeats, s.Lateness)
		}
		if s.Connections != 8 {
			t.Errorf("%d connections, want 8: one of them was given up", s.Connections)
		}
		g.RequireNoViolations(t)
		stop()
		sends.Wait()
		release()
	})
}

func TestOutageCostsNoIdentify(t *testing.T) {
	for _, outage := range []time.Duration{2 * time.Second, 10 * time.Minute} {
		t.Run(outage.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				const shards = 1000 / sizes
				g := newGateway(t, gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(shards),
					gatewaytest.WithSessionStarts(5000, 5000, 24*time.Hour), gatewaytest.WithResumeTimeout(time.Hour))
				m := newManager(t, g, shardmanager.WithCompression(events.CompressionNone))
				start(t, m)
				g.Outage(true)
				pass(outage)
				g.Outage(false)
				healed := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				if err := m.WaitReady(ctx); err != nil {
					t.Fatal(err)
				}
				s := g.Stats()
				t.Logf("outage of %v, %d shards: %d identifies more, %d resumes, all ready %v after", outage, shards, s.Identifies-shards, s.Resumes, time.Since(healed))
				if s.Identifies != shards || s.Resumes != shards {
					t.Errorf("identifies %d, resumes %d, want %d each", s.Identifies, s.Resumes, shards)
				}
				if took := time.Since(healed); took > time.Minute {
					t.Errorf("the last shard was back after %v", took)
				}
				g.RequireNoViolations(t)
			})
		})
	}
}

func TestCrashedActorResumesAndTouchesNoOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(4), gatewaytest.WithMaxConcurrency(4))
		m := newManager(t, g)
		var last, count [4]atomic.Int64
		shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, at events.Meta) {
			if at.Seq != last[at.Shard.Index].Swap(at.Seq)+1 {
				t.Errorf("shard %v: sequence %d is out of order", at.Shard, at.Seq)
			}
			count[at.Shard.Index].Add(1)
		})
		start(t, m)
		for range 3 {
			m.System().Root.Send(m.Supervisor(), actors.CrashShard{Key: shardKey(m, 2)})
			for range 100 {
				g.Shard(2).Dispatch("MESSAGE_CREATE", map[string]any{"id": "1"})
				pass(100 * time.Millisecond)
			}
		}
		pass(time.Minute)
		s, status := g.Stats(), m.Status()
		if s.Identifies != 4 || s.Resumes != 3 || s.Connections != 7 {
			t.Errorf("identifies %d, resumes %d, connections %d, want 4, 3 and 7", s.Identifies, s.Resumes, s.Connections)
		}
		if status.Ready() != 4 || status.Shards[2].Crashes != 3 {
			t.Errorf("status: %+v", status)
		}
		if got, want := count[2].Load(), g.Shard(2).Seq(); got != want {
			t.Errorf("shard 2 delivered %d events of %d", got, want)
		}
		g.RequireNoViolations(t)
	})
}

// Failures: F142.
func TestCrashLoopIsQuarantined(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(3), gatewaytest.WithMaxConcurrency(3), gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g)
		start(t, m)
		for range 10 {
			m.System().Root.Send(m.Supervisor(), actors.CrashShard{Key: shardKey(m, 1)})
			pass(15 * time.Second)
		}
		status := m.Status()
		if !status.Shards[1].Quarantined || !errors.Is(status.Shards[1].Cause, actors.ErrQuarantined) || status.Ready() != 2 {
			t.Errorf("status: %+v", status)
		}
		guild := gatewaytest.GuildOf(events.ShardID{Index: 1, Total: 3}, 0)
		_, err := events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}}.SendEvent(t.Context(), m)
		if !errors.Is(err, actors.ErrQuarantined) {
			t.Errorf("send to a quarantined shard: %v", err)
		}
		if err := m.WaitReady(t.Context()); !errors.Is(err, actors.ErrQuarantined) {
			t.Errorf("WaitReady: %v", err)
		}
		if s := g.Stats(); s.Connections != 3+4 || s.Identifies != 3 {
			t.Errorf("connections %d, identifies %d, want 7 and 3", s.Connections, s.Identifies)
		}
		// An operator starts it again.
		if err := m.Restart(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if m.Status().Ready() != 3 {
			t.Errorf("after Restart: %+v", m.Status())
		}
		g.RequireNoViolations(t)
	})
}
