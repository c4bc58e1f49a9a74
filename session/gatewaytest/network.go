package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
)

var errRefused = errors.New("gatewaytest: connection refused")

// network is where the server listens: a loopback port, or a virtual network that works inside
// a synctest bubble. It can refuse connections, and take them without an answer.
type network struct {
	tcp     net.Listener // nil: virtual
	port    string       // of a virtual network
	accept  chan net.Conn
	closing chan struct{}
	once    sync.Once
	refuse  atomic.Bool

	mu        sync.Mutex
	hanging   bool
	hung      []net.Conn // accepted while hanging
	addresses map[string]*address
}

// address is how one of the server's addresses fails: one of the network's, or a path of the port that there is.
type address struct {
	refused, hanging bool
	thaw             chan struct{} // not nil: it is hanging, until this is closed
}

func newNetwork(tcp net.Listener, secure bool) *network {
	port := "80"
	if secure {
		port = "443"
	}
	return &network{tcp: tcp, port: port, accept: make(chan net.Conn), closing: make(chan struct{}), addresses: make(map[string]*address)}
}

// one is the address that a host is, by which it fails: a port has one, whatever it is called.
func (n *network) one(host string) string {
	if n.tcp != nil {
		return n.tcp.Addr().String()
	}
	return host
}

// at changes how an address fails.
func (n *network) at(host string, change func(*address)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := n.addresses[host]
	if a == nil {
		a = new(address)
		n.addresses[host] = a
	}
	change(a)
	switch {
	case a.hanging && a.thaw == nil:
		a.thaw = make(chan struct{})
	case !a.hanging && a.thaw != nil:
		close(a.thaw)
		a.thaw = nil
	}
}

// admits reports whether a path serves. If it hangs, that is known when it does no more.
func (n *network) admits(ctx context.Context, path string) bool {
	n.mu.Lock()
	var at address
	if a := n.addresses[path]; a != nil {
		at = *a
	}
	n.mu.Unlock()
	if at.hanging {
		select {
		case <-at.thaw:
		case <-n.closing:
		case <-ctx.Done():
		}
	}
	return !at.refused && !at.hanging
}

func (n *network) refuses(host string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := n.addresses[n.one(host)]
	return n.refuse.Load() || a != nil && a.refused
}

// hangs reports whether connections to an address are left without an answer. The lock must be held.
func (n *network) hangs(host string) bool {
	a := n.addresses[n.one(host)]
	return n.hanging || a != nil && a.hanging
}

// resumeHost is the address for a Resume. A port has no other than its host.
func (n *network) resumeHost(host string) string {
	if n.tcp != nil {
		return host
	}
	return net.JoinHostPort("127.0.0.2", n.port)
}

// hostOf is the address that a URL of the server's is dialled at.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "":
		panic(fmt.Sprintf("gatewaytest: %q is no URL: use the server's URL or ResumeURL", raw))
	case u.Port() == "" && (u.Scheme == "wss" || u.Scheme == "https"):
		return net.JoinHostPort(u.Hostname(), "443")
	case u.Port() == "":
		return net.JoinHostPort(u.Hostname(), "80")
	}
	return u.Host
}

func (n *network) dial(ctx context.Context, kind, host string) (net.Conn, error) {
	if n.refuses(host) {
		return nil, errRefused
	}
	if n.tcp != nil {
		var d net.Dialer
		return d.DialContext(ctx, kind, n.tcp.Addr().String())
	}
	client, server := virtualPair(host)
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
		if n.refuses(c.LocalAddr().String()) {
			_ = c.Close() // as a port that nobody listens on would
			continue
		}
		if n.swallow(c) {
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

// swallow keeps a connection without an answer, if the network is hanging.
func (n *network) swallow(c net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	hangs := n.hangs(c.LocalAddr().String())
	if hangs {
		n.hung = append(n.hung, c)
	}
	return hangs
}

// hang begins to leave new connections without an answer, or ends that and closes them.
func (n *network) hang(on bool) {
	n.mu.Lock()
	n.hanging = on
	n.mu.Unlock()
	if !on {
		n.release()
	}
}

// release closes the connections that are left without an answer and need not be.
func (n *network) release() {
	n.mu.Lock()
	defer n.mu.Unlock()
	var kept []net.Conn
	for _, c := range n.hung {
		if n.hangs(c.LocalAddr().String()) {
			kept = append(kept, c)
			continue
		}
		_ = c.Close() // the client learns it, or has gone
	}
	n.hung = kept
}

// Close implements net.Listener.
func (n *network) Close() error {
	n.once.Do(func() { close(n.closing) })
	n.mu.Lock()
	clear(n.addresses)
	n.mu.Unlock()
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
	return virtualAddr(net.JoinHostPort("127.0.0.1", n.port))
}
