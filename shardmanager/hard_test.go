package shardmanager_test

import (
	"context"
	"errors"
	"flag"
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
