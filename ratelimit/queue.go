package ratelimit

import (
	"slices"
	"sync"
	"time"
)

// Queue is the identify queue of one process. Each key, shard % max_concurrency, has a lane: the
// shard that had the fewest Identifies goes first, and of those the lowest; one permit is out at a
// time, and the next follows an interval after the last Identify was written. A waiter that is
// cancelled costs nothing. Safe for concurrent use. Local makes one.
type Queue struct {
	spacing time.Duration
	hold    time.Duration
	kept    *int   // the reserve, if it was set
	ledger  Ledger // nil: there is none

	mu          sync.Mutex
	known       bool
	total       int
	remaining   int
	concurrency int
	resetAt     time.Time
	waiting     []*waiter
	out         map[*waiter]bool  // permits that are out
	expires     time.Time         // none of them is out for its hold before
	written     map[int]time.Time // shard → its last Identify, while that matters
	taken       map[int]int       // key → how many of its permits are out
	free        map[int]time.Time // key → when the interval after its last Identify ends
	timer       *time.Timer
	wake        time.Time   // when the timer fires; zero: it is not set
	starts      map[int]int // shard → its Identifies in this period
	latest      time.Time   // when the last permit was granted

	read   bool         // the ledger was read
	busy   bool         // the ledger is being read or written
	retry  time.Time    // when to read it again
	refuse *LedgerError // why it could not be read
}

type waiter struct {
	shard     int
	asked     time.Time
	granted   func(Permit)
	since     time.Time // when the permit was granted
	cancelled bool
	permit    Permit
}

// QueueStats is how the queue stands.
type QueueStats struct {
	Waiting        int
	Outstanding    int // permits that are out
	Total          int
	Remaining      int // of the day's budget
	Reserve        int
	MaxConcurrency int
	ResetAt        time.Time
}

const (
	day = 24 * time.Hour

	// gather is how long a waiter waits for lower shards to come, so that a fleet whose shards
	// connect at once, in any order, starts in order.
	gather = 100 * time.Millisecond
	// unseen is how old an Identify may be that Discord had not counted when it answered.
	unseen = IdentifyInterval
	// freeStarts is how many Identifies of a shard in a period are never spread over the day.
	freeStarts = 3
)

func newQueue(s settings) *Queue {
	return &Queue{ //seam:identify-spacing
		spacing: IdentifyInterval + s.identifyMargin, hold: s.hold, kept: s.reserve, ledger: s.ledger, concurrency: 1,
		out: make(map[*waiter]bool), written: make(map[int]time.Time), starts: make(map[int]int),
		taken: make(map[int]int), free: make(map[int]time.Time),
	}
}

// Enqueue implements IdentifyQueue.
func (q *Queue) Enqueue(shard int, granted func(Permit)) (cancel func()) {
	now := time.Now()
	w := &waiter{shard: shard, asked: now, granted: granted}
	q.mu.Lock()
	q.waiting = append(q.waiting, w)
	q.wakeAt(now, q.gathered(w))
	q.mu.Unlock()
	return func() { q.cancel(w) }
}

func (q *Queue) cancel(w *waiter) {
	q.mu.Lock()
	w.cancelled = true
	q.remove(w)
	out := q.out[w]
	q.mu.Unlock()
	if out {
		w.permit.Release()
	}
}

// Update implements IdentifyQueue. The number of keys applies from the next permit on.
func (q *Queue) Update(start SessionStart) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.refill(now) // a period that is over does not count in the one that was told
	left := max(start.Remaining, 0)
	if q.known && left > q.remaining && left <= q.remaining+q.recent(now) {
		left = q.remaining // it was told before our latest Identifies were counted
	}
	q.known = start.Total > 0
	q.total, q.remaining = start.Total, left
	q.concurrency = max(start.MaxConcurrency, 1)
	q.count()
	q.resetAt = now.Add(min(max(start.ResetAfter, 0), day))
	q.wakeAt(now, now)
}

