package shardmanager_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// tap is the client's end of a connection, watched.
type tap struct {
	net.Conn
	spoil atomic.Bool // overwrites what is read next, but for the header of its frame
	fails atomic.Int64
	ended atomic.Pointer[time.Time]
}

func (c *tap) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.fails.Add(1)
	}
	if n > 14 && c.spoil.Swap(false) {
		copy(p[6:n], "garbage!")
	}
	return n, err
}

func (c *tap) Close() error {
	now := time.Now()
	c.ended.CompareAndSwap(nil, &now)
	return c.Conn.Close()
}

// taps are all connections of a gateway's clients.
type taps struct {
	mu  sync.Mutex
	all []*tap
}

func (a *taps) dial(g *gatewaytest.Server) shardmanager.Option {
	return shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := g.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		c := &tap{Conn: conn}
		a.all = append(a.all, c)
		return c, nil
	})
}

func (a *taps) last() *tap {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all[len(a.all)-1]
}
