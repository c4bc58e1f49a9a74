package gatewaytest

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

var errRefused = errors.New("gatewaytest: connection refused")

// network is where the server listens: a loopback port, or a virtual network that works inside
// a synctest bubble. It can refuse connections, and take them without an answer.
type network struct {
	tcp     net.Listener // nil: virtual
	accept  chan net.Conn
	closing chan struct{}
	once    sync.Once
	refuse  atomic.Bool

	mu      sync.Mutex
	hanging bool
	hung    []net.Conn // accepted while hanging
}

func newNetwork(tcp net.Listener) *network {
	return &network{tcp: tcp, accept: make(chan net.Conn), closing: make(chan struct{})}
}

func (n *network) dial(ctx context.Context, kind, _ string) (net.Conn, error) {
	if n.refuse.Load() {
		return nil, errRefused
	}
	if n.tcp != nil {
		var d net.Dialer
		return d.DialContext(ctx, kind, n.tcp.Addr().String())
	}
	client, server := virtualPair()
	select {
	case n.accept <- server:
		return client, nil
	case <-n.closing:
		return nil, errRefused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (n *network) Accept() (net.Conn, error) {
	for {
		c, err := n.next()
		if err != nil {
			return nil, err
		}
		if n.refuse.Load() {
			_ = c.Close() // as a port that nobody listens on would
			continue
		}
		if n.hold(c) {
			continue
		}
		return newWire(c), nil
	}
}

func (n *network) next() (net.Conn, error) {
	if n.tcp != nil {
		return n.tcp.Accept()
	}
	select {
	case c := <-n.accept:
		return c, nil
	case <-n.closing:
		return nil, net.ErrClosed
	}
}

// hold keeps a connection without an answer, if the network is hanging.
func (n *network) hold(c net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hanging {
		n.hung = append(n.hung, c)
	}
	return n.hanging
}

// hang begins to leave new connections without an answer, or ends that and closes them.
func (n *network) hang(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hanging = on
	if on {
		return
	}
	for _, c := range n.hung {
		_ = c.Close() // the client learns it, or has gone
	}
	n.hung = nil
}

// Close implements net.Listener.
func (n *network) Close() error {
	n.once.Do(func() { close(n.closing) })
	n.hang(false)
	if n.tcp != nil {
		return n.tcp.Close()
	}
	return nil
}

// Addr implements net.Listener.
func (n *network) Addr() net.Addr {
	if n.tcp != nil {
		return n.tcp.Addr()
	}
	return virtualAddr{}
}
