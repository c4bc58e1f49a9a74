package limitertest

import (
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// reading asks for nothing as often as it can, and compares with a limiter of which nothing is read.
func reading(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	start := ratelimit.SessionStart{Total: 30, Remaining: 30, ResetAfter: time.Hour, MaxConcurrency: 4}
	var runs [2][]grant
	for reads := range runs {
		limiter := fresh(start)
		queue := limiter.Identify()
		o := NewOwner(queue)
		begin := time.Now()
		for at := time.Duration(0); at < 3*time.Hour && reads == 1; at += time.Minute {
			o.After(at, func() { read(queue) })
		}
		o.Decided = func(d ratelimit.Decision) {
			if d.Err != nil {
				o.After(20*time.Minute, func() { o.Ask(d.Shard) })
				return
			}
			runs[reads] = append(runs[reads], grant{d.Shard, time.Unix(0, int64(time.Since(begin)))})
			o.Used(d.Shard)
			o.After(10*time.Minute, func() { o.Ask(d.Shard) })
		}
		for index := range 8 {
			o.Ask(shard(index))
		}
		o.Run(3 * time.Hour)
	}
	if len(runs[0]) == 0 || len(runs[0]) != len(runs[1]) {
		t.Fatalf("%d were granted, and %d when it was read", len(runs[0]), len(runs[1]))
	}
	for i, g := range runs[0] {
		if apart := runs[1][i].at.Sub(g.at).Abs(); runs[1][i].shard != g.shard || apart > time.Second {
			t.Fatalf("grant %d: %v, and when it was read %v", i, g, runs[1][i])
		}
	}
}

func read(queue ratelimit.IdentifyQueue) {
	if f, ok := queue.(ratelimit.Forecaster); ok {
		for shard := range f.Forecasts(time.Now()) {
			f.Forecast(time.Now(), shard)
		}
	}
	if b, ok := queue.(ratelimit.Budgeter); ok {
		b.Spare(time.Now())
	}
	if s, ok := queue.(interface {
		Stats(time.Time) ratelimit.QueueStats
	}); ok {
		s.Stats(time.Now())
	}
	if c, ok := queue.(ratelimit.Cloner); ok {
		copied := c.Clone(time.Now())
		for index := range 8 {
			copied.Ask(time.Now(), shard(index))
		}
		copied.Decide(time.Now().Add(time.Minute))
	}
}
