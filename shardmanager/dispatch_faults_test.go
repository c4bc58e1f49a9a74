package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestRepeatedSequenceIsDeliveredOnce: live, and where a replay begins too early.
// Failures: F65.
func TestRepeatedSequenceIsDeliveredOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		var got seen
		shardmanager.OnRaw(m, got.handle)
		start(t, m)
		for range 4 { // 2 to 5
			g.Shard(0).Dispatch("X", 1)
		}
		again := func(conn int) {
			for seq := 2; seq <= 5; seq++ {
				g.SendTo(conn, fmt.Appendf(nil, `{"op":0,"t":"X","s":%d,"d":1}`, seq))
			}
		}
		again(1)
		pass(time.Second)
		g.OnFrame(func(f gatewaytest.Frame) bool {
			if f.Op == events.OpResume {
				again(f.Conn)
			}
			return false
		})
		g.Shard(0).Drop()
		g.Shard(0).Dispatch("X", 1) // 6
		pass(time.Minute)
		if want := []int64{1, 2, 3, 4, 5, 6, 7}; !slices.Equal(got.seqs, want) {
			t.Errorf("handled %v", got.seqs)
		}
		if status, _ := m.Shard(0).Status(); status.Odd != 8 {
			t.Errorf("%d oddities were counted, want 8", status.Odd)
		}
		wantResumed(t, g, m, 1)
	})
}

// TestGapIsCountedAndWhatFollowsIsDelivered: what comes after a gap is delivered, in order; the gap is counted and logged.
// Failures: F66.
func TestGapIsCountedAndWhatFollowsIsDelivered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log syncBuffer
		core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewDevelopmentEncoderConfig()), &log, zap.WarnLevel)
		g := newGateway(t)
		m := newManager(t, g, shardmanager.WithLogger(zap.New(core)))
		var got seen
		shardmanager.OnRaw(m, got.handle)
		start(t, m)
		for _, seq := range []int{2, 5, 6} {
			g.Shard(0).SendRaw(fmt.Appendf(nil, `{"op":0,"t":"X","s":%d,"d":1}`, seq))
		}
		pass(time.Second)
		if want := []int64{1, 2, 5, 6}; !slices.Equal(got.seqs, want) {
			t.Errorf("handled %v", got.seqs)
		}
		status, _ := m.Shard(0).Status()
		if status.Odd != 1 || !strings.Contains(log.String(), "sequence 5 follows 2") || g.Stats().Connections != 1 {
			t.Errorf("%d oddities were counted; logged: %s", status.Odd, log.String())
		}
	})
}

// TestLongReplayComesInOrderAndBounded: 100,000 events were missed. They come in order, each once, no more of them
// than the queue holds wait for a slow handler, and the heart beats.
// Failures: F67.
func TestLongReplayComesInOrderAndBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const missed = 100_000 / sizes
		g := newGateway(t)
		m := newManager(t, g)
		var last, disorder atomic.Int64
		shardmanager.OnRaw(m, func(_ context.Context, _ events.Raw, at events.Meta) {
			if last.Swap(at.Seq) != at.Seq-1 {
				disorder.Add(1)
			}
			if at.Seq%100 == 0 {
				time.Sleep(100 * time.Millisecond)
			}
		})
		start(t, m)
		g.Shard(0).Drop()
		for i := range missed {
			g.Shard(0).Dispatch("X", i)
		}
		most := int64(0)
		for range 300 {
			pass(time.Second)
			status, _ := m.Shard(0).Status()
			most = max(most, status.Seq-last.Load())
		}
		if last.Load() != missed+2 || disorder.Load() != 0 || most > 4096+200 {
			t.Errorf("up to %d, %d out of order, at most %d waited", last.Load(), disorder.Load(), most)
		}
		if s := g.Stats(); s.Connections != 2 || s.Lateness > 0 {
			t.Errorf("connections %d, lateness %v", s.Connections, s.Lateness)
		}
		wantResumed(t, g, m, 1)
	})
}

// panics keeps what the panic hook is given.
type panics struct{ all []shardmanager.HandlerPanic }

func (p *panics) OnHandlerPanic(h shardmanager.HandlerPanic) { p.all = append(p.all, h) }

