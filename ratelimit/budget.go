package ratelimit

import (
	"slices"
	"time"
)

const (
	day = 24 * time.Hour
	// counted is how finely the Identifies of the last day are counted: one counts until the end of its step, a day later.
	counted = 15 * time.Minute
)

// budget is the account of the day's Identifies. Two limits hold: what Discord said is left until its reset, and the total in any
// 24 hours of our own counting. When Discord's days begin is not documented, and a reset that is believed in too early would let
// nearly two budgets through within a day.
//
// Source: events/gateway#session-start-limit-object
type budget struct {
	known     bool
	total     int
	remaining int       // until resetAt
	resetAt   time.Time // a day later it is reset again, whoever looks, and when
	kept      *int      // the reserve, if it was set
	origin    time.Time // of the steps
	spent     []spent   // by until
}

// spent is how many Identifies count until a time.
type spent struct {
	until time.Time
	count int
}

// period is what is left by Discord's word, and until when.
func (b *budget) period(now time.Time) (remaining int, resetAt time.Time) {
	if !b.known || now.Before(b.resetAt) {
		return b.remaining, b.resetAt
	}
	return b.total, b.resetAt.Add((now.Sub(b.resetAt)/day + 1) * day)
}

// recent is how many of our own Identifies count.
func (b *budget) recent(now time.Time) (n int) {
	for _, s := range b.spent {
		if now.Before(s.until) {
			n += s.count
		}
	}
	return n
}

// left is what may be spent, the reserve included.
func (b *budget) left(now time.Time) int {
	remaining, _ := b.period(now)
	return min(remaining, b.total-b.recent(now))
}

func (b *budget) reserve() int {
	if b.kept != nil {
		return *b.kept
	}
	return (b.total + 9) / 10 //seam:identify-reserve
}

// advance begins a new period if its time has come, and reports whether it has.
func (b *budget) advance(now time.Time) bool {
	over := b.known && !now.Before(b.resetAt)
	b.remaining, b.resetAt = b.period(now)
	for len(b.spent) > 0 && !now.Before(b.spent[0].until) {
		b.spent = b.spent[1:]
	}
	return over
}

// until is how long an Identify counts.
func (b *budget) until(at time.Time) time.Time {
	return b.origin.Add((at.Sub(b.origin)/counted+1)*counted + day)
}

// spend takes note of an Identify.
func (b *budget) spend(at time.Time) {
	b.remaining = max(b.remaining-1, 0)
	b.count(b.until(at), 1)
}

func (b *budget) count(until time.Time, n int) {
	at, found := slices.BinarySearchFunc(b.spent, until, func(s spent, until time.Time) int { return s.until.Compare(until) })
	if !found {
		b.spent = slices.Insert(b.spent, at, spent{until: until})
	}
	b.spent[at].count += n
}

// uncount takes back one that counts until about a time: other processes' clocks are not quite ours.
func (b *budget) uncount(until time.Time) {
	nearest := -1
	for i, s := range b.spent {
		if s.count > 0 && (nearest < 0 || s.until.Sub(until).Abs() < b.spent[nearest].until.Sub(until).Abs()) {
			nearest = i
		}
	}
	if nearest >= 0 {
		b.spent[nearest].count--
	}
}

// more is when there is more than the reserve, with so many permits out: at the reset, or when enough of our own have passed.
func (b *budget) more(now time.Time, out int) time.Time {
	at := now
	remaining, resetAt := b.period(now)
	if remaining-out <= b.reserve() || b.total-out <= b.reserve() {
		at = resetAt
	}
	over := b.recent(now) + out + b.reserve() + 1 - b.total // so many of ours have to pass
	for _, s := range b.spent {
		if over > 0 && now.Before(s.until) {
			over -= s.count
			at = later(at, s.until)
		}
	}
	return at
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// exhausted says why there is no permit.
func (q *Queue) exhausted(now time.Time) *BudgetError {
	b, out := &q.budget, len(q.permits)
	return &BudgetError{Remaining: max(b.left(now)-out, 0), Reserve: b.reserve(), Until: b.more(now, out)}
}

// paced is until when a shard waits that has had its share. When sessions keep failing, all day
// long, the first half of the budget is spent as fast as they ask; what is left is spread over
// the rest of the period, so that there is something left when the trouble ends.
func (q *Queue) paced(w *waiter, spare int, last func() time.Time) time.Time {
	all := q.budget.total - q.budget.reserve()
	if q.starts[w.shard] < freeStarts || spare <= 0 || spare > all/2 { //seam:failing-shards-spread-identifies
		return time.Time{}
	}
	latest := last()
	return latest.Add(q.budget.resetAt.Sub(latest) / time.Duration(spare+1))
}

// last is when the last permit was granted, but for those that went back: they take no part of the day.
func (q *Queue) last() time.Time {
	latest := q.latest
	for _, p := range q.permits {
		latest = later(latest, p.granted)
	}
	return latest
}

// uncounted is how many Identifies Discord may not have counted when it said what is left.
func (q *Queue) uncounted(now time.Time) (n int) {
	for _, at := range q.written {
		if now.Sub(at) < unseen {
			n++
		}
	}
	return n + len(q.ledger.others)
}
