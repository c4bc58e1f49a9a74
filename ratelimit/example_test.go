package ratelimit_test

import (
	"fmt"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// The limiter of one process: a bucket for each connection, and one queue of Identifies.
func ExampleLocal() {
	limiter := ratelimit.Local(ratelimit.SessionStart{Total: 1000, Remaining: 998, MaxConcurrency: 1, ResetAfter: time.Hour})
	bucket := limiter.Connection(ratelimit.Shard{Index: 0, Total: 1}, 41250*time.Millisecond)
	ok, _ := bucket.Take(time.Now())
	fmt.Println(ok, bucket.Remaining(time.Now()), "of", bucket.Limit())
	// Output: true 114 of 115
}

// A window allows so many takes in any span of its length. It is told the time, and answers without waiting.
func ExampleWindow() {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	window := ratelimit.NewWindow(2, time.Minute)
	for _, after := range []time.Duration{0, 30 * time.Second, 45 * time.Second, 60 * time.Second} {
		now := began.Add(after)
		ok, retry := window.Take(now)
		if ok {
			window.Wrote(now) // a minute counts from here
			fmt.Println("after", after, "yes")
			continue
		}
		fmt.Println("after", after, "no, but after", retry.Sub(began))
	}
	// Output:
	// after 0s yes
	// after 30s yes
	// after 45s no, but after 1m0s
	// after 1m0s yes
}

// Two shards of one key wait for their Identify. Whoever owns the queue tells it the time, and hands on what it decides.
func ExampleQueue() {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	queue := ratelimit.Local(ratelimit.SessionStart{Total: 1000, Remaining: 1000, MaxConcurrency: 1, ResetAfter: 24 * time.Hour}).Identify()
	queue.Ask(now, ratelimit.Shard{Index: 0, Total: 2})
	queue.Ask(now, ratelimit.Shard{Index: 1, Total: 2})
	began := now
	for range 4 {
		decisions, next := queue.Decide(now)
		for _, d := range decisions {
			fmt.Println("after", now.Sub(began), "shard", d.Shard.Index, "may identify:", d.Err == nil)
			queue.Used(now, d.Shard) // it is written
		}
		if len(decisions) == 0 { // after Used, Decide is to be called again
			now = next
		}
	}
	// Output:
	// after 0s shard 0 may identify: true
	// after 5.25s shard 1 may identify: true
}

// A reserve of the day's Identifies is never spent.
func ExampleWithReserve() {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	limiter := ratelimit.Local(ratelimit.SessionStart{Total: 1000, Remaining: 50, MaxConcurrency: 1, ResetAfter: time.Hour}, ratelimit.WithReserve(50))
	queue := limiter.Identify()
	queue.Ask(now, ratelimit.Shard{Index: 0, Total: 1})
	for range 2 {
		decisions, next := queue.Decide(now)
		for _, d := range decisions {
			fmt.Println(d.Err)
		}
		now = next
	}
	// Output: ratelimit: identify budget: 50 left, of which 50 are kept in reserve; there is more at 2026-01-01T01:00:00Z
}
