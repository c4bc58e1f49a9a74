package shardmanager_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestCloseByManyAtOnceGivesOneResult: all of them get the same result, and the sockets close once.
//
// Failures: F119.
func TestCloseByManyAtOnceGivesOneResult(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		var all sync.WaitGroup
		began := time.Now()
		for range 20 {
			all.Go(func() {
				if err := m.Close(t.Context()); err != nil || time.Since(began) > 5*time.Second {
					t.Errorf("after %v: %v", time.Since(began), err)
				}
			})
		}
		all.Wait()
		if m.Err() != nil || g.Stats().Connections != 1 {
			t.Errorf("%v, %+v", m.Err(), g.Stats())
		}
		g.RequireNoViolations(t)
	})
}

// drip is a connection that, once armed, gives a byte every 30 seconds.
type drip struct {
	net.Conn
	armed *atomic.Bool
}

func (d drip) Read(p []byte) (int, error) {
	if d.armed.Load() && len(p) > 0 {
		time.Sleep(30 * time.Second)
		p = p[:1]
	}
	return d.Conn.Read(p)
}

// TestDrippedFrameIsNoLife: a frame that comes byte by byte keeps no connection alive.
//
// Failures: F153.
func TestDrippedFrameIsNoLife(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		var first, armed, never atomic.Bool
		first.Store(true)
		m := newManager(t, g, shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := g.DialContext(ctx, network, addr)
			if err == nil && first.Swap(false) {
				return drip{c, &armed}, nil
			}
			return drip{c, &never}, err
		}))
		start(t, m)
		armed.Store(true)
		pass(3*time.Minute + 30*time.Second)
		wantResumed(t, g, m, 1)
	})
}

// TestHostileNamesAreQuotedAndCut: what the gateway names goes into the log as one short line.
//
// Failures: F156.
func TestHostileNamesAreQuotedAndCut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log syncBuffer
		cfg := zap.NewDevelopmentEncoderConfig()
		cfg.StacktraceKey = zapcore.OmitKey
		g := newGateway(t)
		m := newManager(t, g, shardmanager.WithLogger(zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(cfg), &log, zap.DebugLevel))))
		shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, _ events.Meta) {
			if strings.HasPrefix(string(raw.Type), "X") {
				panic(fmt.Sprint(raw.Type))
			}
		})
		start(t, m)
		g.Shard(0).Dispatch(events.Type("X\n\x1b[31mfatal: "+strings.Repeat("A", 90)), 1)
		pass(time.Second)
		said := log.String()
		if !strings.Contains(said, "handler panicked") {
			t.Fatalf("the test looks at nothing: %.1500s", said)
		}
		if strings.Contains(said, "\x1b") || strings.Contains(said, "\n[31m") || strings.Contains(said, strings.Repeat("A", 65)) {
			t.Errorf("%.2000s", said)
		}
	})
}

// TestStoppedShardStaysStopped: a shard that somebody stopped is not started by anything else.
//
// Failures: F123.
func TestStoppedShardStaysStopped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
		m := newManager(t, g)
		start(t, m)
		m.System().Root.Send(m.Supervisor(), actors.StopShards{Keys: []actors.Key{shardKey(m, 1)}})
		m.System().Root.Send(m.Supervisor(), actors.CrashShard{Key: shardKey(m, 1)}) // a crash on its way out
		pass(24 * time.Hour)
		g.Shard(0).Drop()
		pass(time.Minute)
		status := m.Status()
		if status.Shards[1].State != session.Closed || status.Shards[0].State != session.Ready || g.Stats().Connections != 3 {
			t.Errorf("%+v, %d connections", status, g.Stats().Connections)
		}
		g.RequireNoViolations(t)
	})
}
