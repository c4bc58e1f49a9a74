package shardmanager_test

import (
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestConnectionWithoutHelloIsGivenUp: the connection is given up after 10 s, at no cost.
//
// Failures: F16.
func TestConnectionWithoutHelloIsGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var gone []time.Duration
		opened := make(map[int]time.Time)
		g := newGateway(t, gatewaytest.WithTrace(func(e gatewaytest.Entry) {
			switch e.Kind {
			case gatewaytest.Opened:
				opened[e.Conn] = e.At
			case gatewaytest.Gone:
				gone = append(gone, e.At.Sub(opened[e.Conn]))
			}
		}))
		g.OnConnect(func(conn int) bool { return conn <= 5 })
		m := newManager(t, g)
		start(t, m)
		pass(time.Second) // the gateway notices the end of the last one too
		if s := g.Stats(); len(gone) != 5 || s.Connections != 6 || s.Identifies != 1 {
			t.Errorf("%d connections given up; %+v", len(gone), s)
		}
		for _, after := range gone {
			if after < 9*time.Second || after > 11*time.Second {
				t.Errorf("given up after %v", after)
			}
		}
		g.RequireNoViolations(t)
	})
}

// TestNothingIsWrittenBeforeHello: whatever comes before Hello, nothing is written before it, and the session stays.
//
// Failures: F17, F18.
func TestNothingIsWrittenBeforeHello(t *testing.T) {
	for name, first := range map[string]func(*gatewaytest.Server, int){
		"op 7": func(g *gatewaytest.Server, conn int) { g.SendTo(conn, []byte(`{"op":7,"d":null}`)) },
		"op 7 and Hello": func(g *gatewaytest.Server, conn int) {
			g.SendTo(conn, []byte(`{"op":7,"d":null}`))
			g.SendTo(conn, hello("41250"))
		},
		"op 9, resumable":     func(g *gatewaytest.Server, conn int) { g.SendTo(conn, []byte(`{"op":9,"d":true}`)) },
		"an event":            func(g *gatewaytest.Server, conn int) { g.SendTo(conn, []byte(`{"op":0,"t":"X","s":99,"d":{}}`)) },
		"no JSON":             func(g *gatewaytest.Server, conn int) { g.SendTo(conn, []byte(`hello`)) },
		"an ACK from nowhere": func(g *gatewaytest.Server, conn int) { g.SendTo(conn, []byte(`{"op":11}`)) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				m := newManager(t, g)
				start(t, m)
				g.OnConnect(func(conn int) bool {
					if conn == 2 {
						first(g, conn)
					}
					return conn == 2
				})
				g.Shard(0).Drop()
				pass(time.Minute)
				wantResumed(t, g, m, 1) // nothing before Hello is a violation
			})
		})
	}
}

func hello(interval string) []byte {
	return []byte(`{"op":10,"d":{"heartbeat_interval":` + interval + `}}`)
}

// TestStrangeHeartbeatIntervalsEndTheConnection: the connection is given up, and no flood of heartbeats comes of it.
//
// Failures: F19.
func TestStrangeHeartbeatIntervalsEndTheConnection(t *testing.T) {
	for _, interval := range []string{"0", "-1", "1", "999", "600001", "9223372036854775807", "9223372036854775808", "1e300", `"41250"`, "null", "{}"} {
		t.Run(interval, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				m := newManager(t, g)
				start(t, m)
				g.OnConnect(func(conn int) bool {
					if conn == 2 {
						g.SendTo(conn, hello(interval))
					}
					return conn == 2
				})
				before := g.Stats().Heartbeats
				g.Shard(0).Drop()
				pass(10 * time.Second)
				if s := g.Stats(); s.Heartbeats > before+1 || s.Connections != 3 {
					t.Errorf("%d heartbeats, %d connections", s.Heartbeats-before, s.Connections)
				}
				pass(time.Minute)
				wantResumed(t, g, m, 1)
			})
		})
	}
}

// TestTwoHellosMakeOneHeartbeat: there is one heartbeat all the same.
//
// Failures: F20.
func TestTwoHellosMakeOneHeartbeat(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		pass(time.Minute)
		before := g.Stats().Heartbeats
		for range 5 {
			g.Shard(0).SendRaw(hello("1000"))
		}
		const beats = 20
		pass(beats * 41250 * time.Millisecond)
		if n := g.Stats().Heartbeats - before; n < beats-1 || n > beats+1 || g.Stats().Connections != 1 {
			t.Errorf("%d heartbeats in %d intervals, %d connections", n, beats, g.Stats().Connections)
		}
	})
}
