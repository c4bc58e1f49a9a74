package sim

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// end is one end of a pair.
type end struct {
	pair    *pair
	in, out *half
	client  bool
	closed  bool
	changed chan struct{} // closed at Close, and replaced when a deadline changes
	readBy  time.Time
	writeBy time.Time
}

var errReset = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}

// Read implements net.Conn.
func (e *end) Read(b []byte) (int, error) {
	p := e.pair
	for {
		p.mu.Lock()
		now := time.Now()
		var wake time.Time
		switch {
		case e.closed:
			p.mu.Unlock()
			return 0, net.ErrClosed
		case !e.readBy.IsZero() && !now.Before(e.readBy):
			p.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		case len(e.in.segments) > 0 && !now.Before(e.in.segments[0].at):
			s := &e.in.segments[0]
			n := copy(b, s.data)
			if s.data = s.data[n:]; len(s.data) == 0 {
				e.in.segments = e.in.segments[1:]
				e.in.change()
			}
			if n > 0 && e.client {
				p.lastRead = now
			}
			p.mu.Unlock()
			if n == 0 && len(b) > 0 {
				continue // an empty piece
			}
			return n, nil
		case len(e.in.segments) > 0:
			wake = e.in.segments[0].at
		case e.in.closed && !now.Before(e.in.last):
			p.mu.Unlock()
			return 0, errReset
		case e.in.closed:
			wake = e.in.last
		}
		if wake.IsZero() || !e.readBy.IsZero() && e.readBy.Before(wake) {
			wake = e.readBy
		}
		e.wait(e.in.changed, wake)
	}
}

// wait waits for a change or a time. It is called with the lock, and returns without it.
func (e *end) wait(changed <-chan struct{}, wake time.Time) {
	own := e.changed
	e.pair.mu.Unlock()
	var timeout <-chan time.Time
	if !wake.IsZero() {
		timer := time.NewTimer(time.Until(wake))
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-changed:
	case <-own:
	case <-timeout:
	}
}

// Write implements net.Conn.
func (e *end) Write(b []byte) (int, error) {
	p := e.pair
	for {
		p.mu.Lock()
		now := time.Now()
		switch {
		case e.closed:
			p.mu.Unlock()
			return 0, net.ErrClosed
		case e.out.closed || p.ended:
			p.mu.Unlock()
			return 0, &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}
		case !e.writeBy.IsZero() && !now.Before(e.writeBy):
			p.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		case len(e.out.segments) < window:
			e.send(now, b)
			cut := !e.client && p.cutIn == 0
			p.mu.Unlock()
			if cut {
				p.reset()
				return 0, errReset
			}
			return len(b), nil
		}
		e.wait(e.out.changed, e.writeBy)
	}
}

// send puts bytes under way. The lock must be held.
func (e *end) send(now time.Time, b []byte) {
	p := e.pair
	if e.client {
		p.lastWrite = now
	}
	if p.dropped {
		return
	}
	pieces := 1
	if !e.client {
		if p.cutIn > 0 {
			if p.cutIn--; p.cutIn == 0 {
				b = b[:int(e.out.random.Float64()*float64(len(b)+1))]
			}
		}
		pieces = p.pieces
	}
	for left := pieces; left > 0; left-- { // as many as planned, even if nothing is left: the delays must not depend on lengths
		n := len(b)
		if left > 1 {
			n = int(e.out.random.Float64() * float64(len(b)))
		}
		at := arrival(now.Add(p.delay(e.out)), e.out.last)
		e.out.last = at
		e.out.segments = append(e.out.segments, segment{append([]byte(nil), b[:n]...), at})
		b = b[n:]
	}
	e.out.change()
}

// arrival is the next whole microsecond: what arrives must not share its nanosecond with the
// dispatcher, whose turns take one each, nor with what arrived before.
func arrival(at, last time.Time) time.Time {
	if !at.After(last) {
		at = last
	}
	return at.Truncate(time.Microsecond).Add(time.Microsecond)
}

// Close implements net.Conn: what is under way to the other end still arrives.
func (e *end) Close() error {
	p := e.pair
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	close(e.changed)
	e.changed = make(chan struct{})
	if !e.out.closed { // it was not reset
		e.out.closed = true
		e.out.last = arrival(time.Now().Add(p.delay(e.out)), e.out.last)
	}
	e.out.change()
	if e.client {
		p.finish()
	}
	return nil
}

// LocalAddr implements net.Conn.
func (e *end) LocalAddr() net.Addr { return addr(e.pair.name) }

// RemoteAddr implements net.Conn.
func (e *end) RemoteAddr() net.Addr { return addr(e.pair.name) }

// SetDeadline implements net.Conn.
func (e *end) SetDeadline(t time.Time) error {
	return errors.Join(e.SetReadDeadline(t), e.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (e *end) SetReadDeadline(t time.Time) error { return e.deadline(&e.readBy, t) }

// SetWriteDeadline implements net.Conn.
func (e *end) SetWriteDeadline(t time.Time) error { return e.deadline(&e.writeBy, t) }

func (e *end) deadline(which *time.Time, t time.Time) error {
	e.pair.mu.Lock()
	defer e.pair.mu.Unlock()
	*which = t
	close(e.changed)
	e.changed = make(chan struct{})
	return nil
}
