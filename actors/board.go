package actors

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// Board is what is seen of the shards: their actors write it, and anybody may read it without asking an actor. It outlives
// their crashes. Safe for concurrent use. What it counts, it counts as it changes: nothing but Status looks at all shards.
type Board struct {
	log     changes
	ignored atomic.Int64  // messages that nobody could be told were of no use
	without atomic.Uint64 // optional intents that are left out

	mu      sync.RWMutex // taken before a record's lock
	records map[Key]*record
	sorted  []*record     // by key; nil: shards have come or gone since it was
	cause   error         // why the supervisor has ended
	done    chan struct{} // closed when it has

	counts  sync.Mutex // taken after a record's lock, for a moment: thousands of shards may change at once
	tally   Tally
	waiters []*waiter
}

// Tally counts the shards of a board that are to run and to serve.
type Tally struct {
	Wanted  int // to run, and to serve
	Ready   int // of them
	Ended   int // of them, and by themselves: nothing but a restart that is asked for starts them again
	Refused int // of them, because the day's budget of Identifies refuses to go on
	Open    int // whether to run or not: their sessions have not ended
}

// waiter is somebody who waits. The lock of the counts guards tallies.
type waiter struct {
	tallies []Tally       // that it has not looked at
	spare   []Tally       // the room of those before
	wake    chan struct{} // of capacity 1
}

// NewBoard returns a board without shards.
func NewBoard() *Board { return &Board{records: make(map[Key]*record), done: make(chan struct{})} }

// Status is how all shards stand, by key: a copy.
func (b *Board) Status() Status {
	sorted := b.all()
	status := Status{LeftOut: b.LeftOut(), Shards: make([]ShardStatus, len(sorted))}
	for i, r := range sorted {
		r.copyTo(&status.Shards[i])
		if status.Shards[i].Role == Serving {
			status.Total = max(status.Total, r.key.Shard.Total)
		}
	}
	return status
}

// Shard is how one shard stands, or false if the plan does not name it.
func (b *Board) Shard(key Key) (status ShardStatus, ok bool) {
	if r := b.record(key); r != nil {
		r.copyTo(&status)
		return status, true
	}
	return ShardStatus{}, false
}

// Ignored counts what was sent to an actor of ours and was of no use: an unknown or refused message of nobody, or one that only the
// actor library may send.
func (b *Board) Ignored() int64 { return b.ignored.Load() }

// LeftOut are the optional intents that sessions begin without, from the next one on, since the application may not have them.
func (b *Board) LeftOut() events.Intents { return events.Intents(b.without.Load()) }

// Tally is how many shards stand how.
func (b *Board) Tally() Tally {
	b.counts.Lock()
	defer b.counts.Unlock()
	return b.tally
}

