package ratelimit

import (
	"maps"
	"slices"
	"time"
)

// Queue is the identify queue of one process. Each key, shard % max_concurrency, has a lane: the
// shard that had the fewest Identifies goes first, and of those the lowest; one permit is out at a
// time, and the next follows an interval after the last Identify was written. A waiter that
// withdraws costs nothing. Local makes one. It is an IdentifyQueue, a Worker, a Forecaster and a Cloner.
type Queue struct {
	spacing time.Duration
	hold    time.Duration
	start   *SessionStart // told before there was a time
	now     time.Time     // the latest that was told

	budget      budget
	concurrency int
	starts      map[Shard]int       // Identifies in this period
	latest      time.Time           // when the last permit was granted that was used
	written     map[Shard]time.Time // the last Identify, while that matters

	waiters map[Shard]*waiter
	first   func(a, b *waiter) bool // before, bound once
	permits map[Shard]*permit       // those that are out
	expires heap[*permit]           // those of them that were handed out, the first to expire first
	lanes   map[int]*lane
	later   heap[*lane] // those that are free at a later time, the earliest first
	free    heap[*lane] // those that are free, by who goes first

	ledger ledgerState
}

const (
	// gather is how long a waiter waits for lower shards to come, so that a fleet whose shards
	// connect at once, in any order, starts in order.
	gather = 100 * time.Millisecond
	// unseen is how old an Identify may be that Discord had not counted when it answered.
	unseen = IdentifyInterval
	// freeStarts is how many Identifies of a shard in a period are never spread over the day.
	freeStarts = 3
)

// permit is one that is out.
type permit struct {
	shard   Shard
	expires time.Time // zero: it was not handed out yet
	place   int       // in Queue.expires; -1: it is not in there
	counted time.Time // until when it counts in the ledger; zero: it is not in there
	unused  bool      // it went back
	granted time.Time
}

func newQueue(start SessionStart, s settings) *Queue {
	q := &Queue{ //seam:identify-spacing
		spacing: IdentifyInterval + s.identifyMargin, hold: s.hold, start: &start, concurrency: 1,
		starts: make(map[Shard]int), written: make(map[Shard]time.Time),
		waiters: make(map[Shard]*waiter), permits: make(map[Shard]*permit), lanes: make(map[int]*lane),
	}
	q.budget.kept, q.ledger.Ledger = s.reserve, s.ledger
	q.first = q.before
	q.expires = heap[*permit]{
		before: func(a, b *permit) bool { return a.expires.Before(b.expires) },
		moved:  func(p *permit, place int) { p.place = place },
	}
	q.later = heap[*lane]{before: func(a, b *lane) bool { return a.at.Before(b.at) }, moved: func(l *lane, place int) { l.later = place }}
	q.free = heap[*lane]{
		before: func(a, b *lane) bool { return q.before(a.waiting.items[0], b.waiting.items[0]) },
		moved:  func(l *lane, place int) { l.free = place },
	}
	return q
}

// tell takes the time, and what has happened by itself since the last.
func (q *Queue) tell(now time.Time) time.Time {
	if q.start != nil {
		q.budget.origin, q.now = now, now
		start := *q.start
		q.start = nil
		q.update(now, start)
	}
	if q.now.After(now) {
		return q.now // a clock that went back makes nothing sooner
	}
	q.now = now
	for len(q.expires.items) > 0 && !now.Before(q.expires.items[0].expires) {
		p := q.expires.items[0]
		q.begin(p.expires)
		q.spend(p, p.expires)
	}
	q.begin(now)
	return now
}

// begin begins a new period of the budget if there is one: nobody has had an Identify in it.
func (q *Queue) begin(now time.Time) {
	if q.budget.advance(now) {
		clear(q.starts)
		q.ledger.raised = 0
		q.rebuild()
	}
}

// Update implements IdentifyQueue. The number of keys applies from the next permit on.
func (q *Queue) Update(now time.Time, start SessionStart) { q.update(q.tell(now), start) }

func (q *Queue) update(now time.Time, start SessionStart) {
	b := &q.budget
	left := max(start.Remaining, 0)
	if b.known && left > b.remaining && left <= b.remaining+q.uncounted(now) {
		left = b.remaining // it was told before our latest Identifies were counted
	}
	b.known = start.Total > 0
	q.ledger.spoke(now)
	b.total, b.remaining = start.Total, left
	b.resetAt = now.Add(min(max(start.ResetAfter, 0), day))
	q.concurrency = max(start.MaxConcurrency, 1)
	q.rebuild()
}

// Ask implements IdentifyQueue.
func (q *Queue) Ask(now time.Time, shard Shard) {
	now = q.tell(now)
	q.withdraw(shard)
	w := &waiter{shard: shard, gathered: now.Add(gather)}
	if shard.Index < q.concurrency && q.starts[shard] == 0 && q.spare(now) >= q.concurrency {
		w.gathered = now // it is the lowest of its key, and there is enough for one of each
	}
	q.waiters[shard] = w
	l := q.lane(shard)
	if len(l.waiting.items) == 0 || w.gathered.Before(l.gathered) {
		l.gathered = w.gathered
	}
	l.waiting.push(w)
	q.settle(l)
}

