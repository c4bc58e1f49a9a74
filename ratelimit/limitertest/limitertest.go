// Package limitertest is the suite that a ratelimit.RateLimiter must pass, whoever made it: one that is a value, and one that
// answers from elsewhere and later. It owns what it judges, as an application's supervisor does, and counts by brute force, in
// virtual time.
package limitertest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// Run runs the suite. fresh returns a new limiter that knows the given limits; it is called
// inside a synctest bubble, which must come to rest when nothing is asked of the limiter.
func Run(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	for name, check := range map[string]func(*testing.T, func(ratelimit.SessionStart) ratelimit.RateLimiter){
		"connection limit in any 60 s":           connectionLimit,
		"connections are apart":                  connectionsApart,
		"bucket tells the truth":                 bucketTruth,
		"payloads count from a late write":       lateWrites,
		"a returned permit makes room":           returnedPermits,
		"identifies of a key are apart":          spacing,
		"lowest shard first":                     lowestFirst,
		"cancelled waiters cost nothing":         cancelled,
		"a released permit costs nothing":        released,
		"slow writes count from the write":       slowWrites,
		"a permit that expires counts as used":   expiry,
		"the budget's reserve is not spent":      budget,
		"an update applies at once":              update,
		"reading changes nothing":                reading,
		"who asks again begins anew":             again,
		"two generations are two who wait":       generations,
		"a day is any 24 hours":                  anyDay,
		"who is decided on is not decided again": once,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { check(t, fresh) })
		})
	}
}

func plenty(keys int) ratelimit.SessionStart {
	return ratelimit.SessionStart{Total: 100_000, Remaining: 100_000, ResetAfter: 24 * time.Hour, MaxConcurrency: keys}
}

// shard is one of the first generation.
func shard(index int) ratelimit.Shard {
	return ratelimit.Shard{Generation: 1, Index: index, Total: 10_000}
}
