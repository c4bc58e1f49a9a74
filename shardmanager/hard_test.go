package shardmanager_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
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

// TestBurstAcrossAWindowsBoundary sends 260 commands late in the first minute: limiters whose
// window restarts at its own boundary let nearly twice the limit through.
// Failures: F81.
func TestBurstAcrossAWindowsBoundary(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g)
		start(t, m)
		pass(50 * time.Second)
		var all sync.WaitGroup
		for range 260 {
			all.Go(func() {
				guild := gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)
				if _, err := (events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}}).SendEvent(t.Context(), m); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		frames, most := g.Frames(0), 0
		for i, from := 0, 0; i < len(frames); i++ {
			for frames[i].At.Sub(frames[from].At) >= time.Minute {
				from++
			}
			most = max(most, i-from+1)
		}
		if most > 120 {
			t.Errorf("%d frames within 60 s", most)
		}
		g.RequireNoViolations(t)
	})
}

// TestSendWhileResumingGoesOutAfterwards: it waits for RESUMED, and not for a READY that does not come.
// Failures: F103.
func TestSendWhileResumingGoesOutAfterwards(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g)
		start(t, m)
		g.Shard(0).Drop()
		pass(time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		guild := gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)
		reply, err := events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}}.SendEvent(ctx, m)
		if err != nil || reply.Queued == 0 {
			t.Errorf("queued %v, %v", reply.Queued, err)
		}
		wantResumed(t, g, m, 1)
	})
}

// slowStore takes its time, or fails.
type slowStore struct {
	session.Store
	broken atomic.Bool
}

func (s *slowStore) Save(ctx context.Context, all ...session.Snapshot) error {
	time.Sleep(5 * time.Second)
	if s.broken.Load() {
		return errors.New("the disk is full")
	}
	return s.Store.Save(context.WithoutCancel(ctx), all...)
}

// Failures: F107.
func TestSlowStoreDelaysNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		t.Cleanup(func() { pass(10 * time.Second) }) // Close leaves the store behind
		store := &slowStore{Store: session.NewMemoryStore()}
		m := newManager(t, g, shardmanager.WithSessionStore(store))
		var n, disorder int
		var slowest time.Duration
		shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, at events.Meta) {
			n++
			if at.Seq != int64(n) {
				disorder++
			}
			slowest = max(slowest, time.Since(at.Received))
		})
		start(t, m)
		for i := range 1000 {
			store.broken.Store(i < 500)
			g.Shard(0).Dispatch("X", i)
			pass(100 * time.Millisecond)
		}
		pass(time.Minute)
		if n != 1001 || disorder != 0 || slowest > 0 {
			t.Errorf("%d events, %d out of order, the slowest after %v", n, disorder, slowest)
		}
		saved, err := store.Load(t.Context(), events.ShardID{Total: 1})
		if err != nil || saved.Seq != 1001 {
			t.Errorf("saved: %v, %v", saved, err)
		}
	})
}

// TestWatermarkWaitsForHandlers: what was not handled when the process ended comes again.
// Failures: F104, F121.
func TestWatermarkWaitsForHandlers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := session.NewMemoryStore()
		first := newManager(t, g, shardmanager.WithSessionStore(store))
		stuck, release := context.WithCancel(t.Context())
		shardmanager.OnRaw(first, func(_ context.Context, raw events.Raw, at events.Meta) {
			if at.Seq == 5 {
				<-stuck.Done()
			}
		})
		start(t, first)
		for i := range 9 {
			g.Shard(0).Dispatch("X", i) // sequences 2 to 10
		}
		pass(time.Minute)
		closeNow(t, first)
		release()
		saved, err := store.Load(t.Context(), events.ShardID{Total: 1})
		if err != nil || saved.Seq != 4 {
			t.Fatalf("saved %v, %v, want sequence 4", saved, err)
		}
		second := newManager(t, g, shardmanager.WithSessionStore(store))
		var got []int64
		shardmanager.OnRaw(second, func(_ context.Context, raw events.Raw, at events.Meta) { got = append(got, at.Seq) })
		start(t, second)
		pass(time.Second)
		if fmt.Sprint(got) != "[5 6 7 8 9 10 11]" {
			t.Errorf("after the restart: %v", got)
		}
	})
}

// Failures: F51.
func TestSilentGatewayIsGivenUp(t *testing.T) {
	for name, silence := range map[string]func(gatewaytest.Script){
		"no ACK":        func(s gatewaytest.Script) { s.MuteAcks(true) },
		"nothing moves": func(s gatewaytest.Script) { s.Freeze(true) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				m := newManager(t, g)
				start(t, m)
				pass(3 * time.Minute)
				silence(g.Shard(0))
				began := time.Now()
				for change := range m.Watch(t.Context()) {
					if change.To == session.Backoff {
						break
					}
				}
				if took := time.Since(began); took > 41250*time.Millisecond+15*time.Second {
					t.Errorf("it took %v", took)
				}
				pass(2 * time.Minute)
				wantResumed(t, g, m, 1)
			})
		})
	}
}

