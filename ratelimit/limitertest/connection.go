package limitertest

import (
	"slices"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

var heartbeats = []time.Duration{5 * time.Second, 30 * time.Second, 41250 * time.Millisecond, 45 * time.Second, 2 * time.Minute}

// own are the session's own payloads at their worst.
func own(begin, end time.Time, heartbeat time.Duration) []time.Time {
	seen := []time.Time{begin, begin, begin} // Identify and two heartbeats that were asked for
	for at := begin; at.Before(end); at = at.Add(heartbeat) {
		seen = append(seen, at)
	}
	return seen
}

// judgeConnection counts what the gateway would see.
func judgeConnection(t *testing.T, heartbeat time.Duration, seen []time.Time) {
	t.Helper()
	slices.SortFunc(seen, time.Time.Compare)
	for i, from := 0, 0; i < len(seen); i++ {
		for seen[i].Sub(seen[from]) >= ratelimit.ConnectionPeriod {
			from++
		}
		if n := i - from + 1; n > ratelimit.ConnectionLimit {
			t.Fatalf("heartbeat %v: %d payloads within 60 s", heartbeat, n)
		}
	}
}

// connectionLimit sends whenever it may for ten minutes, and writes at once.
func connectionLimit(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	for _, heartbeat := range heartbeats {
		bucket := fresh(plenty(1)).Connection(shard(0), heartbeat)
		now := time.Now()
		end := now.Add(10 * time.Minute)
		seen := own(now, end, heartbeat)
		taken := 0
		for now.Before(end) {
			ok, at := bucket.Take(now)
			switch {
			case ok:
				bucket.Wrote(now)
				seen = append(seen, now)
				taken++
			case !at.After(now):
				t.Fatalf("heartbeat %v: refused with nothing under way, but to be asked again at %v", heartbeat, at.Sub(now))
			default:
				now = at
			}
		}
		judgeConnection(t, heartbeat, seen)
		if want := 10 * (ratelimit.ConnectionLimit - ratelimit.Reserve(heartbeat)) * 9 / 10; taken < want {
			t.Errorf("heartbeat %v: %d permits in 10 minutes, want at least %d", heartbeat, taken, want)
		}
	}
}

// lateWrites has writes follow their permits by half a minute, or at once, by turns of a bucket.
func lateWrites(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	for _, heartbeat := range heartbeats {
		bucket := fresh(plenty(1)).Connection(shard(0), heartbeat)
		now := time.Now()
		end := now.Add(10 * time.Minute)
		seen := own(now, end, heartbeat)
		var due []time.Time // of the permits that are out
		for taken := bucket.Limit(); now.Before(end); {
			for len(due) > 0 && !now.Before(due[0]) {
				bucket.Wrote(due[0])
				seen = append(seen, due[0])
				due = due[1:]
			}
			ok, at := bucket.Take(now)
			if ok {
				late := now.Add(time.Duration(taken/bucket.Limit()%2) * 30 * time.Second)
				taken++
				if len(due) > 0 && late.Before(due[len(due)-1]) {
					late = due[len(due)-1]
				}
				due = append(due, late)
				continue
			}
			switch {
			case len(due) > 0 && (at.IsZero() || due[0].Before(at)):
				now = due[0]
			case !at.After(now):
				t.Fatalf("heartbeat %v: refused with nothing under way, but to be asked again at %v", heartbeat, at.Sub(now))
			default:
				now = at
			}
		}
		judgeConnection(t, heartbeat, seen)
	}
}

func returnedPermits(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	bucket, now := fresh(plenty(1)).Connection(shard(0), 45*time.Second), time.Now()
	limit := bucket.Limit()
	for range limit {
		bucket.Take(now)
	}
	now = now.Add(time.Hour)
	if ok, at := bucket.Take(now); ok || !at.IsZero() || bucket.Remaining(now) != 0 || !bucket.Reset(now).IsZero() {
		t.Errorf("all permits are out for an hour: one more %v, or at %v; %d remain; whole at %v", ok, at, bucket.Remaining(now), bucket.Reset(now))
	}
	for range 3 {
		bucket.Return()
	}
	if n := bucket.Remaining(now); n != 3 {
		t.Errorf("three were returned, and %d remain", n)
	}
	for range limit - 3 {
		bucket.Wrote(now)
	}
	for range 3 {
		if ok, _ := bucket.Take(now); !ok {
			t.Error("one that was returned is refused")
		}
		bucket.Return()
	}
	for range 3 {
		bucket.Take(now)
		bucket.Wrote(now)
	}
	if ok, at := bucket.Take(now); ok || at.Sub(now) < ratelimit.ConnectionPeriod {
		t.Errorf("all are written: one more %v, or after %v", ok, at.Sub(now))
	}
}

func connectionsApart(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	limiter, now := fresh(plenty(1)), time.Now()
	for connection := range 3 {
		bucket := limiter.Connection(shard(0), 45*time.Second)
		for i := range bucket.Limit() {
			if ok, _ := bucket.Take(now); !ok {
				t.Fatalf("connection %d: permit %d of %d was refused", connection, i, bucket.Limit())
			}
		}
	}
}

func bucketTruth(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	bucket, now := fresh(plenty(1)).Connection(shard(0), 45*time.Second), time.Now()
	if bucket.Remaining(now) != bucket.Limit() || bucket.Reset(now).After(now) {
		t.Error("a new bucket is not whole")
	}
	for left := bucket.Limit() - 1; left >= 0; left-- {
		bucket.Take(now)
		if left%2 == 0 {
			bucket.Wrote(now)
		}
		if got := bucket.Remaining(now); got != left {
			t.Fatalf("%d remain, want %d", got, left)
		}
	}
	for range bucket.Limit() / 2 {
		bucket.Wrote(now)
	}
	whole := bucket.Reset(now)
	if got := bucket.Remaining(whole); got != bucket.Limit() || !whole.After(now) {
		t.Errorf("when it should be whole %d remain of %d", got, bucket.Limit())
	}
}