// TestHandlerPanicIsReportedWithoutThePayload: it is reported with the shard, type and sequence, and without the payload.
// Failures: F71.
func TestHandlerPanicIsReportedWithoutThePayload(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log syncBuffer
		core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewDevelopmentEncoderConfig()), &log, zap.DebugLevel)
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
		var told panics
		m := newManager(t, g, shardmanager.WithHooks(&told), shardmanager.WithLogger(zap.New(core)))
		var other, same seen
		shardmanager.OnRaw(m, func(ctx context.Context, raw events.Raw, at events.Meta) {
			if at.Shard.Index == 1 {
				other.handle(ctx, raw, at)
			} else if same.handle(ctx, raw, at); at.Seq == 3 {
				panic("boom")
			}
		})
		start(t, m)
		for range 3 {
			for shard := range 2 {
				g.Shard(shard).Dispatch("X", "private words")
			}
		}
		pass(time.Second)
		want := []int64{1, 2, 3, 4}
		if !slices.Equal(same.seqs, want) || !slices.Equal(other.seqs, want) || g.Stats().Connections != 2 {
			t.Errorf("handled %v and %v, %d connections", same.seqs, other.seqs, g.Stats().Connections)
		}
		if len(told.all) != 1 || told.all[0].Type != "X" || told.all[0].Meta.Seq != 3 || told.all[0].Meta.Shard.Index != 0 || told.all[0].Value != "boom" {
			t.Errorf("reported: %+v", told.all)
		}
		if text := log.String(); !strings.Contains(text, `"type":"\"X\"","seq":3`) || strings.Contains(text, "boom") || strings.Contains(text, "private words") {
			t.Errorf("logged: %s", text)
		}
		g.RequireNoViolations(t)
	})
}

// TestHandlerMayAskItsManager: status, a send with its answer, a restart, and in the end Close.
// Failures: F72.
func TestHandlerMayAskItsManager(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g)
		took := make(map[string]time.Duration)
		shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, _ events.Meta) {
			begun := time.Now()
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			var err error
			switch raw.Type {
			case "STATUS":
				m.Status()
			case "SEND":
				_, err = events.RequestGuildMembers{GuildID: aGuild, UserIDs: []events.Snowflake{1}}.SendEvent(ctx, m)
			case "RESTART":
				err = m.Restart(ctx, 0)
			case "CLOSE":
				err = m.Close(ctx)
			}
			if took[string(raw.Type)] = time.Since(begun); err != nil {
				t.Errorf("%s: %v", raw.Type, err)
			}
		}, shardmanager.WithTypes("STATUS", "SEND", "RESTART", "CLOSE"))
		start(t, m)
		for _, each := range []events.Type{"STATUS", "SEND", "RESTART", "SEND", "CLOSE"} {
			g.Shard(0).Dispatch(each, 1)
			pass(time.Minute)
			most := time.Second
			if each == "CLOSE" {
				most = 2100 * time.Millisecond // it gives handlers their time, of which this is one
			}
			if d, done := took[string(each)]; !done || d > most {
				t.Errorf("%s: done %v, after %v", each, done, d)
			}
		}
		<-m.Done()
	})
}

// TestSilentShardShowsSinceWhen: heartbeats are answered, and nothing else comes. The status tells since
// when, and whether the latency that it shows is of today.
// Failures: F75.
func TestSilentShardShowsSinceWhen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if status, _ := m.Shard(0).Status(); !status.LastEvent.IsZero() {
			t.Errorf("before the first: %v", status.LastEvent)
		}
		pass(time.Minute)
		g.Shard(0).Dispatch("X", 1)
		pass(time.Hour)
		status, _ := m.Shard(0).Status()
		if silent := time.Since(status.LastEvent); silent != time.Hour || time.Since(status.LatencyAt) > 42*time.Second {
			t.Errorf("silent for %v, latency measured %v ago", silent, time.Since(status.LatencyAt))
		}
		g.Outage(true)
		pass(10 * time.Minute)
		if status, _ = m.Shard(0).Status(); time.Since(status.LatencyAt) < 10*time.Minute || time.Since(status.LastEvent) != 70*time.Minute {
			t.Errorf("in an outage: latency of %v, event of %v", status.LatencyAt, status.LastEvent)
		}
		g.Outage(false)
	})
}

// TestEachConnectionHasAnInflaterOfItsOwn: connections are cut within messages, and no bytes of one come to the
// inflater of the next.
// Failures: F77.
func TestEachConnectionHasAnInflaterOfItsOwn(t *testing.T) {
	for _, compression := range []events.Compression{events.CompressionZlib, events.CompressionZstd} {
		t.Run(string(compression), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithResumeTimeout(time.Hour))
				m := newManager(t, g, shardmanager.WithCompression(compression))
				var got seen
				var broken atomic.Int64
				shardmanager.OnRaw(m, got.handle)
				changes := m.Watch(t.Context())
				go func() {
					for c := range changes {
						if c.Cause != nil && (strings.Contains(c.Cause.Error(), "broken") || errors.Is(c.Cause, session.ErrBadFrame)) {
							broken.Add(1)
						}
					}
				}()
				start(t, m)
				for cut := range 300 {
					g.Shard(0).CutAt(int64(1 + cut%97))
					for range 4 {
						g.Shard(0).Dispatch("X", fmt.Sprint(cut, strings.Repeat("y", cut)))
					}
					pass(90 * time.Second)
				}
				if seq := g.Shard(0).Seq(); int64(len(got.seqs)) != seq || !slices.IsSorted(got.seqs) || broken.Load() != 0 {
					t.Errorf("%d of %d events, %d broken streams", len(got.seqs), seq, broken.Load())
				}
				if s := g.Stats(); s.Identifies != 1 || s.Resumes < 200 {
					t.Errorf("identifies %d, resumes %d", s.Identifies, s.Resumes)
				}
			})
		})
	}
}
