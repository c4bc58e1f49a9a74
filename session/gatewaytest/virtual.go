package gatewaytest

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// virtualBuffer is how many bytes one direction of a virtual connection holds before a write
// waits, as a socket's buffers would. net.Pipe has none, and two ends that both write would
// wait for each other.
const virtualBuffer = 256 << 10

type virtualAddr string

func (virtualAddr) Network() string  { return "virtual" }
func (a virtualAddr) String() string { return string(a) }

// virtualConn is one end of a connection in memory.
type virtualConn struct {
	addr          virtualAddr // of the server's end
	in, out       *half
	read, written deadline
	once          sync.Once
	closed        chan struct{} // this end was closed
}

func virtualPair(host string) (client, server *virtualConn) {
	a, b, addr := newHalf(), newHalf(), virtualAddr(host)
	return &virtualConn{addr: addr, in: a, out: b, closed: make(chan struct{})}, &virtualConn{addr: addr, in: b, out: a, closed: make(chan struct{})}
}

// half is one direction. Waiting is on channels, so that a synctest bubble sees it as idle.
type half struct {
	mu      sync.Mutex
	data    []byte
	closed  bool
	changed chan struct{} // closed and replaced at each change
}

func newHalf() *half { return &half{changed: make(chan struct{})} }

func (h *half) wake() {
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *half) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		h.wake()
	}
}

// take reads what there is; if that is nothing, it gives what to wait for.
func (h *half) take(p []byte) (n int, ended bool, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.data) == 0 {
		return 0, h.closed, h.changed
	}
	n = copy(p, h.data)
	switch rest := h.data[n:]; {
	case len(rest) > 0:
		h.data = rest
	case cap(h.data) > 16<<10:
		h.data = nil // many connections are idle most of the time
	default:
		h.data = h.data[:0]
	}
	h.wake()
	return n, false, nil
}

// put writes what there is room for; if that is not all, it gives what to wait for.
func (h *half) put(p []byte) (n int, ended bool, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return 0, true, nil
	}
	if n = min(virtualBuffer-len(h.data), len(p)); n > 0 {
		h.data = append(h.data, p[:n]...)
		h.wake()
	}
	return n, false, h.changed
}

// Read implements net.Conn.
func (c *virtualConn) Read(p []byte) (int, error) {
	for {
		late := c.read.wait()
		select {
		case <-c.closed:
			return 0, net.ErrClosed
		case <-late:
			return 0, os.ErrDeadlineExceeded
		default:
		}
		n, ended, changed := c.in.take(p)
		if n > 0 || len(p) == 0 {
			return n, nil
		}
		if ended {
			return 0, io.EOF
		}
		select {
		case <-changed:
		case <-late:
			return 0, os.ErrDeadlineExceeded
		case <-c.closed:
		}
	}
}

// Write implements net.Conn.
func (c *virtualConn) Write(p []byte) (int, error) {
	done := 0
	for {
		late := c.written.wait()
		select {
		case <-c.closed:
			return done, net.ErrClosed
		case <-late:
			return done, os.ErrDeadlineExceeded
		default:
		}
		n, ended, changed := c.out.put(p[done:])
		if ended {
			return done, io.ErrClosedPipe
		}
		if done += n; done == len(p) {
			return done, nil
		}
		select {
		case <-changed:
		case <-late:
			return done, os.ErrDeadlineExceeded
		case <-c.closed:
		}
	}
}

// Close ends both directions; what was written before can still be read by the other end.
func (c *virtualConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.in.close()
		c.out.close()
		c.read.set(time.Time{})
		c.written.set(time.Time{})
	})
	return nil
}

// LocalAddr implements net.Conn.
func (c *virtualConn) LocalAddr() net.Addr { return c.addr }

// RemoteAddr implements net.Conn.
func (c *virtualConn) RemoteAddr() net.Addr { return c.addr }

// SetDeadline implements net.Conn.
func (c *virtualConn) SetDeadline(t time.Time) error {
	c.read.set(t)
	c.written.set(t)
	return nil
}

// SetReadDeadline implements net.Conn.
func (c *virtualConn) SetReadDeadline(t time.Time) error {
	c.read.set(t)
	return nil
}

// SetWriteDeadline implements net.Conn.
func (c *virtualConn) SetWriteDeadline(t time.Time) error {
	c.written.set(t)
	return nil
}

// deadline is a time after which wait's channel is closed. The zero value is none.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	past  chan struct{}
	over  bool // past is closed
	nth   int  // how often it was set: a timer of an earlier time does nothing
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
	if d.nth++; d.past == nil || d.over {
		d.past, d.over = make(chan struct{}), false
	}
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		d.over = true
		close(d.past)
		return
	}
	nth := d.nth
	d.timer = time.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.nth == nth {
			d.over = true
			close(d.past)
		}
	})
}
