package kit

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Run is one benchmark run: its settings, and what the adapter reports to.
type Run struct {
	Server   string // host:port of gateserver
	Scenario string // flood, idle, growth, request, startup
	Shards   int
	Compress string // none, payload, zlib-stream, zstd-stream
	Handler  string // raw: count every event; message: count typed MESSAGE_CREATE
	Variant  string // default or lean: the client's defaults, or state and extras off
	Drops    int    // how often all connections are lost before the idle measurement
	Events   int

	MaxConcurrency int

	counters  []counter
	target    int64
	remaining atomic.Int64
	done      chan struct{}
	ready     atomic.Int64
	allReady  chan struct{}
	waiters   sync.Map // nonce -> *waiter
	errs      atomic.Int64
}

type waiter struct {
	t0 time.Time
	ch chan time.Duration
}

type counter struct {
	n atomic.Int64
	_ [56]byte
}

// URL is the gateway's WebSocket URL.
func (r *Run) URL() string { return "ws://" + r.Server }

// Message tells whether the adapter should register a typed MESSAGE_CREATE
// handler that calls Event, instead of a handler for any event.
func (r *Run) Message() bool { return r.Handler == "message" }

// Lean tells whether to switch state tracking and other extras off.
func (r *Run) Lean() bool { return r.Variant == "lean" }

// Event counts one event of a shard.
func (r *Run) Event(shard int) {
	if r.counters[shard].n.Add(1) == r.target && r.remaining.Add(-1) == 0 {
		close(r.done)
	}
}

// Ready reports a shard's READY.
func (r *Run) Ready() {
	if r.ready.Add(1) == int64(r.Shards) {
		close(r.allReady)
	}
}

// Chunk reports the arrival of the chunk answering a request.
func (r *Run) Chunk(nonce string) {
	if w, ok := r.waiters.LoadAndDelete(nonce); ok {
		w := w.(*waiter)
		w.ch <- time.Since(w.t0)
	}
}

// Error reports an error of the client, such as an event it cannot decode.
func (r *Run) Error(err error) {
	if r.errs.Add(1) <= 3 {
		fmt.Fprintln(os.Stderr, "client error:", err)
	}
}
