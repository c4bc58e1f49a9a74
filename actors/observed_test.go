package actors_test

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// observed is the library's own limiter, of which each call is told before it is made. Its ledger takes a while.
type observed struct {
	ratelimit.RateLimiter
	*ratelimit.Queue
	called func(call string)
	mu     sync.Mutex // so that a test may look
}

func observe(cfg *actors.SupervisorConfig, keys int, called func(call string)) *observed {
	start := ratelimit.SessionStart{Total: 1000, Remaining: 1000, MaxConcurrency: keys, ResetAfter: time.Hour}
	local := ratelimit.Local(start, ratelimit.WithLedger(slowLedger{}))
	o := &observed{RateLimiter: local, Queue: local.Identify().(*ratelimit.Queue), called: called}
	cfg.Limiter, cfg.SessionStart = o, start
	return o
}

// slowLedger remembers nothing.
type slowLedger struct{}

func (slowLedger) LoadLedger(context.Context) (ratelimit.LedgerState, error) {
	time.Sleep(20 * time.Millisecond)
	return ratelimit.LedgerState{}, nil
}

func (slowLedger) SaveLedger(context.Context, ratelimit.LedgerState) error {
	time.Sleep(20 * time.Millisecond)
	return nil
}

func (o *observed) Identify() ratelimit.IdentifyQueue {
	o.called("Identify")
	return o
}

func (o *observed) Connection(shard ratelimit.Shard, heartbeat time.Duration) ratelimit.Bucket {
	o.called("Connection")
	return observedBucket{o.RateLimiter.Connection(shard, heartbeat), o}
}

func (o *observed) Ask(now time.Time, shard ratelimit.Shard) {
	o.called("Ask")
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Queue.Ask(now, shard)
}

func (o *observed) Withdraw(now time.Time, shard ratelimit.Shard) {
	o.called("Withdraw")
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Queue.Withdraw(now, shard)
}

func (o *observed) Used(at time.Time, shard ratelimit.Shard) {
	o.called("Used")
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Queue.Used(at, shard)
}

func (o *observed) Decide(now time.Time) ([]ratelimit.Decision, time.Time) {
	o.called("Decide")
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.Queue.Decide(now)
}

func (o *observed) Update(now time.Time, start ratelimit.SessionStart) {
	o.called("Update")
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Queue.Update(now, start)
}

func (o *observed) Work(now time.Time) (func(context.Context), func(time.Time)) {
	o.called("Work")
	o.mu.Lock()
	defer o.mu.Unlock()
	do, done := o.Queue.Work(now)
	return do, func(now time.Time) {
		o.mu.Lock()
		defer o.mu.Unlock()
		done(now)
	}
}

func (o *observed) Forecasts(now time.Time) func(func(ratelimit.Shard, ratelimit.Forecast) bool) {
	o.called("Forecasts")
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.All(maps.Collect(o.Queue.Forecasts(now)))
}

func (o *observed) stats() ratelimit.QueueStats {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.Stats(time.Now())
}

type observedBucket struct {
	ratelimit.Bucket
	o *observed
}

func (b observedBucket) Take(now time.Time) (bool, time.Time) {
	b.o.called("Take")
	return b.Bucket.Take(now)
}

func (b observedBucket) Wrote(at time.Time) {
	b.o.called("Wrote")
	b.Bucket.Wrote(at)
}

func (b observedBucket) Return() {
	b.o.called("Return")
	b.Bucket.Return()
}

func (b observedBucket) Limit() int {
	b.o.called("Limit")
	return b.Bucket.Limit()
}

// calls counts the calls of a limiter. Safe for concurrent use.
type calls struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *calls) count(call string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[string]int)
	}
	c.n[call]++
}

func (c *calls) of(call string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[call]
}
