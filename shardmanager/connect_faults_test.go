package shardmanager_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// dialLog notes when the dials began that pass through it.
type dialLog struct {
	g  *gatewaytest.Server
	mu sync.Mutex
	at []time.Time
}

func (d *dialLog) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d.mu.Lock()
	d.at = append(d.at, time.Now())
	d.mu.Unlock()
	return d.g.DialContext(ctx, network, addr)
}

// take gives the times so far, in order, and forgets them.
func (d *dialLog) take() []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := d.at
	d.at = nil
	return at
}

// busiest is the most of the times, which are in order, that fall within any such span.
func busiest(at []time.Time, span time.Duration) (most int) {
	for i, from := 0, 0; i < len(at); i++ {
		for at[i].Sub(at[from]) >= span {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

// TestF22WholeFleetDroppedAtOnce: the dials are spread, and nobody gives up for having waited.
//
// Failures: F22.
func TestF22WholeFleetDroppedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const shards, rate = 1000, 25 // a tenth of both: as long as 10,000 shards at 250 a second
		g := newGateway(t, gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(shards),
			gatewaytest.WithSessionStarts(2*shards, 2*shards, 24*time.Hour))
		log := &dialLog{g: g}
		m := newManager(t, g, shardmanager.WithCompression(events.CompressionNone), shardmanager.WithDialRate(rate), shardmanager.WithNetDial(log.dial))
		start(t, m)
		even := func(phase string) {
			t.Helper()
			at := log.take()
			took := at[len(at)-1].Sub(at[0])
			second, tenth := busiest(at, time.Second), busiest(at, 100*time.Millisecond)
			t.Logf("%s: %d dials in %v, at most %d in a second and %d in 100 ms", phase, len(at), took, second, tenth)
			if mean := float64(len(at)) / took.Seconds() / 10; len(at) != shards || second > rate || float64(tenth) > 3*mean {
				t.Errorf("%s: the dials are not spread: %.1f in 100 ms are the mean", phase, mean)
			}
		}
		even("Start")
		g.DropAll()
		pass(time.Minute)
		even("dropped")
		if s := g.Stats(); m.Status().Ready() < shards*99/100 || s.Identifies != shards {
			t.Errorf("after a minute %d are ready; %d identifies", m.Status().Ready(), s.Identifies)
		}
		pass(time.Minute)
		wantResumed(t, g, m, shards)

		// One that is alone does not wait.
		g.Shard(7).Drop()
		began := time.Now()
		pass(2 * time.Second)
		if at := log.take(); len(at) != 1 || at[0].Sub(began) > 2*time.Second {
			t.Errorf("one shard alone: dials %v after %v", at, began)
		}
	})
}
