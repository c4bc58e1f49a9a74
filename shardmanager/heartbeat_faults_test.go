package shardmanager_test

import (
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestMissingAckBehindAFloodIsNoDeath: an ACK that does not come is no sign of death while events come.
//
// Failures: F52.
func TestMissingAckBehindAFloodIsNoDeath(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		g.Shard(0).MuteAcks(true)
		for range 600 {
			g.Shard(0).Dispatch("X", 1)
			pass(time.Second)
		}
		if s := g.Stats(); s.Connections != 1 {
			t.Errorf("%d connections", s.Connections)
		}
	})
}

// TestPeerThatDoesNotReadCostsItsConnection: a peer that does not read ends in a new connection, and holds nothing else up.
//
// Failures: F55.
func TestPeerThatDoesNotReadCostsItsConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
		m := newManager(t, g)
		start(t, m)
		g.Shard(0).Freeze(true)
		pass(2 * time.Minute)
		wantResumed(t, g, m, 1)
		if s := g.Stats(); s.Lateness > 0 || s.Connections != 3 {
			t.Errorf("lateness %v, %d connections", s.Lateness, s.Connections)
		}
		began := time.Now()
		if m.Status(); time.Since(began) > 0 {
			t.Error("Status waits")
		}
	})
}

// TestEachConnectionHasHeartbeatsOfItsOwn: each connection begins anew: an ACK that the last one did not get means nothing to it, and its first beat comes
// within an interval.
//
// Failures: F57, F63.
func TestEachConnectionHasHeartbeatsOfItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		for range 50 {
			g.Shard(0).Dispatch("X", 1)
			g.Shard(0).MuteAcks(true)
			pass(42 * time.Second) // a beat that has no ACK
			g.Shard(0).Dispatch("X", 1)
			g.Shard(0).SendRaw([]byte(`{"op":11,"s":null,"t":null,"d":null}`))
			g.Shard(0).RequestHeartbeat()
			pass(time.Second)
			g.Shard(0).Drop()
			pass(3 * time.Minute)
		}
		if s := g.Stats(); s.Connections != 51 || s.Lateness > 0 {
			t.Errorf("%d connections, lateness %v", s.Connections, s.Lateness)
		}
		g.RequireNoViolations(t) // which judges the sequence of each heartbeat
	})
}

// TestInstantAckEndsNoConnection: an ACK that is there before the write has returned ends no connection.
//
// Failures: F56.
func TestInstantAckEndsNoConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithHeartbeatInterval(time.Second)) // whose network takes no time
		m := newManager(t, g)
		start(t, m)
		pass(10_000 * time.Second)
		if s := g.Stats(); s.Heartbeats < 9_999 || s.Connections != 1 || s.Lateness > 0 {
			t.Errorf("%d heartbeats, %d connections, lateness %v", s.Heartbeats, s.Connections, s.Lateness)
		}
		if status, _ := m.Shard(0).Status(); status.Latency < 0 {
			t.Errorf("latency %v", status.Latency)
		}
	})
}

// TestFirstBeatsOfAFleetAreSpread: the first beats of a fleet are spread over the interval, evenly.
//
// Failures: F60.
func TestFirstBeatsOfAFleetAreSpread(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const shards, interval = 400, 40 * time.Second
		var tenths [10]int
		hello := make(map[int]time.Time)
		g := newGateway(t, gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(shards), gatewaytest.WithHeartbeatInterval(interval),
			gatewaytest.WithTrace(func(e gatewaytest.Entry) {
				switch {
				case e.Kind == gatewaytest.Sent && e.Op == events.OpHello:
					hello[e.Conn] = e.At
				case e.Kind == gatewaytest.Received && e.Op == events.OpHeartbeat && !hello[e.Conn].IsZero():
					tenths[e.At.Sub(hello[e.Conn])*10/interval]++
					hello[e.Conn] = time.Time{}
				}
			}))
		m := newManager(t, g, shardmanager.WithSeed(1))
		start(t, m)
		pass(2 * interval)
		for i, n := range tenths { // 40 on average, with a deviation of 6
			if n < 16 || n > 64 {
				t.Errorf("%d of %d first beats come in tenth %d: %v", n, shards, i, tenths)
			}
		}
	})
}
