package shardmanager_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestSpoiltStreamDeliversNothingBroken: nothing of a message that cannot be inflated is delivered, and the Resume
// brings it whole.
// Failures: F79, F116.
func TestSpoiltStreamDeliversNothingBroken(t *testing.T) {
	for _, compression := range []events.Compression{events.CompressionZlib, events.CompressionZstd} {
		t.Run(string(compression), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				var all taps
				m := newManager(t, g, shardmanager.WithCompression(compression), all.dial(g))
				var whole []string
				shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, _ events.Meta) { whole = append(whole, string(raw.Data)) }, shardmanager.WithTypes("X"))
				start(t, m)
				var want []string
				for i := range 20 {
					conn, text := all.last(), strings.Repeat("abc", 20+i)
					want = append(want, `"`+text+`"`)
					conn.spoil.Store(true)
					g.Shard(0).Dispatch("X", text)
					pass(2 * time.Minute)
					if conn.fails.Load() > 1 || conn.ended.Load() == nil {
						t.Fatalf("round %d: %d reads failed, ended %v", i, conn.fails.Load(), conn.ended.Load())
					}
				}
				if !slices.Equal(whole, want) {
					t.Errorf("handled %d of %d, or not whole", len(whole), len(want))
				}
				wantResumed(t, g, m, 20)
			})
		})
	}
}

// TestManyWritersShareOneConnection: sends from all sides, heartbeats that are asked for, and connections that
// end under them. It is the race detector and the library's own check that judge.
// Failures: F91, F113.
func TestManyWritersShareOneConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g)
		start(t, m)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				for ctx.Err() == nil {
					_ = askMember(ctx, m, "") // it may fail, with its connection
					_, _ = events.UpdatePresence{}.SendEvent(ctx, m)
				}
			})
		}
		for i := range 20 {
			for range 5 {
				g.Shard(0).RequestHeartbeat()
			}
			[]func(){g.Shard(0).Drop, g.Shard(0).Reconnect, func() { _ = m.Restart(ctx, 0) }}[i%3]()
			pass(29 * time.Second)
		}
		all.Wait()
		pass(time.Minute)
		if s := g.Stats(); s.Identifies != 1 || s.Resumes < 15 || m.Status().Ready() != 1 { // some may end what has not begun
			t.Errorf("identifies %d, resumes %d", s.Identifies, s.Resumes)
		}
		g.RequireNoViolations(t)
	})
}

// TestUnansweredCloseDelaysNoReconnect: the old connection is gone within seconds, and does not delay
// the new one.
// Failures: F110.
func TestUnansweredCloseDelaysNoReconnect(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		var all taps
		m := newManager(t, g, all.dial(g))
		start(t, m)
		old := all.last()
		g.Shard(0).Freeze(true)
		begun := time.Now()
		if err := m.Restart(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		if at := old.ended.Load(); at == nil || at.Sub(begun) > 3*time.Second {
			t.Errorf("the old connection ended at %v, asked at %v", at, begun)
		}
		wantResumed(t, g, m, 1)
	})
}

// TestCloseOvertakesWaitingSends: with the limit used up and hundreds waiting, the close frame goes
// out at once.
// Failures: F111.
func TestCloseOvertakesWaitingSends(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var closed []time.Time
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1), gatewaytest.WithTrace(func(e gatewaytest.Entry) {
			if e.Kind == gatewaytest.Closed && e.Code == events.CloseUnknownError {
				closed = append(closed, e.At)
			}
		}))
		m := newManager(t, g)
		start(t, m)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 500 {
			all.Go(func() { _ = askMember(ctx, m, "") }) // cancelled below
		}
		pass(time.Second)
		if status, _ := m.Shard(0).Status(); status.Waiting < 300 {
			t.Errorf("%d wait", status.Waiting)
		}
		begun := time.Now()
		closeNow(t, m)
		pass(time.Second)
		if len(closed) != 1 || closed[0].Sub(begun) > 50*time.Millisecond {
			t.Errorf("closed at %v, asked at %v", closed, begun)
		}
		cancel()
		all.Wait()
		g.RequireNoViolations(t)
	})
}

