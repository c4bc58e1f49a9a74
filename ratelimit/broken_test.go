package ratelimit_test

import (
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// broken is a limiter with one mistake.
type broken struct {
	ratelimit.RateLimiter
	connection func(ratelimit.Shard, time.Duration) ratelimit.Bucket
	queue      ratelimit.IdentifyQueue
}

func (b broken) Connection(shard ratelimit.Shard, heartbeat time.Duration) ratelimit.Bucket {
	if b.connection != nil {
		return b.connection(shard, heartbeat)
	}
	return b.RateLimiter.Connection(shard, heartbeat)
}

func (b broken) Identify() ratelimit.IdentifyQueue {
	if b.queue != nil {
		return b.queue
	}
	return b.RateLimiter.Identify()
}

// brokenQueue is a queue with one mistake.
type brokenQueue struct {
	ratelimit.IdentifyQueue
	shard     func(ratelimit.Shard) ratelimit.Shard // another in its place
	back      func(ratelimit.Shard) ratelimit.Shard // and back again
	decided   func([]ratelimit.Decision)            // what happens to those who are decided on
	used      func(at time.Time, shard ratelimit.Shard)
	withdraw  func(time.Time, ratelimit.Shard)
	update    func(time.Time, ratelimit.SessionStart)
	forecasts func(now time.Time)
}

func (q brokenQueue) name(shard ratelimit.Shard) ratelimit.Shard {
	if q.shard == nil {
		return shard
	}
	return q.shard(shard)
}

func (q brokenQueue) Ask(now time.Time, shard ratelimit.Shard) {
	q.IdentifyQueue.Ask(now, q.name(shard))
}

func (q brokenQueue) Withdraw(now time.Time, shard ratelimit.Shard) {
	if q.withdraw != nil {
		q.withdraw(now, shard)
		return
	}
	q.IdentifyQueue.Withdraw(now, q.name(shard))
}

func (q brokenQueue) Used(at time.Time, shard ratelimit.Shard) {
	if q.used != nil {
		q.used(at, shard)
		return
	}
	q.IdentifyQueue.Used(at, q.name(shard))
}

func (q brokenQueue) Decide(now time.Time) ([]ratelimit.Decision, time.Time) {
	decisions, next := q.IdentifyQueue.Decide(now)
	for i := range decisions {
		if q.back != nil {
			decisions[i].Shard = q.back(decisions[i].Shard)
		}
	}
	if q.decided != nil {
		q.decided(decisions)
	}
	return decisions, next
}

func (q brokenQueue) Update(now time.Time, start ratelimit.SessionStart) {
	if q.update != nil {
		q.update(now, start)
		return
	}
	q.IdentifyQueue.Update(now, start)
}

func (q brokenQueue) Stats(now time.Time) ratelimit.QueueStats {
	if q.forecasts != nil {
		q.forecasts(now)
	}
	return ratelimit.QueueStats{}
}

// spoilt is a local limiter whose queue has a mistake.
func spoilt(s ratelimit.SessionStart, spoil func(q *brokenQueue)) ratelimit.RateLimiter {
	local := ratelimit.Local(s)
	q := brokenQueue{IdentifyQueue: local.Identify()}
	spoil(&q)
	return broken{RateLimiter: local, queue: q}
}

// spoiltBucket is a local limiter whose buckets have a mistake.
func spoiltBucket(s ratelimit.SessionStart, spoil func(ratelimit.Bucket) ratelimit.Bucket) ratelimit.RateLimiter {
	local := ratelimit.Local(s)
	return broken{RateLimiter: local, connection: func(shard ratelimit.Shard, heartbeat time.Duration) ratelimit.Bucket {
		return spoil(local.Connection(shard, heartbeat))
	}}
}

// liar is a bucket that says that it is whole sooner.
type liar struct {
	ratelimit.Bucket
	whole time.Duration
}

func (l liar) Reset(now time.Time) time.Time { return l.Bucket.Reset(now).Add(l.whole) }

// hasty is a bucket in which a permit counts from when it was taken.
type hasty struct{ ratelimit.Bucket }

func (h hasty) Take(now time.Time) (bool, time.Time) {
	ok, at := h.Bucket.Take(now)
	if ok {
		h.Bucket.Wrote(now)
	}
	return ok, at
}

func (h hasty) Wrote(time.Time) {}

// greedy is a bucket that does not take permits back.
type greedy struct{ ratelimit.Bucket }

func (greedy) Return() {}