// Wait waits until enough says so, which is asked now and of each change, on this goroutine. It misses the oldest changes if it falls
// far behind. The error is that of ctx, or why the supervisor has ended.
func (b *Board) Wait(ctx context.Context, enough func(Tally) bool) error {
	w := &waiter{wake: make(chan struct{}, 1)}
	b.counts.Lock()
	w.tallies = append(w.tallies, b.tally)
	b.waiters = append(b.waiters, w)
	b.counts.Unlock()
	defer b.leave(w)
	for {
		if slices.ContainsFunc(b.look(w), enough) {
			return nil
		}
		select {
		case <-w.wake:
		case <-b.done:
			if slices.ContainsFunc(b.look(w), enough) {
				return nil
			}
			return b.Err()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// look takes what a waiter has not looked at.
func (b *Board) look(w *waiter) []Tally {
	b.counts.Lock()
	defer b.counts.Unlock()
	tallies := w.tallies
	w.tallies, w.spare = w.spare[:0], tallies
	return tallies
}

// hear lets a waiter know how the shards stand now. What it waits for is the user's code, and is not asked here.
func (w *waiter) hear(t Tally) {
	if len(w.tallies) == watchLimit {
		w.tallies = w.tallies[1:]
	}
	w.tallies = append(w.tallies, t)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (b *Board) leave(w *waiter) {
	b.counts.Lock()
	defer b.counts.Unlock()
	b.waiters = slices.DeleteFunc(b.waiters, func(each *waiter) bool { return each == w })
}

// Done is closed when the supervisor has ended, and no shard runs any more.
func (b *Board) Done() <-chan struct{} { return b.done }

// Err is why the supervisor has ended; nil while it runs.
func (b *Board) Err() error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.cause
}

// Watch yields every change of state from now on, until ctx or the supervisor ends. Whoever falls far behind misses the oldest:
// StateChanged.Missed says how many. Ranging over it again goes on where it was left.
func (b *Board) Watch(ctx context.Context) iter.Seq[StateChanged] { return b.log.watch(ctx, b.done) }

// Format prints no secret, whatever the verb: fmt looks into unexported fields, but calls no methods there.
func (b *Board) Format(s fmt.State, _ rune) {
	tally := b.Tally()
	fmt.Fprintf(s, "{board of %d shards, %d ready}", tally.Wanted, tally.Ready)
}

func (b *Board) record(key Key) *record {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.records[key]
}

// secrets are what nobody may learn of a shard's session.
func (b *Board) secrets(key Key) []string {
	if r := b.record(key); r != nil {
		snapshot, _, _ := r.session()
		return []string{snapshot.SessionID, snapshot.ResumeURL}
	}
	return nil
}

// serves reports whether the plan names a shard that serves, or would if it was not stopped.
func (b *Board) serves(key Key) bool {
	r := b.record(key)
	return r != nil && r.still().role == Serving
}

// all are the records of all shards, by key.
func (b *Board) all() []*record {
	b.mu.RLock()
	sorted := b.sorted
	b.mu.RUnlock()
	if sorted != nil {
		return sorted
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sorted = slices.SortedFunc(maps.Values(b.records), func(x, y *record) int { return x.key.Compare(y.key) })
	return b.sorted
}

// place makes room for shards, which may have it already.
func (b *Board) place(keys ...Key) {
	if len(keys) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range keys {
		if b.records[key] == nil {
			r := newRecord(key)
			b.records[key] = r
			b.count(Tally{}, tallyOf(&r.standing))
		}
	}
	b.sorted = nil
}

// remove forgets a shard.
func (b *Board) remove(key Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.records[key]; r != nil {
		standing := r.still()
		b.count(tallyOf(&standing), Tally{})
	}
	delete(b.records, key)
	b.sorted = nil
}

// update changes the status of a shard, and with it what is counted.
func (b *Board) update(key Key, change func(*standing)) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	r := b.records[key]
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before := tallyOf(&r.standing)
	defer func() { b.count(before, tallyOf(&r.standing)) }() // also where change does not return
	change(&r.standing)                                      //seam:status-kept-current
}

// tallyOf is what one shard counts for.
func tallyOf(s *standing) (t Tally) {
	if s.state != session.Closed && s.state != session.Idle {
		t.Open = 1
	}
	if s.mode != Run || s.role != Serving {
		return t
	}
	t.Wanted = 1
	switch {
	case s.state == session.Ready:
		t.Ready = 1
	case s.ended():
		t.Ended = 1
	case s.state == session.Backoff && s.refused:
		t.Refused = 1
	}
	return t
}

// count counts a shard anew, and lets those know who wait.
func (b *Board) count(before, after Tally) {
	b.counts.Lock()
	defer b.counts.Unlock()
	t := &b.tally
	t.Wanted += after.Wanted - before.Wanted
	t.Ready += after.Ready - before.Ready
	t.Ended += after.Ended - before.Ended
	t.Refused += after.Refused - before.Refused
	t.Open += after.Open - before.Open
	for _, w := range b.waiters {
		w.hear(*t)
	}
}

// end notes that the supervisor has ended. Only the first cause counts.
func (b *Board) end(cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cause == nil {
		b.cause = cause
		close(b.done)
	}
}