// TestTriggersAtOnceMakeOneConnection: whatever wants a new connection in the same instant, in whatever order,
// there is one.
// Failures: F113, F114.
func TestTriggersAtOnceMakeOneConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g, shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			time.Sleep(100 * time.Millisecond) // so that no trigger meets the new connection
			return g.DialContext(ctx, network, addr)
		}))
		start(t, m)
		shard := g.Shard(0)
		triggers := []func(){
			shard.Reconnect, func() { shard.SendRaw([]byte(`{"op":9,"d":true}`)) },
			func() { shard.Close(events.CloseUnknownError) }, func() { _ = m.Restart(t.Context(), 0) }, shard.Drop,
		}
		n := 0
		var permute func(k int)
		permute = func(k int) {
			if k < len(triggers) {
				for i := k; i < len(triggers); i++ {
					triggers[k], triggers[i] = triggers[i], triggers[k]
					permute(k + 1)
					triggers[k], triggers[i] = triggers[i], triggers[k]
				}
				return
			}
			for _, trigger := range triggers {
				trigger()
			}
			n++
			pass(90 * time.Second)
			if s := g.Stats(); s.Connections != n+1 || s.Live != 1 {
				t.Fatalf("after %d times: %d connections, %d live", n, s.Connections, s.Live)
			}
		}
		permute(0)
		wantResumed(t, g, m, n)
	})
}

// TestSendsAtTheEndAreErrors: while connections end, and after the manager has, a send is an error.
// Failures: F115.
func TestSendsAtTheEndAreErrors(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g)
		start(t, m)
		results := make(chan error, 50)
		for range cap(results) {
			go func() { results <- askMember(t.Context(), m, "") }()
		}
		g.Shard(0).Drop()
		closeNow(t, m)
		for range cap(results) {
			if err := <-results; err != nil && !errors.Is(err, actors.ErrClosed) && !errors.Is(err, session.ErrConnectionLost) {
				t.Errorf("at the end: %v", err)
			}
		}
		begun := time.Now()
		for range 100 {
			if err := askMember(t.Context(), m, ""); !errors.Is(err, shardmanager.ErrClosed) || !errors.Is(err, actors.ErrClosed) {
				t.Fatalf("afterwards: %v", err)
			}
		}
		if time.Since(begun) > 0 {
			t.Errorf("it took %v", time.Since(begun))
		}
	})
}

// TestFailedOpenLeavesNothingBehind: dials that fail in each way leave nothing behind that is in the way of the
// next; and so does a Start that fails, for the next manager.
// Failures: F117.
func TestFailedOpenLeavesNothingBehind(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		g.OnDiscovery(func(w http.ResponseWriter) bool {
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		failed := newManager(t, g)
		if err := failed.Start(t.Context()); !errors.Is(err, shardmanager.ErrAuthentication) {
			t.Errorf("Start: %v", err)
		}
		closeNow(t, failed)
		g.OnDiscovery(nil)
		dials := 0
		m := newManager(t, g, shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			switch dials++; dials {
			case 1:
				return nil, errors.New("refused")
			case 2:
				<-ctx.Done() // a black hole
				return nil, ctx.Err()
			case 3:
				panic("odd proxy")
			case 4: // it answers, and not in HTTP
				here, there := net.Pipe()
				go func() {
					defer there.Close()
					_, _ = there.Read(make([]byte, 4096)) // the request, whatever it says
					_, _ = there.Write([]byte("220 mail.example ESMTP\r\n\r\n"))
				}()
				return here, nil
			}
			return g.DialContext(ctx, network, addr)
		}))
		g.OnConnect(func(conn int) bool { return conn == 1 }) // and then one without Hello
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Minute)
		status, _ := m.Shard(0).Status()
		if s := g.Stats(); status.State != session.Ready || status.Conn != 6 || s.Identifies != 1 || s.Live != 1 {
			t.Errorf("%v after %d connections; %d identifies, %d live", status.State, status.Conn, s.Identifies, s.Live)
		}
		g.RequireNoViolations(t)
	})
}
