package actors

import (
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

const forecastPause = time.Second // between two forecasts, of all shards that wait

// foresee writes into the shards' status how long they will wait, once a second while that changes.
func (s *incarnation) foresee(now time.Time) {
	f := &s.books.identifies
	forecaster, ok := f.queue.(ratelimit.Forecaster)
	if !ok || !f.stale || len(f.asked) == 0 {
		return
	}
	if next := f.forecast.Add(forecastPause); now.Before(next) {
		s.arm(next)
		return
	}
	f.stale, f.forecast = false, now
	s.guard("Forecasts", func() {
		for name, forecast := range forecaster.Forecasts(now) {
			if q := f.asked[name]; q != nil && !q.granted {
				s.board.record(q.key).forecast.Store(&forecast)
			}
		}
	})
}

// copyQueue is how the queue stands, and a copy of it.
func (s *incarnation) copyQueue(now time.Time) any {
	f := &s.books.identifies
	s.decide() // the queue is told what it does not know yet
	if f.queue == nil {
		s.limit("Identify", func(ratelimit.IdentifyQueue) {})
	}
	cloner, ok := f.queue.(ratelimit.Cloner)
	var copied IdentifyQueue
	if ok {
		ok = s.guard("Clone", func() { copied = IdentifyQueue{cloner.Stats(now), cloner.Clone(now)} })
	}
	if !ok || copied.Copy == nil {
		return &Refusal{ErrOpaqueLimiter}
	}
	return &copied
}
