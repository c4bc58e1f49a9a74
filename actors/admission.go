package actors

import (
	"container/heap"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
)

const (
	presenceLimit  = 5                // updates of the presence in one session
	presencePeriod = 21 * time.Second // of 20: the gateway counts arrivals, and a busy machine writes late
	fullListPeriod = 30 * time.Second // between two whole member lists of one guild
)

// admission decides when the send events of one shard may go: it holds the bucket of the
// shard's connection, and those that wait for it by priority and arrival. It is a plain value,
// owned by the supervisor, and answers without waiting.
type admission struct {
	limit    int // of the queue
	conn     uint64
	bucket   ratelimit.Bucket  // nil: the shard is not ready
	whole    int               // how many permits the bucket has in a period
	fault    any               // what the bucket has panicked with
	presence *ratelimit.Window // the presence's own limit, on top of the bucket
	queue    queue
	newest   *request  // the presence that waits; a newer one takes its place
	held     time.Time // what the shard has sent back is not admitted before
	round    int       // counts how often it has begun to send back
	soonest  time.Time // no deadline of those that wait is earlier; zero: none has one
	wake     time.Time
}

// open begins with a fresh connection, which has a fresh bucket.
func (a *admission) open(conn uint64, bucket ratelimit.Bucket, whole int) {
	a.conn, a.bucket, a.whole, a.held, a.round = conn, bucket, whole, time.Time{}, 0
	a.presence = ratelimit.NewWindow(presenceLimit, presencePeriod) //seam:presence-margin
}

// hold takes note of a request that the shard has sent back, since it would have been written too early.
func (a *admission) hold(until time.Time, round int) {
	if until.After(a.held) {
		a.held = until
	}
	a.round = max(a.round, round)
}

// shut holds everything back until there is a new connection.
func (a *admission) shut() { a.bucket, a.presence = nil, nil }

// add lets a request wait. It returns the request that it replaces, if any.
func (a *admission) add(r *request) (superseded *request, err error) {
	if r.Op == events.OpPresenceUpdate {
		superseded = a.newest
		a.newest = r
	} else {
		if len(a.queue) >= a.limit {
			a.purge(r.asked)
		}
		if len(a.queue) >= a.limit {
			return nil, ErrQueueFull
		}
		heap.Push(&a.queue, r)
	}
	if !r.Deadline.IsZero() && (a.soonest.IsZero() || r.Deadline.Before(a.soonest)) {
		a.soonest = r.Deadline
	}
	return superseded, nil
}

// purge forgets those whose callers have left, and ends those whose time is up.
func (a *admission) purge(now time.Time) {
	a.soonest = time.Time{}
	keep := func(r *request) bool {
		if r.expired(now, Queued) {
			return false
		}
		if !r.Deadline.IsZero() && (a.soonest.IsZero() || r.Deadline.Before(a.soonest)) {
			a.soonest = r.Deadline
		}
		return true
	}
	kept := a.queue[:0]
	for _, r := range a.queue {
		if keep(r) {
			kept = append(kept, r)
		}
	}
	clear(a.queue[len(kept):])
	a.queue = kept
	heap.Init(&a.queue)
	if a.newest != nil && !keep(a.newest) {
		a.newest = nil
	}
}

// next takes one request that may go now, or nil. Then wake says when to ask again; zero: not
// before something is added or opened.
func (a *admission) next(now time.Time) *request {
	a.wake = time.Time{}
	if !a.soonest.IsZero() && !now.Before(a.soonest) {
		a.purge(now)
	}
	for len(a.queue) > 0 && a.queue[0].over() {
		heap.Pop(&a.queue)
	}
	if a.newest != nil && a.newest.over() {
		a.newest = nil
	}
	if now.Before(a.held) && a.depth() > 0 {
		a.wakeBy(a.held)
		if !a.soonest.IsZero() {
			a.wakeBy(a.soonest)
		}
		return nil
	}
	var head *request
	if len(a.queue) > 0 {
		head = a.queue[0]
	}
	if a.newest != nil && a.bucket != nil && (head == nil || a.newest.serial < head.serial) {
		if a.presence.Remaining(now) > 0 { //seam:presence-limit
			if a.take(now) {
				a.presence.Take(now)
				a.presence.Wrote(now)
				r := a.newest
				a.newest = nil
				return r
			}
		} else {
			_, at := a.presence.Take(now)
			a.wakeBy(at)
		}
	}
	if head != nil && a.bucket != nil && a.take(now) { //seam:send-at-once
		heap.Pop(&a.queue)
		return head
	}
	if a.depth() > 0 && !a.soonest.IsZero() {
		a.wakeBy(a.soonest)
	}
	return nil
}

// take takes a permit of the bucket. A bucket that panics has none for a while.
func (a *admission) take(now time.Time) (ok bool) {
	defer func() {
		if a.fault = recover(); a.fault != nil {
			ok = false
			a.wakeBy(now.Add(limiterPause))
		}
	}()
	ok, at := a.bucket.Take(now)
	switch {
	case ok || at.IsZero(): // if there is none, what is written or comes back is told
	case !at.After(now):
		a.wakeBy(now.Add(time.Millisecond)) // a bucket of somebody else's may be imprecise
	default:
		a.wakeBy(at)
	}
	return ok
}

func (a *admission) wakeBy(at time.Time) {
	if a.wake.IsZero() || at.Before(a.wake) {
		a.wake = at
	}
}

// failAll ends all that wait.
func (a *admission) failAll(err error) {
	for _, r := range a.queue {
		r.fail(Queued, err, events.Answer{})
	}
	if a.newest != nil {
		a.newest.fail(Queued, err, events.Answer{})
	}
	a.queue, a.newest, a.soonest, a.wake = nil, nil, time.Time{}, time.Time{}
}

// depth is how many wait.
func (a *admission) depth() int {
	if a.newest != nil {
		return len(a.queue) + 1
	}
	return len(a.queue)
}

// queue is a heap: higher priority first, then who asked first.
type queue []*request

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if q[i].Priority != q[j].Priority {
		return q[i].Priority > q[j].Priority
	}
	return q[i].serial < q[j].serial //seam:sends-in-order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(r any)   { *q = append(*q, r.(*request)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	r := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return r
}
