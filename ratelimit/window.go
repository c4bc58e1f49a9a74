package ratelimit

import "time"

// Window is a sliding-window log: at most limit takes in any span of one period, not merely in
// each fixed one. A bucket that refills at once, or bit by bit, would let up to twice the
// limit through across its boundary, and the gateway closes with 4008. It implements Bucket.
// The zero value is unusable; use NewWindow. Not safe for concurrent use.
type Window struct {
	limit  int
	period time.Duration
	taken  []time.Time // a ring of the latest takes, with as many places as were ever needed
	next   int         // the place of the oldest
}

// NewWindow returns a window that allows limit takes in any period. It panics unless both are
// positive.
func NewWindow(limit int, period time.Duration) *Window {
	if limit < 1 || period <= 0 {
		panic("ratelimit: NewWindow: limit and period must be positive")
	}
	return &Window{limit: limit, period: period}
}

// Take implements Bucket.
func (w *Window) Take(now time.Time) (ok bool, retryAt time.Time) {
	if len(w.taken) == 0 || !w.free(w.taken[w.next], now) {
		if len(w.taken) == w.limit {
			return false, w.taken[w.next].Add(w.period)
		}
		w.grow()
	}
	if latest := w.latest(); now.Before(latest) {
		now = latest // a clock that went back must not make room sooner
	}
	w.taken[w.next] = now
	w.next = (w.next + 1) % len(w.taken)
	return true, time.Time{}
}

// grow adds free places, which come before the oldest.
func (w *Window) grow() {
	more := min(max(len(w.taken), 4), w.limit-len(w.taken))
	ring := make([]time.Time, more, more+len(w.taken))
	w.taken, w.next = append(append(ring, w.taken[w.next:]...), w.taken[:w.next]...), 0
}

func (w *Window) latest() time.Time { return w.taken[(w.next+len(w.taken)-1)%len(w.taken)] }

func (w *Window) free(taken, now time.Time) bool {
	return taken.IsZero() || now.Sub(taken) >= w.period //seam:window-slides
}

// Limit implements Bucket.
func (w *Window) Limit() int { return w.limit }

// Remaining implements Bucket.
func (w *Window) Remaining(now time.Time) int {
	free := w.limit - len(w.taken)
	for i := range w.taken { // the ring is in order of time: the free places come first
		if !w.free(w.taken[(w.next+i)%len(w.taken)], now) {
			return free + i
		}
	}
	return w.limit
}

// Reset implements Bucket.
func (w *Window) Reset(now time.Time) time.Time {
	if len(w.taken) == 0 || w.free(w.latest(), now) {
		return now
	}
	return w.latest().Add(w.period)
}
