package shardmanager_test

import (
	"sync/atomic"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// countingLimiter is a user's own rate limiter: it allows everything, and counts.
type countingLimiter struct{ connections, takes, identifies atomic.Int64 }

func (l *countingLimiter) Connection(int, time.Duration) ratelimit.Bucket {
	l.connections.Add(1)
	return countingBucket{l}
}

func (l *countingLimiter) Identify() ratelimit.IdentifyQueue { return l }

func (l *countingLimiter) Enqueue(_ int, granted func(ratelimit.Permit)) func() {
	l.identifies.Add(1)
	go granted(ratelimit.NewPermit(nil, nil))
	return func() {}
}

func (l *countingLimiter) Update(ratelimit.SessionStart) {}

type countingBucket struct{ limiter *countingLimiter }

func (b countingBucket) Take(time.Time) (bool, time.Time) {
	b.limiter.takes.Add(1)
	return true, time.Time{}
}
func (b countingBucket) Limit() int                    { return 100 }
func (b countingBucket) Remaining(time.Time) int       { return 100 }
func (b countingBucket) Reset(now time.Time) time.Time { return now }

// panickingLimiter is a user's limiter with a bug: when armed, its bucket panics once.
type panickingLimiter struct {
	countingLimiter
	armed atomic.Bool
}

func (l *panickingLimiter) Connection(int, time.Duration) ratelimit.Bucket {
	return panickingBucket{countingBucket{&l.countingLimiter}, l}
}

type panickingBucket struct {
	countingBucket
	limiter *panickingLimiter
}

func (b panickingBucket) Take(now time.Time) (bool, time.Time) {
	if b.limiter.armed.CompareAndSwap(true, false) {
		panic("a bug in the limiter")
	}
	return b.countingBucket.Take(now)
}
