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
