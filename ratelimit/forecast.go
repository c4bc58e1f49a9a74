package ratelimit

import (
	"slices"
	"time"
)

// QueueStats is how the queue stands.
type QueueStats struct {
	Known          bool // Discord has said what there is, and the ledger was read, if there is one: until then nothing is granted
	Waiting        int
	Outstanding    int // permits that are out
	Total          int
	Remaining      int // of the day's budget, by what Discord said
	Spent          int // Identifies of our own that count in the last 24 hours; with those that are left they are never more than the total
	Reserve        int
	MaxConcurrency int
	ResetAt        time.Time // when Discord makes the budget whole again
}

// Stats is how the queue stands. Asking changes nothing.
func (q *Queue) Stats(now time.Time) QueueStats {
	b, concurrency := q.budget, q.concurrency
	if q.start != nil {
		fresh := newQueue(*q.start, settings{reserve: b.kept})
		fresh.tell(now)
		b, concurrency = fresh.budget, fresh.concurrency
	}
	if now.Before(q.now) {
		now = q.now
	}
	b.spent = slices.Clone(b.spent)
	out := len(q.permits)
	outstanding := slices.Clone(q.expires.items)
	slices.SortFunc(outstanding, func(a, b *permit) int { return a.expires.Compare(b.expires) })
	for _, p := range outstanding {
		if now.Before(p.expires) {
			break
		}
		b.advance(p.expires) // it counts as used, though nobody has told the queue the time since
		b.spend(p.expires)
		out--
	}
	remaining, resetAt := b.period(now)
	return QueueStats{
		Known: b.known && q.ledger.ready(), Waiting: len(q.waiters), Outstanding: out, Total: b.total, Remaining: remaining, Spent: b.recent(now),
		Reserve: b.reserve(), MaxConcurrency: concurrency, ResetAt: resetAt,
	}
}

// Spare implements Budgeter.
func (q *Queue) Spare(now time.Time) int {
	if !q.ledger.ready() {
		return 0
	}
	s := q.Stats(now)
	return max(min(s.Remaining, s.Total-s.Spent)-s.Reserve-s.Outstanding-s.Waiting, 0)
}

// Forecast implements Forecaster.
func (q *Queue) Forecast(now time.Time, shard Shard) (Forecast, bool) {
	w := q.waiters[shard]
	if w == nil {
		return Forecast{}, false
	}
	l := q.lanes[shard.key(q.concurrency)]
	place := 1
	for _, other := range l.waiting.items {
		if q.before(other, w) {
			place++
		}
	}
	return q.forecast(now, l, w, place), true
}

// Forecasts implements Forecaster.
func (q *Queue) Forecasts(now time.Time) func(yield func(Shard, Forecast) bool) {
	return func(yield func(Shard, Forecast) bool) {
		for _, l := range q.lanes {
			all := slices.Clone(l.waiting.items)
			slices.SortFunc(all, q.order)
			for i, w := range all {
				if !yield(w.shard, q.forecast(now, l, w, i+1)) {
					return
				}
			}
		}
	}
}

// forecast is how the waiter stands that is at a place of its lane.
func (q *Queue) forecast(now time.Time, l *lane, w *waiter, place int) Forecast {
	spare := q.spare(now)
	if !q.budget.known || !q.ledger.ready() || place > spare {
		return Forecast{Place: place}
	}
	at := later(now, later(l.gathered, l.whole))
	if l.out > 0 { // as if it were used now
		at = later(at, now.Add(q.spacing))
	}
	return Forecast{Place: place, At: later(at.Add(time.Duration(place-1)*q.spacing), q.paced(w, spare))}
}
