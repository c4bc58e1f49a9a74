package ratelimit

import (
	"cmp"
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
	if q.waiters[shard] == nil {
		return Forecast{}, false
	}
	all := q.forecasts(now)
	return all[slices.IndexFunc(all, func(f foreseen) bool { return f.w.shard == shard })].Forecast, true
}

// Forecasts implements Forecaster.
func (q *Queue) Forecasts(now time.Time) func(yield func(Shard, Forecast) bool) {
	return func(yield func(Shard, Forecast) bool) {
		for _, f := range q.forecasts(now) {
			if !yield(f.w.shard, f.Forecast) {
				return
			}
		}
	}
}

// foreseen is how a waiter stands.
type foreseen struct {
	Forecast
	w *waiter
}

// forecasts is how all stand who wait: each as its key allows, and then as the budget does, which is one for all keys.
func (q *Queue) forecasts(now time.Time) []foreseen {
	all := make([]foreseen, 0, len(q.waiters))
	for _, l := range q.lanes {
		at, first := later(now, later(l.gathered, l.whole)), len(all)
		if l.out > 0 { // as if it were used now
			at = later(at, now.Add(q.spacing))
		}
		for _, w := range l.waiting.items {
			all = append(all, foreseen{w: w})
		}
		lane := all[first:]
		slices.SortFunc(lane, func(a, b foreseen) int { return q.order(a.w, b.w) })
		for i := range lane {
			lane[i].Forecast = Forecast{Place: i + 1, At: at.Add(time.Duration(i) * q.spacing)}
		}
	}
	slices.SortFunc(all, func(a, b foreseen) int { return cmp.Or(a.At.Compare(b.At), q.order(a.w, b.w)) })
	spare, latest := 0, q.last()
	last := func() time.Time { return latest }
	if q.budget.known && q.ledger.ready() {
		spare = q.spare(now)
	}
	grant := func(f *foreseen) {
		if spare <= 0 {
			f.At = time.Time{}
		}
		spare--
		latest = f.At
	}
	var paced []*foreseen // those wait until nobody else does
	for i := range all {
		if f := &all[i]; q.paced(f.w, spare, last).IsZero() {
			grant(f)
		} else {
			paced = append(paced, f)
		}
	}
	slices.SortFunc(paced, func(a, b *foreseen) int { return q.order(a.w, b.w) })
	for _, f := range paced {
		f.At = later(f.At, q.paced(f.w, spare, last))
		grant(f)
	}
	return all
}
