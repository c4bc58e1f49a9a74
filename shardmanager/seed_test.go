package shardmanager_test

import (
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestJitterIsRandomUnlessItIsSeeded: fleets that start in one instant do not beat in one rhythm; with one seed they do.
func TestJitterIsRandomUnlessItIsSeeded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		firstBeat := func(opts ...shardmanager.Option) time.Duration {
			g := newGateway(t)
			m := newManager(t, g, opts...)
			start(t, m)
			begin := time.Now()
			pass(time.Minute)
			closeNow(t, m)
			return beat(t, g).At.Sub(begin)
		}
		if one, two := firstBeat(), firstBeat(); one == two {
			t.Errorf("both beat after %v", one)
		}
		if one, two := firstBeat(shardmanager.WithSeed(7)), firstBeat(shardmanager.WithSeed(7)); one != two {
			t.Errorf("with one seed they beat after %v and %v", one, two)
		}
	})
}

// beat is the first heartbeat of shard 0.
func beat(t *testing.T, g *gatewaytest.Server) gatewaytest.Frame {
	t.Helper()
	for _, f := range g.Frames(0) {
		if f.Op == events.OpHeartbeat {
			return f
		}
	}
	t.Fatal("there was no heartbeat")
	return gatewaytest.Frame{}
}
