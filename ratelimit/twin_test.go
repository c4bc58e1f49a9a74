package ratelimit_test

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

const (
	twinSpacing = 5250 * time.Millisecond
	twinHold    = 30 * time.Second
	twinStep    = 15 * time.Minute
	day         = 24 * time.Hour
)

// twin is the identify queue without any cleverness: it keeps everything, and looks at all of it each time.
type twin struct {
	origin, now            time.Time
	total, remaining, keys int
	reserve                int
	resetAt, latest        time.Time
	starts                 map[ratelimit.Shard]int
	waiting                []twinWaiter
	gathered               map[int]time.Time // by key, when the first that came has waited for others
	out                    []ratelimit.Decision
	log                    []grant
}

type twinWaiter struct {
	shard    ratelimit.Shard
	gathered time.Time
}

type grant struct {
	shard ratelimit.Shard
	at    time.Time
}

func (w *twin) clone() *twin {
	c := *w
	c.starts, c.gathered = maps.Clone(w.starts), maps.Clone(w.gathered)
	c.waiting, c.out, c.log = slices.Clone(w.waiting), slices.Clone(w.out), slices.Clone(w.log)
	return &c
}

func (w *twin) key(s ratelimit.Shard) int { return s.Index % w.keys }

func (w *twin) regather() {
	clear(w.gathered)
	for _, each := range w.waiting {
		w.gather(each)
	}
}

func (w *twin) gather(each twinWaiter) {
	if at, ok := w.gathered[w.key(each.shard)]; !ok || each.gathered.Before(at) {
		w.gathered[w.key(each.shard)] = each.gathered
	}
}

// period begins those days that have begun.
func (w *twin) period(now time.Time) {
	for w.total > 0 && !now.Before(w.resetAt) {
		w.remaining, w.resetAt = w.total, w.resetAt.Add(day)
		clear(w.starts)
		w.regather()
	}
}

func (w *twin) tell(now time.Time) {
	for {
		at := slices.IndexFunc(w.out, func(d ratelimit.Decision) bool { return !now.Before(d.Expires) })
		if at < 0 {
			break
		}
		d := slices.MinFunc(w.out, func(a, b ratelimit.Decision) int { return a.Expires.Compare(b.Expires) })
		w.used(d.Expires, d.Shard)
	}
	w.period(now)
	w.now = now
}

func (w *twin) ask(now time.Time, s ratelimit.Shard) {
	w.withdraw(now, s)
	each := twinWaiter{s, now.Add(100 * time.Millisecond)}
	if s.Index < w.keys && w.starts[s] == 0 && w.spare(now) >= w.keys {
		each.gathered = now
	}
	if !slices.ContainsFunc(w.waiting, func(other twinWaiter) bool { return w.key(other.shard) == w.key(s) }) {
		delete(w.gathered, w.key(s))
	}
	w.gather(each)
	w.waiting = append(w.waiting, each)
}

func (w *twin) withdraw(now time.Time, s ratelimit.Shard) {
	w.tell(now)
	w.leave(s)
	if had := len(w.out); had > len(slices.DeleteFunc(w.out, func(d ratelimit.Decision) bool { return d.Shard == s })) {
		w.out, w.starts[s] = w.out[:had-1], max(w.starts[s]-1, 0)
	}
}

func (w *twin) leave(s ratelimit.Shard) {
	w.waiting = slices.DeleteFunc(w.waiting, func(each twinWaiter) bool { return each.shard == s })
}

func (w *twin) used(at time.Time, s ratelimit.Shard) {
	i := slices.IndexFunc(w.out, func(d ratelimit.Decision) bool { return d.Shard == s })
	if i < 0 {
		return
	}
	w.period(at)
	w.latest = w.last()
	if granted := w.out[i].Expires.Add(-twinHold); granted.After(w.latest) {
		w.latest = granted
	}
	w.out = slices.Delete(w.out, i, i+1)
	w.remaining = max(w.remaining-1, 0)
	w.log = append(w.log, grant{s, at})
}

func (w *twin) update(now time.Time, start ratelimit.SessionStart) {
	w.tell(now)
	left, unseen := max(start.Remaining, 0), 0
	last := make(map[ratelimit.Shard]time.Time)
	for _, g := range w.log {
		last[g.shard] = g.at
	}
	for _, at := range last {
		if now.Sub(at) < 5*time.Second {
			unseen++
		}
	}
	if w.total > 0 && left > w.remaining && left <= w.remaining+unseen {
		left = w.remaining
	}
	w.total, w.remaining, w.keys = start.Total, left, max(start.MaxConcurrency, 1)
	w.resetAt = now.Add(min(max(start.ResetAfter, 0), day))
	w.regather()
}

func (w *twin) spent(now time.Time) (n int) {
	for _, g := range w.log {
		steps := g.at.Sub(w.origin)/twinStep + 1
		if now.Before(w.origin.Add(steps*twinStep + day)) {
			n++
		}
	}
	return n
}

// last is when the last permit was granted that was not given back.
func (w *twin) last() time.Time {
	latest := w.latest
	for _, d := range w.out {
		if at := d.Expires.Add(-twinHold); at.After(latest) {
			latest = at
		}
	}
	return latest
}

func (w *twin) left(now time.Time) int { return min(w.remaining, w.total-w.spent(now)) }

func (w *twin) spare(now time.Time) int { return w.left(now) - len(w.out) - w.reserve }

func (w *twin) order(a, b ratelimit.Shard) int {
	return cmp.Or(w.starts[a]-w.starts[b], cmp.Compare(a.Generation, b.Generation), a.Index-b.Index)
}

func (w *twin) free(now time.Time, s ratelimit.Shard) bool {
	for _, d := range w.out {
		if w.key(d.Shard) == w.key(s) {
			return false
		}
	}
	for _, g := range w.log {
		if w.key(g.shard) == w.key(s) && now.Sub(g.at) < twinSpacing {
			return false
		}
	}
	return !now.Before(w.gathered[w.key(s)])
}

func (w *twin) decide(now time.Time) (decisions []ratelimit.Decision) {
	w.tell(now)
	for w.total > 0 && len(w.waiting) > 0 {
		slices.SortFunc(w.waiting, func(a, b twinWaiter) int { return w.order(a.shard, b.shard) })
		spare := w.spare(now)
		no := &ratelimit.BudgetError{Remaining: max(w.left(now)-len(w.out), 0), Reserve: w.reserve}
		if spare <= 0 && len(w.out) == 0 {
			for _, each := range w.waiting {
				decisions = append(decisions, ratelimit.Decision{Shard: each.shard, Err: no})
			}
			w.waiting = nil
			return decisions
		}
		i := slices.IndexFunc(w.waiting, func(each twinWaiter) bool { return w.free(now, each.shard) })
		if i < 0 {
			return decisions
		}
		s := w.waiting[i].shard
		if w.starts[s] >= 3 && spare > 0 && spare <= (w.total-w.reserve)/2 && now.Before(w.last().Add(w.resetAt.Sub(w.last())/time.Duration(spare+1))) {
			return decisions
		}
		w.leave(s)
		if spare <= 0 {
			decisions = append(decisions, ratelimit.Decision{Shard: s, Err: no})
			continue
		}
		d := ratelimit.Decision{Shard: s, Expires: now.Add(twinHold)}
		w.starts[s]++
		w.out = append(w.out, d)
		decisions = append(decisions, d)
	}
	return decisions
}