// Withdraw implements IdentifyQueue.
func (q *Queue) Withdraw(now time.Time, shard Shard) {
	q.tell(now)
	q.withdraw(shard)
}

func (q *Queue) withdraw(shard Shard) {
	if w := q.waiters[shard]; w != nil {
		q.leave(w)
	}
	if p := q.permits[shard]; p != nil {
		q.unused(p)
	}
}

// Used implements IdentifyQueue.
func (q *Queue) Used(at time.Time, shard Shard) {
	if p := q.permits[shard]; p != nil {
		q.begin(at)
		q.spend(p, at)
	}
}

// spend takes a permit for used.
func (q *Queue) spend(p *permit, at time.Time) {
	q.budget.spend(at)
	q.latest, q.written[p.shard] = later(q.latest, p.granted), at
	q.occupy(p.shard, at)
	q.back(p)
}

// unused takes a permit back of which no Identify came: it was no turn of its shard.
func (q *Queue) unused(p *permit) {
	if q.starts[p.shard] > 0 { // a new period forgets them
		q.starts[p.shard]--
	}
	p.unused = true
	if !p.counted.IsZero() {
		q.ledger.freed = append(q.ledger.freed, p.counted)
	}
	q.back(p)
}

// back notes that a permit is out no more.
func (q *Queue) back(p *permit) {
	delete(q.permits, p.shard)
	q.permits = emptied(q.permits)
	q.ledger.news = q.ledger.news || !p.counted.IsZero()
	if p.place >= 0 {
		q.expires.remove(p.place)
	}
	l := q.lane(p.shard)
	l.out--
	q.settle(l)
}

// spare is how many may be granted.
func (q *Queue) spare(now time.Time) int {
	return q.budget.left(now) - len(q.permits) - q.budget.reserve()
}

// Decide implements IdentifyQueue. With a ledger it says who is granted when that is written down.
func (q *Queue) Decide(now time.Time) (decisions []Decision, next time.Time) {
	now = q.tell(now)
	decisions = q.hand()
	if q.ledger.hangs(now) {
		return append(decisions, q.refuseHung(now)...), q.wake(now)
	}
	if !q.budget.known || !q.ledger.ready() {
		return append(decisions, q.refuseUnread(now)...), q.wake(now)
	}
	for len(q.later.items) > 0 && !now.Before(q.later.items[0].at) {
		q.settle(q.later.items[0])
	}
	spare := q.spare(now)
	for len(q.waiters) > 0 && (spare > 0 || !q.ledger.outdated(now)) {
		if spare <= 0 && len(q.permits) == 0 { // a refusal needs no turn
			return append(decisions, q.refuseAll(q.exhausted(now))...), q.wake(now)
		}
		if len(q.free.items) == 0 {
			break
		}
		l := q.free.items[0]
		w := l.waiting.items[0]
		if now.Before(q.paced(w, spare, q.last)) {
			break // and all others that are free have had as many
		}
		q.leave(w)
		if spare <= 0 {
			decisions = append(decisions, Decision{Shard: w.shard, Err: q.exhausted(now)})
			continue
		}
		spare--
		q.starts[w.shard]++
		p := &permit{shard: w.shard, place: -1, granted: now}
		q.permits[w.shard] = p
		l.out++
		q.settle(l)
		if q.ledger.Ledger != nil {
			q.ledger.granted = append(q.ledger.granted, p)
			continue
		}
		decisions = append(decisions, q.handOut(p, now.Add(q.hold)))
	}
	return decisions, q.wake(now)
}

// handOut makes a permit known to its holder.
func (q *Queue) handOut(p *permit, expires time.Time) Decision {
	p.expires = expires
	q.expires.push(p)
	return Decision{Shard: p.shard, Expires: expires}
}

// refuseAll tells all who wait the same.
func (q *Queue) refuseAll(err error) (decisions []Decision) {
	all := slices.Collect(maps.Values(q.waiters))
	slices.SortFunc(all, q.order)
	for _, w := range all {
		decisions = append(decisions, Decision{Shard: w.shard, Err: err})
		q.leave(w)
	}
	return decisions
}

// wake is when Decide has to be called again.
func (q *Queue) wake(now time.Time) (at time.Time) {
	soonest := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	if len(q.expires.items) > 0 {
		soonest(q.expires.items[0].expires)
	}
	if l := &q.ledger; l.Ledger != nil && len(q.waiters)+len(l.batch)+len(l.granted) > 0 && !l.hangs(now) {
		if l.busy {
			soonest(l.since.Add(ledgerHangs))
		} else if !l.read || l.stale || len(l.granted) > 0 { // it is used now
			soonest(now.Add(ledgerHangs))
		}
	}
	if next := q.nextWord(now); !next.IsZero() {
		soonest(next)
	}
	if len(q.waiters) == 0 || !q.budget.known || !q.ledger.ready() {
		return at
	}
	if len(q.later.items) > 0 {
		soonest(q.later.items[0].at)
	}
	if len(q.free.items) > 0 { // they wait for the day to pass: the more is left the shorter
		soonest(q.paced(q.free.items[0].waiting.items[0], q.spare(now), q.last))
		if len(q.budget.spent) > 0 {
			soonest(q.budget.spent[0].until)
		}
	}
	return at
}