// TestSlowHandlerStopsTheReaderAndNotTheHeart: 100,000 events against a handler that takes a
// millisecond for each. What waits is bounded, and the connection lives.
//
// Failures: F54, F138.
func TestSlowHandlerStopsTheReaderAndNotTheHeart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		var n atomic.Int64
		shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, at events.Meta) {
			n.Add(1)
			time.Sleep(time.Millisecond)
		})
		start(t, m)
		const sent = 100_000
		for i := range sent {
			g.Shard(0).Dispatch("X", i)
		}
		most := int64(0)
		for n.Load() < sent+1 {
			pass(time.Second)
			status, _ := m.Shard(0).Status()
			most = max(most, status.Seq-n.Load())
		}
		if most > 4096+200 {
			t.Errorf("%d events waited for the handler", most)
		}
		if s := g.Stats(); s.Connections != 1 || s.Lateness > 0 {
			t.Errorf("connections %d, lateness %v", s.Connections, s.Lateness)
		}
		g.RequireNoViolations(t)
	})
}

var cutFrames = flag.Int("cut.frames", 6, "how many events the stream has that is cut at each of its bytes")

// TestCutAtEveryByteLosesNothing: wherever in a stream of events the connection ends, each event is delivered once, in order.
//
// Failures: F27, F77, F78, F80, F96, F102.
func TestCutAtEveryByteLosesNothing(t *testing.T) {
	for _, compression := range []events.Compression{events.CompressionNone, events.CompressionPayload, events.CompressionZlib, events.CompressionZstd} {
		t.Run(string(compression), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithResumeTimeout(time.Hour), gatewaytest.WithReplayBuffer(1000))
				m := newManager(t, g, shardmanager.WithCompression(compression))
				var last, n int64
				var disorder int
				shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, at events.Meta) {
					if at.Seq != last+1 {
						disorder++
					}
					last = at.Seq
					n++
				})
				start(t, m)
				random, cuts := rand.New(rand.NewPCG(1, 2)), 0
				for cut := int64(1); ; cut++ {
					before := g.Stats().Connections
					g.Shard(0).CutAt(cut)
					for range *cutFrames {
						g.Shard(0).Dispatch("X", strconv.FormatUint(random.Uint64(), 36))
					}
					pass(time.Second) // it is over before a heartbeat could be what is cut
					if g.Stats().Connections == before && g.Shard(0).Live() {
						break
					}
					cuts++
					pass(time.Minute)
				}
				t.Logf("%s: %d events, cut at each of %d bytes: %d delivered", compression, *cutFrames, cuts, n)
				if seq := g.Shard(0).Seq(); disorder != 0 || n != seq {
					t.Errorf("%d of %d events, %d out of order", n, seq, disorder)
				}
				if s := g.Stats(); s.Identifies != 1 || s.Resumes != cuts || cuts < 15**cutFrames {
					t.Errorf("identifies %d, resumes %d, cuts %d", s.Identifies, s.Resumes, cuts)
				}
				g.RequireNoViolations(t)
			})
		})
	}
}

// Failures: F148.
func TestHostileResumeURLGetsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := session.NewMemoryStore()
		first := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, first)
		pass(10 * time.Second)
		closeNow(t, first)
		saved, err := store.Load(t.Context(), events.ShardID{Total: 1})
		if err != nil {
			t.Fatal(err)
		}
		saved.ResumeURL = "wss://gateway.discord.gg@evil.example"
		if err := store.Save(t.Context(), saved); err != nil {
			t.Fatal(err)
		}
		var strange atomic.Int64
		m := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			if strings.Contains(addr, "evil") {
				strange.Add(1)
			}
			return g.DialContext(ctx, network, addr)
		}))
		start(t, m)
		if s := g.Stats(); strange.Load() != 0 || s.Resumes != 1 || s.Identifies != 1 {
			t.Errorf("%d dials of a stranger, resumes %d, identifies %d", strange.Load(), s.Resumes, s.Identifies)
		}
	})
}

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

// TestRefusedPayloadIsBlamedAndNotRepeated: close codes 4001 and 4002 right after a write are how
// the gateway says that it could not read it.
func TestRefusedPayloadIsBlamedAndNotRepeated(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g)
		start(t, m)
		var asked atomic.Int64
		g.OnFrame(func(f gatewaytest.Frame) bool {
			if f.Op == events.OpRequestGuildMembers {
				asked.Add(1)
				g.Shard(0).Close(events.CloseUnknownOpcode)
				return true
			}
			return false
		})
		guild := gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)
		began := time.Now()
		_, err := events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}}.SendEvent(t.Context(), m)
		var closed *session.CloseError
		var failed *actors.SendError
		if !errors.As(err, &closed) || closed.Code != events.CloseUnknownOpcode || !errors.As(err, &failed) || failed.Stage != actors.Denied || failed.Retryable() {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		pass(time.Minute)
		if asked.Load() != 1 {
			t.Errorf("it was written %d times", asked.Load())
		}
		wantResumed(t, g, m, 1)
	})
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
