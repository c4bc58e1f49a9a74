package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pair is one connection: two ends, and what is under way between them.
type pair struct {
	net          *network
	name         string
	process      int
	shard        int
	nth          int
	base         time.Duration
	pieces       int // into how many pieces what the gateway writes is broken
	client       end
	server       end
	mu           sync.Mutex
	up, down     half // to the server, to the client
	ended        bool // the client's end is closed, or the connection was reset
	lastWrite    time.Time
	lastRead     time.Time
	opened       time.Time
	extra        time.Duration // delay of what the gateway writes
	cutIn        int           // writes of the gateway's, the last of them not whole, until a reset; negative: none
	dropped      bool          // what either end writes is lost
	sinceDropped time.Time
}

// half is one direction.
type half struct {
	random   *rand.Rand
	segments []segment
	last     time.Time // when the latest segment arrives
	closed   bool      // nothing follows the segments
	changed  chan struct{}
}

type segment struct {
	data []byte
	at   time.Time
}

// window is how many segments may be under way in one direction, beyond which a write waits. Bytes do
// not count: nonces are random, and so is what a compressed payload with one is long.
const window = 1024

func newPair(n *network, process, shard, nth int) *pair {
	name := uint64(process)<<48 | uint64(uint16(shard))<<32 | uint64(nth)
	random := rand.New(rand.NewPCG(n.plan.Seed^0x6e6574, name))
	p := &pair{
		net: n, name: fmt.Sprintf("p%d.s%d.n%d", process, shard, nth), process: process, shard: shard, nth: nth,
		base: time.Duration(random.Int64N(int64(60 * time.Millisecond))), cutIn: -1, opened: time.Now(),
		pieces: 1,
	}
	if n.plan.Pieces > 1 {
		p.pieces = 1 + random.IntN(n.plan.Pieces)
	}
	// Both ends may write in one instant, so each direction draws for itself.
	p.up.random, p.down.random = rand.New(rand.NewPCG(n.plan.Seed^0x7570, name)), random
	p.up.changed, p.down.changed = make(chan struct{}), make(chan struct{})
	p.client = end{pair: p, in: &p.down, out: &p.up, client: true, changed: make(chan struct{})}
	p.server = end{pair: p, in: &p.up, out: &p.down, changed: make(chan struct{})}
	return p
}

// delay is how long the next segment takes.
func (p *pair) delay(h *half) time.Duration {
	d := p.base + time.Duration(h.random.Int64N(int64(20*time.Millisecond))) + 50*time.Microsecond
	if h == &p.down {
		d += p.extra
	}
	return d
}

func (h *half) change() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// reset ends the connection at once, for both ends; what is under way is lost.
func (p *pair) reset() {
	p.mu.Lock()
	p.finish()
	p.up.segments, p.down.segments = nil, nil
	p.up.closed, p.down.closed = true, true
	p.up.last, p.down.last = time.Now(), time.Now()
	p.up.change()
	p.down.change()
	p.mu.Unlock()
}

// finish notes that the client's end is over. The lock must be held.
func (p *pair) finish() {
	if p.ended {
		return
	}
	p.ended = true
	p.net.mu.Lock()
	delete(p.net.pairs, p.name)
	p.net.mu.Unlock()
	silent := time.Duration(0)
	if since := p.lastRead; !since.IsZero() {
		silent = time.Since(since)
	}
	wrote := time.Duration(0)
	if !p.lastWrite.IsZero() {
		wrote = time.Since(p.lastWrite)
	}
	p.net.record(Record{Witness: Network, What: "ended", Process: p.process, Shard: p.shard, Link: p.nth, For: silent, Seq: int64(wrote)})
}

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
