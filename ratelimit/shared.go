package ratelimit

import (
	"errors"
	"maps"
	"slices"
	"time"
)

const (
	// listen is how often a shared ledger is read while somebody waits, and another process has a permit.
	listen = time.Second
	// mostChanges is how often a ledger may say within a second that it was changed. One that goes on saying so fails.
	mostChanges = 20
)

// sharing is where the queue stands with the other processes that share its ledger. What all of them know is in the ledger. A permit is
// written down only if nobody has written since it was last read, so two processes never decide of one moment.
type sharing struct {
	version uint64              // of the ledger, as it was last read or written; 0: nobody shares it
	others  map[Shard]time.Time // their Identifies, while they matter. A time to come: until then a permit of theirs may be used
	ours    map[Shard]time.Time // what the ledger says of ours
	ahead   map[Shard]ahead     // what others have written by a clock that was ahead of this one
	freed   []time.Time         // until when permits count in the ledger that went back unused
	stale   bool                // somebody else has written
	changes int                 // since changed
	changed time.Time
	behind  uint64 // the version that was changed last
	readAt  time.Time
	spoken  bool      // Discord has said what is left, and the ledger does not say it yet
	said    int       // what is left by the ledger, as it was last read or written
	told    time.Time // when Discord has said what is left, if the ledger was not read since
	raised  int       // by how much more is left than said, since Discord has said so
	news    bool      // the ledger does not say yet what has become of permits of ours
	tellAt  time.Time // not before
}

// ahead is a time that is later than any permit may be used, and what it counts as. It stays as it is however often it is read: a clock that was set
// back would hold up its key for as long as it was set back by.
type ahead struct{ written, counts time.Time }

// outdated reports whether others may have written that there is more, and has it read then: who is refused may wait for a day.
func (l *ledgerState) outdated(now time.Time) bool {
	old := l.version != 0 && now.Sub(l.readAt) > listen
	l.stale = l.stale || old
	return old
}

// spoke notes that Discord has said what is left. It is compared with what the others know now, and they hear of it.
func (l *ledgerState) spoke(now time.Time) {
	l.spoken = true
	if l.version != 0 {
		l.told, l.stale, l.news = now, true, true
	}
}

// awaitsOthers reports whether it is time to look what has become of others' permits.
func (q *Queue) awaitsOthers(now time.Time) bool {
	next := q.listenAt(now)
	return !next.IsZero() && !now.Before(next)
}

// listenAt is when the ledger is to be read again; zero: it need not be.
func (q *Queue) listenAt(now time.Time) time.Time {
	if len(q.waiters) > 0 {
		for _, at := range q.ledger.others {
			if at.After(now) {
				return q.ledger.readAt.Add(listen)
			}
		}
	}
	return time.Time{}
}

// nextWord is when there is something to read from the others or to tell them; zero: that is not known, or comes after the work that is under way.
func (q *Queue) nextWord(now time.Time) (at time.Time) {
	l := &q.ledger
	if l.version == 0 || l.busy || !l.read {
		return time.Time{}
	}
	at = q.listenAt(now)
	if l.news && now.Before(l.tellAt) && (at.IsZero() || l.tellAt.Before(at)) {
		at = l.tellAt
	}
	return at
}

// telling notes that a state is being written down. What it returns is called with how that ended, and returns what that means.
func (q *Queue) telling(state LedgerState, until time.Time) (told func(now time.Time, err error) error) {
	l := &q.ledger
	if l.version == 0 {
		return func(_ time.Time, err error) error { return err }
	}
	out, counted, news, freed := slices.Collect(maps.Values(q.permits)), q.budget.until(until), l.news, l.freed
	spoken, raised := l.spoken, l.raised
	l.news, l.spoken, l.raised, l.freed = false, false, 0, nil
	return func(now time.Time, err error) error {
		if err == nil {
			l.version, l.changes, l.said, l.readAt = state.Version+1, 0, state.Remaining, now
			l.ours = make(map[Shard]time.Time)
			for shard, at := range state.Written {
				if _, theirs := l.others[shard]; !theirs {
					l.ours[shard] = at
				}
			}
			l.freed = nil
			for _, p := range out {
				p.counted = counted
				if p.unused { // meanwhile
					l.freed, l.news = append(l.freed, counted), true
				}
			}
			return nil
		}
		l.news, l.spoken, l.raised, l.freed = l.news || news, l.spoken || spoken, l.raised+raised, append(freed, l.freed...)
		l.stale = true // whatever is written there now
		if !errors.Is(err, ErrLedgerChanged) {
			l.tellAt = now.Add(ledgerPause)
			return err
		}
		if now.Sub(l.changed) > listen && state.Version != l.behind { // to come too late now and then is the lot of who shares
			l.changes, l.changed = 0, now
		}
		l.behind = state.Version
		if l.changes++; l.changes > mostChanges {
			l.changes, l.tellAt = 0, now.Add(ledgerPause)
			return errLedgerRestless
		}
		return err
	}
}

