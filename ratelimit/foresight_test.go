package ratelimit_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// TestForecastKnowsOfTheSpreading: of shards that have had their share each waits for a longer part of the day than the one before, and that is what is forecast.
func TestForecastKnowsOfTheSpreading(t *testing.T) {
	t.Parallel()
	for _, keys := range []int{1, 4} {
		for _, remaining := range []int{40, 72, 75} { // of 100, 55 of which are the half; the reserve is 10
			synctest.Test(t, func(t *testing.T) {
				a := newAsker(queue(budget(100, keys), ratelimit.WithReserve(10)))
				for range 3 {
					for index := range 5 {
						a.ask(index)
						a.Run(time.Minute)
					}
				}
				start := budget(100, keys)
				start.Remaining = min(remaining, a.stats().Remaining)
				a.Update(start)
				a.order = nil
				a.ask(0, 1, 2, 3, 4, 9) // the last has had none
				said := make(map[int]time.Time)
				a.Run(0)
				for shard, f := range a.queue.Forecasts(time.Now()) {
					if said[shard.Index] = f.At; f.At.IsZero() {
						t.Errorf("%d keys, %d left: nothing is said of %v", keys, remaining, shard)
					}
					if one, ok := a.queue.Forecast(time.Now(), shard); !ok || one != f {
						t.Errorf("%d keys, %d left: by itself %+v, among all %+v", keys, remaining, one, f)
					}
				}
				a.answered(24 * time.Hour)
				for index, at := range said {
					if off := a.began.Add(a.at[index]).Sub(at).Abs(); a.got[index].Err != nil || off > time.Minute {
						t.Errorf("%d keys, %d left: shard %d was granted %v from when it was said, %v: %v", keys, remaining, index, off, at.Sub(a.began), a.got[index].Err)
					}
				}
			})
		}
	}
}

// TestForecastSaysNothingOfWhomTheBudgetRefuses, whichever keys they wait for.
func TestForecastSaysNothingOfWhomTheBudgetRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := budget(100, 4)
		start.Remaining = 15
		a := newAsker(queue(start, ratelimit.WithReserve(10)))
		for index := range 8 {
			a.ask(7 - index)
		}
		said := make(map[int]ratelimit.Forecast)
		for shard, f := range a.queue.Forecasts(time.Now()) {
			said[shard.Index] = f
			if one, ok := a.queue.Forecast(time.Now(), shard); !ok || one != f {
				t.Errorf("by itself %+v, among all %+v", one, f)
			}
		}
		a.answered(time.Minute)
		for index, f := range said {
			if granted := a.got[index].Err == nil; granted == f.At.IsZero() {
				t.Errorf("shard %d: granted: %v, and it was said %+v", index, granted, f)
			}
		}
	})
}
