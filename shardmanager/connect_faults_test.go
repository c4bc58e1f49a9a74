package shardmanager_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
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

// TestFleetDroppedAtOnceSpreadsItsDials: the dials are spread, and nobody gives up for having waited.
//
// Failures: F22.
func TestFleetDroppedAtOnceSpreadsItsDials(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const shards, rate = 1000 / sizes, 25 // a tenth of both: as long as 10,000 shards at 250 a second
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

// TestUnansweredDialEndsAndOtherShardsDoNotFeelIt: a dial that nobody answers ends after 10 s; other shards do not feel it.
//
// Failures: F11, F12.
func TestUnansweredDialEndsAndOtherShardsDoNotFeelIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2), gatewaytest.WithHeartbeatInterval(5*time.Second), gatewaytest.WithResumeTimeout(time.Hour))
		var hole atomic.Bool
		var slowest atomic.Int64
		m := newManager(t, g, shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			if d, ok := actors.DialOf(ctx); ok && d.Shard.Index == 1 && hole.Load() {
				began := time.Now()
				<-ctx.Done()
				slowest.Store(max(slowest.Load(), int64(time.Since(began))))
				return nil, ctx.Err()
			}
			return g.DialContext(ctx, network, addr)
		}))
		start(t, m)
		hole.Store(true)
		g.Shard(1).Drop()
		for range 300 {
			pass(time.Second)
			began := time.Now()
			if m.Status(); time.Since(began) > 0 {
				t.Error("Status waits")
			}
		}
		if d := time.Duration(slowest.Load()); d != 10*time.Second {
			t.Errorf("a dial took %v", d)
		}
		if s := g.Stats(); s.Lateness > 0 || m.Status().Ready() != 1 {
			t.Errorf("lateness %v, ready %d", s.Lateness, m.Status().Ready())
		}
		hole.Store(false)
		pass(time.Minute)
		wantResumed(t, g, m, 1)
		// A server that takes connections and says nothing is no better.
		g.Hang(true)
		g.Shard(1).Drop()
		pass(5 * time.Minute)
		if s := g.Stats(); s.Lateness > 0 {
			t.Errorf("lateness %v", s.Lateness)
		}
		g.Hang(false)
		pass(time.Minute)
		wantResumed(t, g, m, 2)
	})
}

// TestRefusedUpgradeIsNotAskedAgainBeforeItMay: it is not asked again before it may, and the session stays.
//
// Failures: F14.
func TestRefusedUpgradeIsNotAskedAgainBeforeItMay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithResumeTimeout(time.Hour))
		var refuse atomic.Bool
		log := &dialLog{g: g}
		m := newManager(t, g, shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			if !refuse.Load() {
				return log.dial(ctx, network, addr)
			}
			_, _ = log.dial(ctx, "none", addr)
			client, server := net.Pipe()
			go func() {
				defer server.Close()
				if _, err := http.ReadRequest(bufio.NewReader(server)); err == nil {
					_, _ = server.Write([]byte("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 120\r\nContent-Length: 6\r\n\r\n<html>"))
				}
			}()
			return client, nil
		}))
		start(t, m)
		pass(time.Minute)
		log.take()
		refuse.Store(true)
		g.Shard(0).Drop()
		pass(120*time.Second - time.Millisecond)
		if n := len(log.take()); n != 1 {
			t.Errorf("%d dials before the server's Retry-After was over, want 1", n)
		}
		refuse.Store(false)
		pass(10 * time.Second)
		wantResumed(t, g, m, 1)
	})
}

// TestFlappingCostsNoIdentifyAndNoStorm: connections that die at once, a thousand times, cost neither Identifies nor a storm.
//
// Failures: F23.
func TestFlappingCostsNoIdentifyAndNoStorm(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const times = 1000
		g := newGateway(t)
		log := &dialLog{g: g}
		m := newManager(t, g, shardmanager.WithNetDial(log.dial))
		start(t, m)
		log.take()
		began, n := time.Now(), 0
		for ; n < times && time.Since(began) < 24*time.Hour; n++ {
			g.Shard(0).Drop()
			for pass(time.Second); m.Status().Ready() == 0; {
				pass(time.Second)
			}
		}
		took := time.Since(began)
		if at := log.take(); n != times || busiest(at, 30*time.Second) > 30 || g.Stats().Identifies != 1 {
			t.Errorf("%d times in %v, at most %d dials in 30 s, %d identifies", n, took, busiest(at, 30*time.Second), g.Stats().Identifies)
		}
	})
}

// lingering is a connection whose Read does not learn of Close for five minutes.
type lingering struct{ net.Conn }

func (s lingering) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if err != nil {
		time.Sleep(5 * time.Minute)
	}
	return n, err
}

// TestDeadSocketIsNotHeard: what the old connection still has to say means nothing to the new one.
//
// Failures: F26.
func TestDeadSocketIsNotHeard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		t.Cleanup(func() { pass(10 * time.Minute) }) // the lingering reads end
		m := newManager(t, g, shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := g.DialContext(ctx, network, addr)
			if d, ok := actors.DialOf(ctx); ok && d.Conn == 1 && err == nil {
				c = lingering{c}
			}
			return c, err
		}))
		start(t, m)
		if err := m.Restart(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		before, _ := m.Shard(0).Status()
		pass(20 * time.Minute)
		after, _ := m.Shard(0).Status()
		if s := g.Stats(); before.Conn != after.Conn || after.State != session.Ready || s.Lateness > 0 || s.Connections != 2 {
			t.Errorf("%+v, then %+v; %+v", before, after, s)
		}
		g.RequireNoViolations(t)
	})
}

// TestCloseDoesNotWaitForADial: it does not wait, neither for a dial nor for one's turn, and what
// comes of the dial later is closed unread.
//
// Failures: F25.
func TestCloseDoesNotWaitForADial(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(20))
		t.Cleanup(func() { pass(time.Minute) })
		m := newManager(t, g, shardmanager.WithDialRate(1), shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			<-ctx.Done()
			return g.DialContext(context.WithoutCancel(ctx), network, addr)
		}))
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(3500 * time.Millisecond) // four dial, sixteen wait
		began := time.Now()
		closeNow(t, m)
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("Close took %v", took)
		}
		pass(time.Hour)
		if s := g.Stats(); s.Live != 0 || s.Frames != 0 || m.Status().Ready() != 0 {
			t.Errorf("after Close: %+v", s)
		}
	})
}
