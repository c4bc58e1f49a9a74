package actors

import (
	"container/heap"
	"context"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// account is what admission keeps of one shard: those who wait, by priority and order; what they may take; and those that
// were forwarded, until the shard has told whether it wrote them.
type account struct {
	admission *admission
	key       Key
	closed    error             // not nil: nothing is taken in, and this is why
	conn      uint64            // the latest connection
	session   uint64            // the latest session
	bucket    ratelimit.Bucket  // of the connection; nil: it is not Ready
	presences *ratelimit.Window // of the session; nil: it was sent none
	queue     queue
	newest    *request  // the presence that waits; a newer one takes its place
	flight    []flight  // in the order in which they were forwarded
	soonest   time.Time // no deadline of those that wait is earlier; zero: none has one
	wake      time.Time // when it is to be looked at; zero: not before something changes
}

// flight is a request that was forwarded.
type flight struct {
	*request
	conn      uint64
	bucket    ratelimit.Bucket
	presences *ratelimit.Window // nil: it is no presence
}

// open begins with a connection that is Ready, and its bucket. A new session has all of its presences before it. What takes nothing in still does not.
func (c *account) open(conn, session uint64, bucket ratelimit.Bucket) {
	if session != c.session {
		c.presences = nil
	}
	c.conn, c.session, c.bucket = conn, session, bucket
}

// shut holds everything back until there is a new connection.
func (c *account) shut() { c.bucket = nil }

// refuse takes nothing more in, and ends what waits. What was forwarded the shard ends, or grounded does.
func (c *account) refuse(err error) {
	c.closed = err
	for _, r := range c.queue {
		r.fail(Queued, err, events.Answer{})
	}
	if c.newest != nil {
		c.newest.fail(Queued, err, events.Answer{})
	}
	c.queue, c.newest, c.soonest, c.wake = nil, nil, time.Time{}, time.Time{}
}

// add lets a request wait, or ends it.
func (c *account) add(now time.Time, r *request) {
	if c.closed != nil {
		r.fail(Refused, c.closed, events.Answer{})
		return
	}
	if r.event.Op != events.OpPresenceUpdate && len(c.queue) >= c.admission.limit {
		if c.purge(now); len(c.queue) >= c.admission.limit {
			r.fail(Refused, ErrQueueFull, events.Answer{})
			return
		}
	}
	c.wait(r)
}

// wait puts a request in its place among those that wait.
func (c *account) wait(r *request) {
	switch {
	case r.event.Op != events.OpPresenceUpdate:
		c.queue.add(r)
	case c.newest == nil:
		c.newest = r
	case c.newest.serial < r.serial:
		c.newest.fail(Queued, ErrSuperseded, events.Answer{})
		c.newest = r
	default: // it was forwarded, and comes back to one that is newer
		r.fail(Queued, ErrSuperseded, events.Answer{})
	}
	if !r.deadline.IsZero() && (c.soonest.IsZero() || r.deadline.Before(c.soonest)) {
		c.soonest = r.deadline
	}
}

// next takes one request that may go now, or nil: then it is planned when to look again. It is in flight, with its permits,
// until it has landed.
func (c *account) next(now time.Time) *request {
	if c.depth() == 0 && c.wake.IsZero() {
		return nil
	}
	r, at := c.choose(now)
	if r == nil {
		if c.depth() > 0 && !c.soonest.IsZero() && (at.IsZero() || c.soonest.Before(at)) {
			at = c.soonest
		}
		if !at.Equal(c.wake) {
			if c.wake = at; !at.IsZero() {
				heap.Push(&c.admission.wakeups, wakeup{at, c})
			}
		}
	}
	return r
}

func (c *account) choose(now time.Time) (r *request, at time.Time) {
	if !c.soonest.IsZero() && !now.Before(c.soonest) {
		c.purge(now)
	}
	if c.bucket == nil || len(c.flight) > 0 && c.flight[0].conn != c.conn {
		return nil, time.Time{} // what was forwarded to an earlier connection comes back first, and goes before
	}
	for c.depth() > 0 {
		presence := c.newest != nil && (len(c.queue) == 0 || c.newest.before(c.queue[0]))
		if presence {
			if c.presences == nil {
				c.presences = ratelimit.NewWindow(presenceLimit, presencePeriod) //seam:presence-margin
			}
			ok, retry := c.presences.Take(now)
			if presence = ok; !ok {
				at = retry
				if len(c.queue) == 0 {
					return nil, at
				}
			}
		}
		ok, retry := c.take(now, presence) //seam:send-at-once
		if !ok {
			return nil, earlier(at, retry)
		}
		f := flight{conn: c.conn, bucket: c.bucket}
		if presence {
			f.request, f.presences, c.newest = c.newest, c.presences, nil
		} else {
			f.request = c.queue.take()
		}
		if c.admission.cleared(now, f.request) {
			f.request.conn = c.conn
			c.flight = append(c.flight, f)
			return f.request, time.Time{}
		}
		f.back()
	}
	return nil, at
}

// earlier is the earlier of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// take takes a permit of the connection. If there is none, whatever the bucket does, a presence gives back the one that it has.
func (c *account) take(now time.Time, presence bool) (ok bool, at time.Time) {
	if presence {
		defer func() {
			if !ok {
				c.presences.Return()
			}
		}()
	}
	ok, at = c.bucket.Take(now)
	if !ok && !at.IsZero() && !at.After(now) {
		at = now.Add(time.Millisecond) // a bucket of somebody else's may be imprecise
	}
	return ok, at
}

// back gives the permits back.
func (f flight) back() {
	f.bucket.Return()
	if f.presences != nil {
		f.presences.Return()
	}
}

// landed takes note of what became of a request that was forwarded: written at a time, or, if that is zero, not at all. One
// that was not and has not ended waits again.
func (c *account) landed(r *request, wrote time.Time) {
	i := slices.IndexFunc(c.flight, func(f flight) bool { return f.request == r })
	if i < 0 {
		return
	}
	f := c.flight[i]
	c.flight = slices.Delete(c.flight, i, i+1)
	c.land(f, wrote)
}

func (c *account) land(f flight, wrote time.Time) {
	if wrote.IsZero() {
		f.back()
	} else {
		f.bucket.Wrote(wrote)
		if f.presences != nil {
			f.presences.Wrote(wrote)
		}
	}
	if f.event.Full {
		c.admission.list(f.event.Guild, false, wrote)
	}
	if !wrote.IsZero() || f.over() {
		return
	}
	if c.closed != nil {
		f.fail(Queued, c.closed, events.Answer{})
		return
	}
	if f.conn == c.conn {
		c.shut() // it takes nothing more, even if the word of that was lost: nothing is offered to it again
	}
	c.wait(f.request)
}

// grounded ends the flight of all, since the shard's actor has ended: of those that it had claimed, whether they were written is not
// known; the others were not.
func (c *account) grounded(now time.Time, err error) {
	flights := c.flight
	c.flight = nil
	for _, f := range flights {
		if f.state.Load() == claimed {
			c.land(f, now)
			f.fail(Written, err, events.Answer{})
		} else {
			c.land(f, time.Time{})
		}
	}
}

// purge forgets those whose callers have left, all of them where several share one, and ends those whose time is up.
func (c *account) purge(now time.Time) {
	c.soonest = time.Time{}
	over := func(r *request) bool {
		if r.expired(now, Queued) {
			return true
		}
		if r.join != nil && r.join.left() {
			r.fail(Queued, context.Canceled, events.Answer{})
			return true
		}
		if !r.deadline.IsZero() && (c.soonest.IsZero() || r.deadline.Before(c.soonest)) {
			c.soonest = r.deadline
		}
		return false
	}
	c.queue = slices.DeleteFunc(c.queue, over)
	heap.Init(&c.queue)
	if c.newest != nil && over(c.newest) {
		c.newest = nil
	}
}

// depth is how many wait.
func (c *account) depth() int {
	if c.newest != nil {
		return len(c.queue) + 1
	}
	return len(c.queue)
}

// raise has a request that waits, or is in flight, go by a higher priority.
func (c *account) raise(r *request, to Priority) {
	r.priority = to
	heap.Init(&c.queue)
}
