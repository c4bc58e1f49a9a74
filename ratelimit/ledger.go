package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	Remaining int       // of the budget
	ResetAt   time.Time // until when Remaining counts
	// Written is, by shard, its last Identify, as long as that matters. Of a permit that is out it is the latest time at which it
	// may be used: for who reads that before, it was used just now.
	Written map[Shard]time.Time
	Spent   []Spent // the Identifies of the last day, permits that are out already counted
	// Lost is when something was lost of what was written down, such as with a damaged file: each key counts as used then. Zero: never.
	Lost time.Time
	// Version is 0, unless several processes share the ledger: see ErrLedgerChanged.
	Version uint64 `json:"-"`
}

// Spent is how many Identifies count until a time in the budget of a day.
type Spent struct {
	Until time.Time
	Count int
}

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
	ledgerPause = 10 * time.Second // after an access that failed
	resetsApart = time.Minute      // at the most: one reset, as two processes know it
)

// ErrLedgerChanged is what SaveLedger returns, and then keeps nothing, if somebody else has saved since. A ledger that several
// processes share counts how often it was saved, and LoadLedger says so in Version. SaveLedger keeps only a state that has the same Version.
var ErrLedgerChanged = errors.New("ratelimit: another process has changed the ledger: read it again")

var errLedgerGone = errors.New("ratelimit: the ledger did not return")

// ledgerHangs is when a ledger that has not returned counts as one that fails, until it returns: it was told to by then.
const ledgerHangs = WorkTimeout + time.Second

// ledgerState is where the queue stands with its Ledger, which is nil if there is none.
type ledgerState struct {
	Ledger
	read    bool
	busy    bool         // it is being read or written
	since   time.Time    // busy: since when
	batch   []*permit    // busy: what is being written down
	failed  *LedgerError // why it was not read; nobody waits for it until then
	granted []*permit    // not written down yet
	safe    []*permit    // written down, and not handed out yet
	refused []Decision   // could not be written down
	lost    time.Time    // each key counts as used then
	sharing
}

// ready reports whether permits may be granted.
func (l *ledgerState) ready() bool { return l.Ledger == nil || l.read }

// hangs reports whether the ledger should have returned by now.
func (l *ledgerState) hangs(now time.Time) bool {
	return l.busy && !now.Before(l.since.Add(ledgerHangs))
}

// refuseHung tells all who wait that the ledger does not return, also those who wait for it to be written.
func (q *Queue) refuseHung(now time.Time) []Decision {
	l := &q.ledger
	err := &LedgerError{Until: now.Add(ledgerPause), Err: errLedgerGone}
	decisions := q.refuseAll(err)
	for _, p := range slices.Concat(l.batch, l.granted) {
		if q.permits[p.shard] == p {
			q.unused(p)
			decisions = append(decisions, Decision{Shard: p.shard, Err: err})
		}
	}
	l.batch, l.granted = nil, nil
	return decisions
}

// refuseUnread tells those who wait that the ledger cannot be read.
func (q *Queue) refuseUnread(now time.Time) []Decision {
	if failed := q.ledger.failed; failed != nil && now.Before(failed.Until) {
		return q.refuseAll(failed)
	}
	return nil
}

// Work implements Worker: it reads and writes the ledger.
func (q *Queue) Work(now time.Time) (do func(context.Context), done func(now time.Time)) {
	now = q.tell(now)
	l := &q.ledger
	err := errLedgerGone
	switch {
	case l.Ledger == nil || l.busy || !q.budget.known || !l.read && l.failed != nil && now.Before(l.failed.Until):
		return nil, nil
	case !l.read || l.stale || q.awaitsOthers(now):
		l.busy, l.since = true, now
		var state LedgerState
		do = func(ctx context.Context) { state, err = l.LoadLedger(ctx) }
		return do, func(now time.Time) { q.loaded(q.tell(now), state, err) }
	case len(l.granted) == 0 && (!l.news || now.Before(l.tellAt)):
		return nil, nil
	}
	batch, until := l.granted, now.Add(WorkTimeout+q.hold)
	l.busy, l.since, l.batch, l.granted = true, now, batch, nil
	state := q.state(now, until)
	told := q.telling(state, until)
	do = func(ctx context.Context) { err = l.SaveLedger(ctx, state) }
	return do, func(now time.Time) {
		now = q.tell(now)
		if err == nil && !now.Before(until) {
			err = errLedgerGone // so late that what was written down is not true any more
		}
		if err = told(now, err); errors.Is(err, ErrLedgerChanged) {
			l.busy, l.batch = false, nil
			q.again(now, batch)
			return
		}
		q.saved(now, batch, until, err)
	}
}

