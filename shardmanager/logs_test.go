package shardmanager_test

import (
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// stuckWriter is a log that blocks until it is opened.
type stuckWriter struct{ open chan struct{} }

func (s stuckWriter) Write(p []byte) (int, error) { <-s.open; return len(p), nil }
func (s stuckWriter) Sync() error                 { return nil }

// TestBlockedLogDelaysNoHeartbeat: a log that never writes costs neither a start, a heartbeat,
// a reconnect nor the time of Close.
//
// Failures: F147.
func TestBlockedLogDelaysNoHeartbeat(t *testing.T) {
	bubble(t, func(t *testing.T) {
		writer := stuckWriter{make(chan struct{})}
		defer close(writer.open)
		core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), writer, zap.DebugLevel)
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
		m := newManager(t, g, shardmanager.WithLogger(zap.New(core)))
		start(t, m)
		pass(10 * time.Minute)
		g.Shard(1).Drop()
		pass(10 * time.Minute)
		if s := g.Stats(); s.Lateness > 0 || s.Resumes != 1 || s.Identifies != 2 || s.Live != 2 || s.Heartbeats < 50 {
			t.Errorf("%+v", s)
		}
		began := time.Now()
		closeNow(t, m)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("Close took %v", took)
		}
		g.RequireNoViolations(t)
	})
}

// TestShardClosedOnRequestIsLoggedWithoutAnError: one that was not asked to close says why.
func TestShardClosedOnRequestIsLoggedWithoutAnError(t *testing.T) {
	for name, fatal := range map[string]bool{"asked for": false, "authentication failed": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				core, logs := observer.New(zap.InfoLevel)
				g := newGateway(t)
				m := newManager(t, g, shardmanager.WithLogger(zap.New(core)))
				start(t, m)
				if fatal {
					g.Shard(0).Close(events.CloseAuthenticationFailed)
					pass(time.Second)
				}
				closeNow(t, m)
				closed := logs.FilterMessage("shard closed").All()
				if len(closed) != 1 {
					t.Fatalf("%d logged", len(closed))
				}
				if _, has := closed[0].ContextMap()["error"]; has != fatal || (closed[0].Level == zap.ErrorLevel) != fatal {
					t.Errorf("%v: %v", closed[0].Level, closed[0].ContextMap())
				}
			})
		})
	}
}