// recent is how many Identifies Discord may not have counted when it said what is left.
func (q *Queue) recent(now time.Time) (n int) {
	for _, at := range q.written {
		if now.Sub(at) < unseen {
			n++
		}
	}
	return n
}

// Stats is how the queue stands now.
func (q *Queue) Stats() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refill(time.Now())
	return QueueStats{
		Waiting: len(q.waiting), Outstanding: len(q.out), Total: q.total, Remaining: q.remaining,
		Reserve: q.reserve(), MaxConcurrency: q.concurrency, ResetAt: q.resetAt,
	}
}

func (q *Queue) reserve() int {
	if q.kept != nil {
		return *q.kept
	}
	return (q.total + 9) / 10 //seam:identify-reserve
}

func (q *Queue) refill(now time.Time) {
	if q.known && !now.Before(q.resetAt) {
		q.remaining = q.total
		q.resetAt = now.Add(day)
		clear(q.starts)
	}
}

// run grants what may be granted now, and plans when to look again. It is the timer's function.
func (q *Queue) run() {
	q.mu.Lock()
	now := time.Now()
	q.wake = time.Time{}
	if !q.readLedger(now) {
		ready := q.refused()
		q.mu.Unlock()
		tell(ready)
		return
	}
	if q.busy { // it looks again when it is done
		q.mu.Unlock()
		return
	}
	ready := q.grant(now)
	q.busy = q.ledger != nil && slices.ContainsFunc(ready, func(w *waiter) bool { return w.permit.Err() == nil })
	write := q.busy
	q.mu.Unlock()
	if write {
		q.write(ready) // the timer's goroutine is ours to wait on
		return
	}
	tell(ready)
}

func tell(ready []*waiter) {
	for _, w := range ready {
		w.granted(w.permit)
	}
}

// refused takes all out of the queue who are told that the ledger cannot be read.
func (q *Queue) refused() []*waiter {
	if q.refuse == nil {
		return nil
	}
	ready := q.waiting
	q.waiting = nil
	for _, w := range ready {
		w.permit = Refused(q.refuse)
	}
	return ready
}

// grant takes from the queue all who get their answer now.
func (q *Queue) grant(now time.Time) (ready []*waiter) {
	q.refill(now)
	q.expire(now)
	if !q.known {
		return nil
	}
	for {
		w, wake := q.next(now)
		if w == nil {
			if !wake.IsZero() {
				q.wakeAt(now, wake)
			}
			return ready
		}
		q.remove(w)
		if left := q.remaining - len(q.out); left <= q.reserve() {
			w.permit = Refused(&BudgetError{Remaining: left, Reserve: q.reserve(), Until: q.resetAt})
		} else {
			w.since, q.latest = now, now
			q.starts[w.shard]++
			q.out[w] = true
			q.taken[w.shard%q.concurrency]++
			if q.expires.IsZero() {
				q.expires = now.Add(q.hold)
			}
			w.permit = NewPermit(func() { q.used(w) }, func() { q.released(w) })
		}
		ready = append(ready, w)
	}
}

// before orders those who wait: who had fewer Identifies goes first, so that shards which keep failing
// hold nobody back; then the lower shard, as the gateway wants it of a fleet that starts.
func (q *Queue) before(a, b *waiter) bool {
	if q.starts[a.shard] != q.starts[b.shard] { //seam:fewest-identifies-first
		return q.starts[a.shard] < q.starts[b.shard]
	}
	return a.shard < b.shard
}

// next is the first whose key is free, or when the first key becomes free. When the
// budget refuses, every waiter is next: a refusal needs no turn.
func (q *Queue) next(now time.Time) (first *waiter, wake time.Time) {
	refused := q.remaining-len(q.out) <= q.reserve() && len(q.out) == 0
	ripe := refused
	for _, w := range q.waiting {
		until := q.gathered(w)
		for _, wait := range [...]time.Time{q.freeAt(w), q.paced(now, w)} {
			if wait.After(until) {
				until = wait
			}
		}
		if ripe = ripe || !now.Before(until); ripe {
			break
		}
		if wake.IsZero() || until.Before(wake) {
			wake = until
		}
	}
	if !ripe {
		return nil, wake
	}
	for _, w := range q.waiting { // who has just come may be lower than who has gathered
		if free := !now.Before(q.freeAt(w)) && !now.Before(q.paced(now, w)); (free || refused) && (first == nil || q.before(w, first)) {
			first = w
		}
	}
	return first, time.Time{}
}

