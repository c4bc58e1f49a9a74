package ratelimit

import (
	"sort"
	"time"
)

// Window is a sliding-window log: at most limit writes in any span of one period, not merely in
// each fixed one. A bucket that refills at once, or bit by bit, would let up to twice the
// limit through across its boundary, and the gateway closes with 4008. It implements Bucket.
// The zero value is unusable; use NewWindow. Not safe for concurrent use.
type Window struct {
	limit  int
	period time.Duration
	out    int         // permits that were taken, and of which nothing was told yet
	wrote  []time.Time // a ring of the latest writes, in order of time, with as many places as were ever needed
	next   int         // the place of the oldest
}

// NewWindow returns a window that allows limit writes in any period. It panics unless both are
// positive.
func NewWindow(limit int, period time.Duration) *Window {
	if limit < 1 || period <= 0 {
		panic("ratelimit: NewWindow: limit and period must be positive")
	}
	return &Window{limit: limit, period: period}
}

// Take implements Bucket.
func (w *Window) Take(now time.Time) (ok bool, retryAt time.Time) {
	room := w.limit - w.out // for writes
	if room <= 0 {
		return false, time.Time{}
	}
	// Of the newest writes, as many as there is room for, the oldest must have passed.
	if len(w.wrote) >= room {
		if at := w.wrote[(w.next+len(w.wrote)-room)%len(w.wrote)]; !w.free(at, now) {
			return false, at.Add(w.period)
		}
	}
	w.out++
	return true, time.Time{}
}

// Wrote implements Bucket. A write for which no permit was taken counts as well.
func (w *Window) Wrote(at time.Time) {
	w.out = max(w.out-1, 0)
	if len(w.wrote) == 0 || len(w.wrote) < w.limit && !w.free(w.wrote[w.next], at) {
		w.grow()
	}
	if latest := w.latest(); at.Before(latest) {
		at = latest // a clock that went back must not make room sooner
	}
	w.wrote[w.next] = at
	w.next = (w.next + 1) % len(w.wrote)
}

// Return implements Bucket.
func (w *Window) Return() { w.out = max(w.out-1, 0) }

// grow adds free places, which come before the oldest.
func (w *Window) grow() {
	more := min(max(len(w.wrote), 4), w.limit-len(w.wrote))
	ring := make([]time.Time, more, more+len(w.wrote))
	w.wrote, w.next = append(append(ring, w.wrote[w.next:]...), w.wrote[:w.next]...), 0
}

func (w *Window) latest() time.Time { return w.wrote[(w.next+len(w.wrote)-1)%len(w.wrote)] }

func (w *Window) free(wrote, now time.Time) bool {
	return wrote.IsZero() || now.Sub(wrote) >= w.period //seam:window-slides
}

// Limit implements Bucket.
func (w *Window) Limit() int { return w.limit }

// Remaining implements Bucket.
func (w *Window) Remaining(now time.Time) int {
	free := sort.Search(len(w.wrote), func(i int) bool { // the ring is in order of time: the free places come first
		return !w.free(w.wrote[(w.next+i)%len(w.wrote)], now)
	})
	return max(w.limit-w.out-(len(w.wrote)-free), 0)
}

// Reset implements Bucket.
func (w *Window) Reset(now time.Time) time.Time {
	switch {
	case w.out > 0:
		return time.Time{}
	case len(w.wrote) == 0 || w.free(w.latest(), now):
		return now
	}
	return w.latest().Add(w.period)
}
