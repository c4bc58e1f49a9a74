package ratelimit

import "time"

// lane is those who wait for one key.
type lane struct {
	waiting  heap[*waiter] // who goes first is first
	gathered time.Time     // when the first that came has waited for lower ones
	whole    time.Time     // when the interval after its last Identify ends
	out      int           // permits of the key: one, or more after an Update with fewer keys
	at       time.Time     // when it is free, if nothing is out
	later    int           // its place in Queue.later; -1: it is not in there
	free     int           // and in Queue.free
}

// waiter is a shard that waits.
type waiter struct {
	shard    Shard
	gathered time.Time // until when it waits for lower ones
	place    int       // in its lane
}

// before orders those who wait: who had fewer Identifies goes first, so that shards which keep failing
// hold nobody back; then the lower shard, as the gateway wants it of a fleet that starts.
func (q *Queue) before(a, b *waiter) bool {
	if q.starts[a.shard] != q.starts[b.shard] { //seam:fewest-identifies-first
		return q.starts[a.shard] < q.starts[b.shard]
	}
	return a.shard.compare(b.shard) < 0
}

// order is before, for sorting.
func (q *Queue) order(a, b *waiter) int {
	switch {
	case q.before(a, b):
		return -1
	case q.before(b, a):
		return 1
	}
	return 0
}

func (q *Queue) lane(shard Shard) *lane {
	key := shard.key(q.concurrency) //seam:generations-share-keys
	l := q.lanes[key]
	if l == nil {
		l = &lane{whole: q.ledger.lost.Add(q.spacing), later: -1, free: -1}
		l.waiting = heap[*waiter]{before: q.first, moved: func(w *waiter, place int) { w.place = place }}
		q.lanes[key] = l
	}
	return l
}

// leave takes a waiter out.
func (q *Queue) leave(w *waiter) {
	delete(q.waiters, w.shard)
	q.waiters = emptied(q.waiters)
	l := q.lane(w.shard)
	l.waiting.remove(w.place)
	q.settle(l)
}

// emptied gives back the room of a map in which nothing is left: all shards of a fleet may have been in it at one moment.
func emptied[K comparable, V any](m map[K]V) map[K]V {
	if len(m) > 0 {
		return m
	}
	return make(map[K]V)
}

// settle sorts a lane in anew, after anything of it has changed.
func (q *Queue) settle(l *lane) {
	if l.later >= 0 {
		q.later.remove(l.later)
	}
	if l.free >= 0 {
		q.free.remove(l.free)
	}
	if len(l.waiting.items) == 0 || l.out > 0 {
		return
	}
	l.at = later(l.gathered, l.whole)
	if q.now.Before(l.at) {
		q.later.push(l)
	} else {
		q.free.push(l)
	}
}

// occupy notes an Identify.
func (q *Queue) occupy(shard Shard, at time.Time) {
	l := q.lane(shard) //seam:identify-spacing-by-key
	l.whole = later(l.whole, at.Add(q.spacing))
}

// rebuild makes the lanes anew, after the number of keys has changed, or who goes first.
func (q *Queue) rebuild() {
	clear(q.lanes)
	q.later.items, q.free.items = nil, nil
	for shard, at := range q.written {
		if q.now.Sub(at) < max(q.spacing, unseen) {
			q.occupy(shard, at)
		} else {
			delete(q.written, shard)
		}
	}
	for shard, at := range q.ledger.others {
		q.occupy(shard, at)
	}
	for shard := range q.permits {
		q.lane(shard).out++
	}
	for _, w := range q.waiters {
		l := q.lane(w.shard)
		if len(l.waiting.items) == 0 || w.gathered.Before(l.gathered) {
			l.gathered = w.gathered
		}
		l.waiting.push(w)
	}
	for _, l := range q.lanes {
		q.settle(l)
	}
}
