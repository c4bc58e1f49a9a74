package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// askMember asks for one member of the first guild of shard 0 of 1.
func askMember(ctx context.Context, to events.Sender, nonce string) error {
	_, err := events.RequestGuildMembers{GuildID: aGuild, UserIDs: []events.Snowflake{1}, Nonce: nonce}.SendEvent(ctx, to)
	return err
}

// TestSendsOfOneCallerKeepTheirOrder: what one actor asks for goes out in the order it asked, over the
// limit's edge and over a reconnect.
// Failures: F81.
func TestSendsOfOneCallerKeepTheirOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g)
		start(t, m)
		const sends = 300
		asker := m.System().Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*actor.Started); ok {
				for i := range sends {
					ctx.Request(m.Supervisor(), actors.SendEvent{ID: uint64(i), Op: events.OpRequestGuildMembers,
						Data: fmt.Appendf(nil, `{"guild_id":"%d","user_ids":["1"],"nonce":"n%03d"}`, aGuild, i)})
				}
			}
		}))
		pass(time.Minute)
		g.Shard(0).Drop()
		pass(10 * time.Minute)
		m.System().Root.Stop(asker)
		pass(time.Second)
		var order []string
		for _, f := range g.Frames(0) {
			if f.Op == events.OpRequestGuildMembers {
				request, err := events.ParseRequest(f.Op, f.Data)
				if err != nil {
					t.Fatal(err)
				}
				order = append(order, request.Nonce)
			}
		}
		if len(order) != sends || !slices.IsSorted(order) {
			t.Errorf("%d of %d, sorted %v", len(order), sends, slices.IsSorted(order))
		}
		g.RequireNoViolations(t)
	})
}

// TestAnswerInTheReplayReachesItsCaller: the connection ends between the request and its answer, which the
// Resume brings. Nothing is asked for twice.
// Failures: F85.
func TestAnswerInTheReplayReachesItsCaller(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g)
		start(t, m)
		g.OnFrame(func(f gatewaytest.Frame) bool {
			if f.Op != events.OpRequestGuildMembers {
				return false
			}
			g.Shard(0).Drop()
			g.Shard(0).Dispatch("GUILD_MEMBERS_CHUNK", map[string]any{
				"guild_id": aGuild, "nonce": "kept", "members": []any{}, "chunk_index": 0, "chunk_count": 1,
			})
			return true
		})
		if err := askMember(t.Context(), m, "kept"); err != nil {
			t.Errorf("the answer came with the replay: %v", err)
		}
		pass(time.Minute)
		if n := counted(g, 0, events.OpRequestGuildMembers); n != 1 {
			t.Errorf("asked %d times", n)
		}
		wantResumed(t, g, m, 1)
	})
}

// TestSendsWaitForTheReconnectAsLongAsTheirContexts: they wait as long as their contexts, and so many as the queue holds.
// Failures: F86.
func TestSendsWaitForTheReconnectAsLongAsTheirContexts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1), gatewaytest.WithResumeTimeout(time.Hour))
		m := newManager(t, g, shardmanager.WithQueueLimit(3))
		start(t, m)
		g.Outage(true)
		pass(time.Second)
		brief, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		waiting := make(chan error, 3)
		for i := range 3 {
			ctx := t.Context()
			if i == 0 {
				ctx = brief
			}
			go func() { waiting <- askMember(ctx, m, "") }()
		}
		synctest.Wait()
		begun := time.Now()
		if err := askMember(t.Context(), m, ""); !errors.Is(err, actors.ErrQueueFull) || time.Since(begun) > 0 {
			t.Errorf("one too many: %v after %v", err, time.Since(begun))
		}
		if err := <-waiting; !errors.Is(err, context.DeadlineExceeded) || actors.Sent(err) || time.Since(begun) > 10*time.Second+50*time.Millisecond {
			t.Errorf("the brief one: %v after %v", err, time.Since(begun))
		}
		pass(time.Minute)
		g.Outage(false)
		for range 2 {
			if err := <-waiting; err != nil {
				t.Errorf("one that waited: %v", err)
			}
		}
		if n := counted(g, 0, events.OpRequestGuildMembers); n != 2 {
			t.Errorf("the gateway was asked %d times", n)
		}
		wantResumed(t, g, m, 1)
	})
}

