package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// deadEnd is a listener that closes connections which ask for the resume URL.
type deadEnd struct {
	net.Listener
	alive  chan net.Conn
	closed chan struct{}
	ended  atomic.Int64
}

func newDeadEnd() (*deadEnd, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &deadEnd{Listener: l, alive: make(chan net.Conn), closed: make(chan struct{})}
	go func() {
		defer close(d.closed)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go d.look(c)
		}
	}()
	return d, nil
}

func (d *deadEnd) look(c net.Conn) {
	r := bufio.NewReader(c)
	if head, err := r.Peek(len("GET /resume")); err != nil || string(head) == "GET /resume" {
		d.ended.Add(1)
		_ = c.Close()
		return
	}
	select {
	case d.alive <- looked{c, r}:
	case <-d.closed:
		_ = c.Close()
	}
}

// Accept implements net.Listener.
func (d *deadEnd) Accept() (net.Conn, error) {
	select {
	case c := <-d.alive:
		return c, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

// looked is a connection of which the beginning has been read.
type looked struct {
	net.Conn
	r *bufio.Reader
}

// Read implements net.Conn.
func (l looked) Read(p []byte) (int, error) { return l.r.Read(p) }

func deadResumeURL(lib library) (outcome, error) {
	listener, err := newDeadEnd()
	if err != nil {
		return outcome{}, err
	}
	c, err := begin(lib, options{listener: listener})
	if err != nil {
		return outcome{}, err
	}
	c.server.Shard(0).Drop()
	o := c.recovered(30*time.Second, 1, connections(2))
	o.Figure += fmt.Sprintf("; dials of the dead URL %d", listener.ended.Load())
	return o, nil
}

const elsewhere = "gateway.elsewhere.example"

// hostileResumeURL tells a resume URL on another host, which is really a gateway of ours on
// loopback that looks for the token, and drops the connection.
func hostileResumeURL(lib library) (outcome, error) {
	trap, err := gatewaytest.Start(gatewaytest.WithExact(), gatewaytest.WithHeartbeatInterval(interval))
	if err != nil {
		return outcome{}, err
	}
	defer trap.Close()
	var tokens atomic.Int64
	trap.OnFrame(func(f gatewaytest.Frame) bool {
		if bytes.Contains(f.Data, []byte(token)) {
			tokens.Add(1)
		}
		return false
	})
	ready, err := json.Marshal(map[string]any{"op": 0, "t": "READY", "s": 1, "d": map[string]any{
		"v": 10, "user": map[string]any{"id": "4242", "username": "bot", "discriminator": "0", "bot": true}, "guilds": []any{},
		"session_id": "elsewhere", "resume_gateway_url": "ws://" + elsewhere, "application": map[string]any{"id": "4242", "flags": 0},
	}})
	if err != nil {
		return outcome{}, err
	}
	var told atomic.Bool
	c, err := begin(lib, options{
		dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if host, _, _ := net.SplitHostPort(addr); host == elsewhere {
				return trap.DialContext(ctx, network, addr)
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
		prepare: func(server *gatewaytest.Server) {
			server.OnFrame(func(f gatewaytest.Frame) bool {
				if f.Op == events.OpIdentify {
					server.SendTo(f.Conn, ready)
					told.Store(true)
				}
				return f.Op == events.OpIdentify
			})
		},
		ready: told.Load,
	})
	if err != nil {
		return outcome{}, err
	}
	before := c.server.Stats().Connections
	c.server.DropAll()
	took, ok := until(20*time.Second, func() bool { return c.server.Stats().Connections > before })
	back := "not at the main URL in 20 s"
	if ok {
		back = "at the main URL in " + seconds(took)
	}
	visits := trap.Stats().Connections
	return judge(visits == 0 && ok, "connections to the other host %d, tokens sent to it %d; %s", visits, tokens.Load(), back), nil
}
