package ratelimit

import "time"

// Window is a sliding-window log: at most limit takes in any span of one period, not merely in
// each fixed one. A bucket that refills at once, or bit by bit, would let up to twice the
// limit through across its boundary, and the gateway closes with 4008. It implements Bucket.
// The zero value is unusable; use NewWindow. Not safe for concurrent use.
type Window struct {
	period time.Duration
	taken  []time.Time // a ring of the latest takes, one place for each permit
	next   int         // the place of the oldest
}

// NewWindow returns a window that allows limit takes in any period. It panics unless both are
// positive.
func NewWindow(limit int, period time.Duration) *Window {
	if limit < 1 || period <= 0 {
		panic("ratelimit: NewWindow: limit and period must be positive")
	}
	return &Window{period: period, taken: make([]time.Time, limit)}
}

// Take implements Bucket.
func (w *Window) Take(now time.Time) (ok bool, retryAt time.Time) {
	if oldest := w.taken[w.next]; !w.free(oldest, now) {
		return false, oldest.Add(w.period)
	}
	if latest := w.taken[(w.next+len(w.taken)-1)%len(w.taken)]; now.Before(latest) {
		now = latest // a clock that went back must not make room sooner
	}
	w.taken[w.next] = now
	w.next = (w.next + 1) % len(w.taken)
	return true, time.Time{}
}

func (w *Window) free(taken, now time.Time) bool {
	return taken.IsZero() || now.Sub(taken) >= w.period
}

// Limit implements Bucket.
func (w *Window) Limit() int { return len(w.taken) }

// Remaining implements Bucket.
func (w *Window) Remaining(now time.Time) int {
	// The ring is in order of time: the free places come first.
	for i := range w.taken {
		if !w.free(w.taken[(w.next+i)%len(w.taken)], now) {
			return i
		}
	}
	return len(w.taken)
}

// Reset implements Bucket.
func (w *Window) Reset(now time.Time) time.Time {
	latest := w.taken[(w.next+len(w.taken)-1)%len(w.taken)]
	if w.free(latest, now) {
		return now
	}
	return latest.Add(w.period)
}
