package ratelimit

import (
	"context"
	"fmt"
	"maps"
	"time"
)

// Ledger keeps, beyond the process, which Identifies were spent. It is written before a permit is
// handed out, so that no crash at any moment can forget one: neither the spacing between two nor
// the day's budget can be outrun by restarts. While it fails nothing is granted. All methods are
// called one at a time.
type Ledger interface {
	// LoadLedger returns what was saved last; the zero value if nothing was.
	LoadLedger(context.Context) (LedgerState, error)
	// SaveLedger returns when the state is safe.
	SaveLedger(context.Context, LedgerState) error
}

// LedgerState is what a Ledger keeps. Times are of the wall clock: it is read by other processes.
type LedgerState struct {
	Remaining int               // of the budget
	ResetAt   time.Time         // until when Remaining counts
	Written   map[int]time.Time // by shard, its last Identify, as long as that matters
}

// WithLedger keeps what is spent beyond the process. The default is not to.
func WithLedger(ledger Ledger) Option { return func(s *settings) { s.ledger = ledger } }

// LedgerError refuses a permit, because what it spends could not be written down.
type LedgerError struct {
	Until time.Time // when to ask again
	Err   error
}

// Error tells the cause.
func (e *LedgerError) Error() string {
	return fmt.Sprintf("ratelimit: the ledger of Identifies cannot be written, so none is granted: %v", e.Err)
}

// Unwrap is the cause.
func (e *LedgerError) Unwrap() error { return e.Err }

const (
	ledgerTimeout = 5 * time.Second  // for one access
	ledgerPause   = 10 * time.Second // after one that failed
)

// readLedger reports whether the ledger, if there is one, was read. If not, it begins to read it. The
// lock is held.
func (q *Queue) readLedger(now time.Time) bool {
	if q.ledger == nil || q.read {
		return true
	}
	if q.busy {
		return false // it looks again when it is done
	}
	if now.Before(q.retry) {
		q.wakeAt(now, q.retry)
		return false
	}
	q.busy = true
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), ledgerTimeout)
		defer cancel()
		state, err := q.ledger.LoadLedger(ctx)
		q.mu.Lock()
		defer q.mu.Unlock()
		now := time.Now()
		q.busy = false
		if err != nil {
			q.retry = now.Add(ledgerPause)
			q.refuse = &LedgerError{Until: q.retry, Err: err}
		} else {
			q.read, q.refuse = true, nil
			q.take(now, state)
		}
		q.wakeAt(now, now)
	}()
	return false
}

// take continues where the last process was.
func (q *Queue) take(now time.Time, state LedgerState) {
	if now.Before(state.ResetAt) && q.known {
		q.remaining = min(q.remaining, state.Remaining)
	}
	for shard, at := range state.Written {
		if at.After(now) {
			at = now // that clock was ahead of ours
		}
		q.written[shard] = at //seam:restart-remembers-identifies
	}
	q.count()
}

// write writes down what the permits spend, and hands them out after that. The lock is not held.
func (q *Queue) write(ready []*waiter) {
	q.mu.Lock()
	now := time.Now()
	state := LedgerState{Remaining: q.remaining - len(q.out), ResetAt: q.resetAt, Written: make(map[int]time.Time)}
	for shard, at := range q.written {
		if now.Before(at.Add(q.spacing)) {
			state.Written[shard] = at
		} else {
			delete(q.written, shard)
		}
	}
	var out []int
	for w := range q.out {
		out = append(out, w.shard)
	}
	q.mu.Unlock()
	err := q.save(state, out, now)
	if time.Since(now) > (q.spacing-IdentifyInterval)/2 && err == nil {
		// The Identifies will be later than was written down: by as much as this write may take, at the most.
		err = q.save(state, out, time.Now().Add(ledgerTimeout))
	}
	q.mu.Lock()
	now = time.Now()
	q.busy = false
	for _, w := range ready {
		if err != nil && w.permit.Err() == nil {
			q.back(w)
			w.permit = Refused(&LedgerError{Until: now.Add(ledgerPause), Err: err})
		}
	}
	q.wakeAt(now, now)
	q.mu.Unlock()
	for _, w := range ready {
		w.granted(w.permit)
	}
}

// save writes the state down, in which the shards that have permits identify at a time.
func (q *Queue) save(state LedgerState, shards []int, at time.Time) error {
	state.Written = maps.Clone(state.Written)
	for _, shard := range shards {
		state.Written[shard] = at
	}
	ctx, cancel := context.WithTimeout(context.Background(), ledgerTimeout)
	defer cancel()
	return q.ledger.SaveLedger(ctx, state)
}