// TestAnHourAtTheLimitAnswersAll: 10,000 wait at once. All are answered, a hundred of them at once, and
// in every minute of the first hour 110 or more.
// Failures: F81, F92.
func TestAnHourAtTheLimitAnswersAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const sends = 10_000
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g, shardmanager.WithQueueLimit(sends))
		start(t, m)
		begun := time.Now()
		var minutes [120]int
		burst := 0
		g.OnFrame(func(f gatewaytest.Frame) bool { // one call at a time
			if f.Op == events.OpRequestGuildMembers {
				minutes[int(f.At.Sub(begun)/time.Minute)]++
				if f.At.Sub(begun) < time.Second {
					burst++
				}
			}
			return false
		})
		var all sync.WaitGroup
		var failed atomic.Int64
		for range sends {
			all.Go(func() {
				if askMember(t.Context(), m, "") != nil {
					failed.Add(1)
				}
			})
		}
		all.Wait()
		hour := 0
		for _, n := range minutes[:60] {
			hour += n
		}
		if failed.Load() != 0 || burst < 100 || hour < 60*110 || slices.Min(minutes[:60]) < 100 {
			t.Errorf("%d failed, %d at once, %d in the first hour: %v", failed.Load(), burst, hour, minutes)
		}
		g.RequireNoViolations(t)
	})
}

// TestFloodOfOneShardDelaysNoOther: thousands wait for one shard, and another's sends do not notice.
// Failures: F93.
func TestFloodOfOneShardDelaysNoOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
		m := newManager(t, g, shardmanager.WithQueueLimit(5000))
		start(t, m)
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 5000 {
			all.Go(func() { _, _ = events.Heartbeat{}.SendEvent(ctx, m.Shard(0)) }) // cancelled below
		}
		pass(time.Second)
		for range 200 {
			beat, err := events.Heartbeat{}.SendEvent(t.Context(), m.Shard(1))
			if err != nil || beat.Queued+beat.RoundTrip > time.Millisecond {
				t.Fatalf("queued %v, round trip %v, %v", beat.Queued, beat.RoundTrip, err)
			}
			pass(time.Second)
		}
		if status, _ := m.Shard(0).Status(); status.Waiting < 4000 {
			t.Errorf("%d wait: that is no flood", status.Waiting)
		}
		stop()
		all.Wait()
		g.RequireNoViolations(t)
	})
}

// TestSupervisorCrashLeavesNoSendWithoutAnOutcome: each caller is told within a second or answered in
// the end, and the bucket is not filled anew.
// Failures: F94.
func TestSupervisorCrashLeavesNoSendWithoutAnOutcome(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		var armed atomic.Bool
		m := newManager(t, g, crashesOn(&armed, "*actors.request"))
		start(t, m)
		for range 100 {
			if err := askMember(t.Context(), m, ""); err != nil {
				t.Fatal(err)
			}
		}
		armed.Store(true)
		const sends = 200
		results := make(chan error, sends)
		begun := time.Now()
		for range sends {
			go func() { results <- askMember(t.Context(), m, "") }()
		}
		answered, crashed := 0, 0
		for range sends {
			switch err := <-results; {
			case err == nil:
				answered++
			case errors.Is(err, actors.ErrCrashed) && time.Since(begun) <= time.Second:
				crashed++
			default:
				t.Errorf("after %v: %v", time.Since(begun), err)
			}
		}
		if answered+crashed != sends || crashed == 0 {
			t.Errorf("%d answered, %d told of the crash", answered, crashed)
		}
		for frames, i, from := g.Frames(0), 0, 0; i < len(frames); i++ {
			for frames[i].At.Sub(frames[from].At) >= time.Minute {
				from++
			}
			if i-from+1 > 120 {
				t.Fatalf("%d frames within a minute", i-from+1)
			}
		}
		if n := g.Stats().Connections; n != 1 {
			t.Errorf("%d connections", n)
		}
		g.RequireNoViolations(t)
	})
}

// TestNewConnectionHasAFullBucket: it is full again, but for what the session itself needs of it.
// Failures: F95.
func TestNewConnectionHasAFullBucket(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g)
		start(t, m)
		for round := range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
			sent := 0
			for askMember(ctx, m, "") == nil {
				sent++
			}
			cancel()
			if sent < 110 || sent > 118 {
				t.Errorf("round %d: %d sent on one connection within 40 s", round, sent)
			}
			g.Shard(0).Drop()
			pass(15 * time.Second)
		}
		g.RequireNoViolations(t)
	})
}
