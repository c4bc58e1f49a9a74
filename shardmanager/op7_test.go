package shardmanager_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

func TestOp7Reconnects(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		g.Shard(0).Reconnect()
		pass(time.Minute)
		wantResumed(t, g, m, 1)
	})
}

// TestOp7InPlaceOfHelloReconnects: the session is kept.
//
// Failures: F17.
func TestOp7InPlaceOfHelloReconnects(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		g.OnConnect(func(conn int) bool {
			if conn == 2 {
				g.SendTo(conn, []byte(`{"op":7,"d":null}`))
			}
			return conn == 2
		})
		g.Shard(0).Drop()
		pass(time.Minute)
		wantResumed(t, g, m, 1)
	})
}

func TestOp7AsAnswerToResumeReconnects(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		var refused atomic.Int64
		g.OnFrame(func(f gatewaytest.Frame) bool {
			if f.Op == events.OpResume && refused.Add(1) == 1 {
				g.SendTo(f.Conn, []byte(`{"op":7,"d":null}`))
				return true
			}
			return false
		})
		g.Shard(0).Drop()
		pass(time.Minute)
		wantResumed(t, g, m, 1)
	})
}
