package sim

import (
	"fmt"
	"math/rand/v2"
	"sync"
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
