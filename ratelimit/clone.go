package ratelimit

import (
	"maps"
	"slices"
	"time"
)

// Clone implements Cloner. The copy has no ledger: it goes by what this queue has read, and what is being written down counts as written.
func (q *Queue) Clone(now time.Time) IdentifyQueue {
	c := newQueue(SessionStart{}, settings{})
	c.spacing, c.hold, c.start, c.now = q.spacing, q.hold, nil, q.now
	if q.start != nil {
		start := *q.start
		c.start = &start
	}
	c.budget, c.concurrency, c.latest = q.budget, q.concurrency, q.latest
	c.budget.spent = slices.Clone(q.budget.spent)
	c.starts, c.written = maps.Clone(q.starts), maps.Clone(q.written)
	c.ledger.lost, c.ledger.others = q.ledger.lost, maps.Clone(q.ledger.others)
	c.ledger.refused = slices.Clone(q.ledger.refused)
	for key, l := range q.lanes {
		of := &lane{gathered: l.gathered, whole: l.whole, out: l.out, later: -1, free: -1}
		of.waiting = heap[*waiter]{before: c.first, moved: l.waiting.moved}
		c.lanes[key] = of
	}
	for shard, w := range q.waiters {
		of := &waiter{shard: shard, gathered: w.gathered}
		c.waiters[shard] = of
		c.lane(shard).waiting.push(of)
	}
	for shard, p := range q.permits {
		of := &permit{shard: shard, expires: p.expires, granted: p.granted, place: -1}
		c.permits[shard] = of
		if !p.expires.IsZero() && p.place >= 0 {
			c.expires.push(of)
			continue
		}
		if of.expires.IsZero() {
			of.expires = later(q.now, now).Add(q.hold)
		}
		c.ledger.safe = append(c.ledger.safe, of)
	}
	slices.SortFunc(c.ledger.safe, func(a, b *permit) int { return a.shard.compare(b.shard) })
	for _, l := range c.lanes {
		c.settle(l)
	}
	return c
}