// gathered is until when a waiter waits for others who would go before it.
func (q *Queue) gathered(w *waiter) time.Time {
	if w.shard < q.concurrency && q.starts[w.shard] == 0 && q.remaining-len(q.out)-q.reserve() >= q.concurrency {
		return w.asked // it is the lowest of its key, and there is enough for one of each
	}
	return w.asked.Add(gather)
}

// freeAt is when the waiter's key is free, or when it may be.
func (q *Queue) freeAt(w *waiter) time.Time {
	key := w.shard % q.concurrency
	if q.taken[key] > 0 {
		return q.expires
	}
	return q.free[key]
}

// count counts anew what the keys are taken by.
func (q *Queue) count() {
	clear(q.taken)
	clear(q.free)
	for w := range q.out {
		q.taken[w.shard%q.concurrency]++
	}
	for shard, at := range q.written {
		q.occupy(shard, at)
	}
}

// occupy notes an Identify.
func (q *Queue) occupy(shard int, at time.Time) {
	if key, free := shard%q.concurrency, at.Add(q.spacing); free.After(q.free[key]) { //seam:identify-spacing-by-key
		q.free[key] = free
	}
}

// expire takes those permits for used that are out for so long that nobody knows what became of them.
func (q *Queue) expire(now time.Time) {
	if q.expires.IsZero() || now.Before(q.expires) {
		return
	}
	q.expires = time.Time{}
	for w := range q.out {
		if end := w.since.Add(q.hold); !now.Before(end) {
			q.spend(w, now)
		} else if q.expires.IsZero() || end.Before(q.expires) {
			q.expires = end
		}
	}
}

// paced is until when a shard waits that has had its share. When sessions keep failing, all day
// long, the first half of the budget is spent as fast as they ask; what is left is spread over
// the rest of the period, so that there is something left when the trouble ends.
func (q *Queue) paced(now time.Time, w *waiter) time.Time {
	spare, all := q.remaining-len(q.out)-q.reserve(), q.total-q.reserve()
	if q.starts[w.shard] < freeStarts || spare <= 0 || spare > all/2 { //seam:failing-shards-spread-identifies
		return time.Time{}
	}
	return q.latest.Add(q.resetAt.Sub(now) / time.Duration(spare))
}

func (q *Queue) remove(w *waiter) {
	for i, each := range slices.Backward(q.waiting) { // a fleet that ends takes back what it asked for last
		if each == w {
			q.waiting = slices.Delete(q.waiting, i, i+1)
			return
		}
	}
}

func (q *Queue) used(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.out[w] {
		q.spend(w, time.Now())
	}
}

func (q *Queue) spend(w *waiter, now time.Time) {
	q.back(w)
	q.refill(now)
	q.remaining = max(q.remaining-1, 0)
	q.written[w.shard] = now
	q.occupy(w.shard, now)
	q.wakeAt(now, now.Add(q.spacing))
}

func (q *Queue) released(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.back(w)
	q.wakeAt(time.Now(), time.Now())
}

// back notes that a permit is not out any more.
func (q *Queue) back(w *waiter) {
	if !q.out[w] {
		return
	}
	delete(q.out, w)
	q.taken[w.shard%q.concurrency]--
}

// wakeAt has run called at the time, or earlier.
func (q *Queue) wakeAt(now, at time.Time) {
	if len(q.waiting) == 0 || !q.wake.IsZero() && !at.Before(q.wake) {
		return
	}
	q.wake = at
	wait := max(at.Sub(now), 0)
	if q.timer == nil {
		q.timer = time.AfterFunc(wait, q.run)
		return
	}
	q.timer.Reset(wait)
}