var errLedgerRestless = errors.New("ratelimit: the shared ledger says again and again that it was changed")

// again has those whose permits could not be written down, since others have written, wait on. They keep their turn.
func (q *Queue) again(now time.Time, batch []*permit) {
	for _, p := range batch {
		if q.permits[p.shard] != p {
			continue // withdrawn
		}
		q.unused(p)
		w := &waiter{shard: p.shard, gathered: now}
		q.waiters[p.shard] = w
		l := q.lane(p.shard)
		l.gathered = now
		l.waiting.push(w)
		q.settle(l)
	}
}

// addOthers adds to what we know of ours what we know of the others'. Of two for one shard the later counts.
func (q *Queue) addOthers(now time.Time, written map[Shard]time.Time, wall func(time.Time) time.Time) {
	for shard, at := range q.ledger.others {
		at, ours := wall(at), written[shard]
		if ours.After(at) || !now.Before(q.ledger.others[shard].Add(max(q.spacing, unseen))) {
			delete(q.ledger.others, shard)
		} else {
			written[shard] = at
		}
	}
}

// recount forgets what a shared ledger says as well, and returns until when permits of ours count in there that are not used.
func (q *Queue) recount() (own []time.Time) {
	l := &q.ledger
	l.stale = false
	if l.version == 0 {
		return nil // it is read for the first time
	}
	granted := l.granted
	l.granted = nil
	q.again(q.now, granted) // they were decided of by what was known before
	q.budget.spent = nil
	for _, p := range q.permits {
		if !p.counted.IsZero() {
			own = append(own, p.counted)
		}
	}
	return append(own, l.freed...)
}

// hear takes in what other processes have written.
func (q *Queue) hear(now time.Time, state LedgerState, here func(time.Time) time.Time) {
	l := &q.ledger
	l.version, l.readAt = state.Version, now
	before := l.ahead
	l.others, l.ahead = make(map[Shard]time.Time), make(map[Shard]ahead)
	for shard, written := range state.Written {
		if ours, ok := l.ours[shard]; ok && ours.Equal(written) {
			continue // we know better what has become of it
		}
		at, most := here(written), now.Add(WorkTimeout+q.hold)
		if known, ok := before[shard]; ok && known.written.Equal(written) {
			l.ahead[shard], at = known, known.counts
		} else if at.After(most) {
			l.ahead[shard], at = ahead{written, most}, most
		}
		if now.Before(at.Add(max(q.spacing, unseen))) {
			l.others[shard] = at //seam:shared-ledger-remembers-identifies
		}
	}
}

// hearLeft takes in what is left by the ledger until a time, in which own permits of ours count that are out.
func (q *Queue) hearLeft(now, until time.Time, said, own int) {
	l, b := &q.ledger, &q.budget
	left, raised := said+own, 0
	switch tomorrow := until.After(b.resetAt.Add(day - resetsApart)); {
	case !l.spoken && tomorrow && !now.Add(resetsApart).Before(b.resetAt): // it has begun for another process
		left, b.resetAt = said, b.resetAt.Add(day)
		clear(q.starts)
	case l.spoken:
		if now.Sub(l.told) < unseen && b.remaining-left > q.uncounted(now) {
			raised = b.remaining - left
		} else if said <= l.said { // else another has told it what Discord says
			raised = l.raised
		}
		left = min(left+raised, b.remaining)
	}
	b.remaining = left
	l.told, l.said, l.raised = time.Time{}, said, raised
}
