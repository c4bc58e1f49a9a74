package gatewaytest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// virtualBuffer is how many bytes one direction of a virtual connection holds before a write
// waits, as a socket's buffers would.
const virtualBuffer = 256 << 10

var errRefused = errors.New("gatewaytest: connection refused")

// network is where the server listens: a loopback port, or a virtual network that works inside
// a synctest bubble. It can refuse connections.
type network struct {
	tcp     net.Listener // nil: virtual
	accept  chan net.Conn
	closing chan struct{}
	once    sync.Once
	refuse  atomic.Bool
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
			_ = c.Close()
			continue
		}
		w := &wire{Conn: c}
		w.left.Store(-1)
		return w, nil
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

// Close implements net.Listener.
func (n *network) Close() error {
	n.once.Do(func() { close(n.closing) })
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

// wire is a server's end of a connection that can be cut after a number of bytes.
type wire struct {
	net.Conn
	left atomic.Int64 // bytes until the cut; negative: none is planned
}

// Write implements net.Conn.
func (w *wire) Write(p []byte) (int, error) {
	left := w.left.Load()
	if left < 0 {
		return w.Conn.Write(p)
	}
	if int64(len(p)) < left {
		w.left.Add(-int64(len(p)))
		return w.Conn.Write(p)
	}
	n, err := w.Conn.Write(p[:left])
	_ = w.Conn.Close()
	return n, errors.Join(err, io.ErrClosedPipe)
}

type virtualAddr struct{}

func (virtualAddr) Network() string { return "virtual" }
func (virtualAddr) String() string  { return "127.0.0.1:80" }

// virtualConn is one end of a connection in memory.
type virtualConn struct {
	in, out       *half
	read, written deadline
}

func virtualPair() (client, server *virtualConn) {
	a, b := newHalf(), newHalf()
	return &virtualConn{in: a, out: b}, &virtualConn{in: b, out: a}
}

// half is one direction. Waiting is on channels, so that a synctest bubble sees it as idle.
type half struct {
	mu      sync.Mutex
	data    []byte
	closed  bool
	changed chan struct{} // closed and replaced at each change
}

func newHalf() *half { return &half{changed: make(chan struct{})} }

func (h *half) change() {
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *half) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		h.change()
	}
}

func (c *virtualConn) Read(p []byte) (int, error) {
	for {
		c.in.mu.Lock()
		if len(c.in.data) > 0 {
			n := copy(p, c.in.data)
			c.in.data = c.in.data[n:]
			c.in.change()
			c.in.mu.Unlock()
			return n, nil
		}
		closed, changed := c.in.closed, c.in.changed
		c.in.mu.Unlock()
		if closed {
			return 0, io.EOF
		}
		select {
		case <-changed:
		case <-c.read.wait():
			return 0, os.ErrDeadlineExceeded
		}
	}
}

func (c *virtualConn) Write(p []byte) (int, error) {
	done := 0
	for {
		c.out.mu.Lock()
		if c.out.closed {
			c.out.mu.Unlock()
			return done, io.ErrClosedPipe
		}
		if room := virtualBuffer - len(c.out.data); room > 0 {
			n := min(room, len(p)-done)
			c.out.data = append(c.out.data, p[done:done+n]...)
			done += n
			c.out.change()
		}
		changed := c.out.changed
		c.out.mu.Unlock()
		if done == len(p) {
			return done, nil
		}
		select {
		case <-changed:
		case <-c.written.wait():
			return done, os.ErrDeadlineExceeded
		}
	}
}

// Close ends both directions; what was written before can still be read by the other end.
func (c *virtualConn) Close() error {
	c.in.close()
	c.out.close()
	c.read.set(time.Time{})
	c.written.set(time.Time{})
	return nil
}

func (c *virtualConn) LocalAddr() net.Addr  { return virtualAddr{} }
func (c *virtualConn) RemoteAddr() net.Addr { return virtualAddr{} }

func (c *virtualConn) SetDeadline(t time.Time) error {
	c.read.set(t)
	c.written.set(t)
	return nil
}

func (c *virtualConn) SetReadDeadline(t time.Time) error {
	c.read.set(t)
	return nil
}

func (c *virtualConn) SetWriteDeadline(t time.Time) error {
	c.written.set(t)
	return nil
}

// deadline is a time after which wait's channel is closed.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	past  chan struct{}
}

func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.past == nil {
		d.past = make(chan struct{})
	}
	return d.past
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	fired := false
	if d.past != nil {
		select {
		case <-d.past:
			fired = true
		default:
		}
	}
	if d.past == nil || fired {
		d.past = make(chan struct{})
	}
	if t.IsZero() {
		return
	}
	past := d.past
	if wait := time.Until(t); wait > 0 {
		d.timer = time.AfterFunc(wait, func() { closeOnce(&d.mu, past) })
		return
	}
	close(past)
}

func closeOnce(mu *sync.Mutex, c chan struct{}) {
	mu.Lock()
	defer mu.Unlock()
	select {
	case <-c:
	default:
		close(c)
	}
}
