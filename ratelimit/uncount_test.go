package ratelimit

import (
	"testing"
	"time"
)

// TestEachIdentifyIsTakenBackOnce: one that was taken back is not there any more, and the next is that of another time.
func TestEachIdentifyIsTakenBackOnce(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	b := budget{known: true, total: 10, remaining: 10, resetAt: began.Add(day), origin: began}
	first, second := began.Add(time.Hour), began.Add(2*time.Hour)
	b.spent = []spent{{first, 1}, {second, 1}}
	b.uncount(first)
	b.uncount(first)
	b.uncount(first) // there is none any more
	for _, now := range []time.Time{began, first.Add(time.Minute)} {
		if n := b.recent(now); n != 0 {
			t.Errorf("%v later %d count", now.Sub(began), n)
		}
	}
}