// state is what a process has to know that goes on when this one ends. until is when the last permit of those that are not
// handed out yet may be used.
func (q *Queue) state(now, until time.Time) LedgerState {
	wall := func(at time.Time) time.Time { return now.Round(0).Add(at.Sub(now)) }
	b := &q.budget
	state := LedgerState{Remaining: max(b.remaining-len(q.permits), 0), ResetAt: wall(b.resetAt), Written: make(map[Shard]time.Time), Version: q.ledger.version}
	if lost := q.ledger.lost; now.Before(lost.Add(q.spacing)) {
		state.Lost = wall(lost)
	}
	for shard, at := range q.written {
		if now.Before(at.Add(q.spacing)) {
			state.Written[shard] = wall(at)
		} else {
			delete(q.written, shard)
		}
	}
	for _, p := range q.permits {
		at := p.expires
		if at.IsZero() {
			at = until
		}
		state.Written[p.shard] = wall(at)
	}
	q.addOthers(now, state.Written, wall)
	for _, s := range b.spent {
		state.Spent = append(state.Spent, Spent{wall(s.until), s.count})
	}
	state.Spent = append(state.Spent, Spent{wall(b.until(until)), len(q.permits)})
	return state
}

// loaded continues where the last process was, and where others are.
func (q *Queue) loaded(now time.Time, state LedgerState, err error) {
	l, b := &q.ledger, &q.budget
	l.busy = false
	if err != nil {
		l.read, l.failed = false, &LedgerError{Until: now.Add(ledgerPause), Err: err}
		q.again(now, l.granted)
		l.granted = nil
		return
	}
	l.read, l.failed = true, nil
	here := func(at time.Time) time.Time { return now.Add(at.Sub(now.Round(0))) }
	own := q.recount()
	for _, s := range state.Spent {
		until := here(s.Until)
		if most := b.until(now.Add(WorkTimeout + q.hold)); until.After(most) {
			until = most // later than that of any permit that is out: that clock was ahead of ours
		}
		if now.Before(until) && s.Count > 0 && s.Count <= b.total {
			b.count(until, s.Count)
		}
	}
	for _, until := range own {
		b.uncount(until)
	}
	if lost := here(state.Lost); !state.Lost.IsZero() {
		l.lost = earlier(lost, now)
	}
	if state.Version != 0 {
		q.hear(now, state, here)
	} else {
		for shard, at := range state.Written {
			at = here(at)
			if at.After(now) {
				at = now // it may have been used until that process ended
			}
			q.written[shard] = at //seam:restart-remembers-identifies
		}
	}
	// What no budget can be a mistaken ledger says, and then what Discord has said counts.
	past := b.resetAt.Add(resetsApart - day) // what ends until then is the day before ours
	if at := here(state.ResetAt); now.Before(at) && at.After(past) && !at.After(now.Add(day+time.Hour)) && state.Remaining >= 0 {
		q.hearLeft(now, at, state.Remaining, len(own))
	}
	q.rebuild()
}

// saved makes the permits of a batch ready to be handed out, or takes them back.
func (q *Queue) saved(now time.Time, batch []*permit, until time.Time, err error) {
	l := &q.ledger
	l.busy, l.batch = false, nil
	for _, p := range batch {
		switch {
		case q.permits[p.shard] != p: // withdrawn
		case err != nil:
			q.unused(p)
			l.refused = append(l.refused, Decision{Shard: p.shard, Err: &LedgerError{Until: now.Add(ledgerPause), Err: err}})
		default:
			p.expires = earlier(now.Add(q.hold), until)
			l.safe = append(l.safe, p)
		}
	}
}

// hand is what Decide says of permits that were written down, and of those that could not be.
func (q *Queue) hand() (decisions []Decision) {
	l := &q.ledger
	for _, d := range l.refused {
		if q.waiters[d.Shard] == nil && q.permits[d.Shard] == nil { // or it has asked again, or left
			decisions = append(decisions, d)
		}
	}
	for _, p := range l.safe {
		if q.permits[p.shard] == p {
			decisions = append(decisions, q.handOut(p, p.expires))
		}
	}
	l.safe, l.refused = nil, nil
	return decisions
}
