// Package limitertest is the suite that a ratelimit.RateLimiter must pass, whoever made it. It
// counts by brute force, in virtual time.
package limitertest

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// Run runs the suite. fresh returns a new limiter that knows the given limits; it is called
// inside a synctest bubble, which must come to rest when nothing is asked of the limiter.
func Run(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	for name, check := range map[string]func(*testing.T, func(ratelimit.SessionStart) ratelimit.RateLimiter){
		"connection limit in any 60 s":      connectionLimit,
		"connections are apart":             connectionsApart,
		"bucket tells the truth":            bucketTruth,
		"identifies of a key are apart":     spacing,
		"lowest shard first":                lowestFirst,
		"cancelled waiters cost nothing":    cancelled,
		"a released permit costs nothing":   released,
		"slow writes count from the write":  slowWrites,
		"the budget's reserve is not spent": budget,
		"an update applies at once":         update,
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

// connectionLimit sends whenever it may for ten minutes, with the session's own payloads at
// their worst, and counts what the gateway would see.
func connectionLimit(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	for _, heartbeat := range []time.Duration{5 * time.Second, 30 * time.Second, 41250 * time.Millisecond, 45 * time.Second, 2 * time.Minute} {
		bucket := fresh(plenty(1)).Connection(0, heartbeat)
		now := time.Now()
		end := now.Add(10 * time.Minute)
		seen := []time.Time{now, now, now} // Identify and two heartbeats that were asked for
		for at := now; at.Before(end); at = at.Add(heartbeat) {
			seen = append(seen, at)
		}
		taken := 0
		for now.Before(end) {
			ok, at := bucket.Take(now)
			switch {
			case ok:
				seen = append(seen, now)
				taken++
			case !at.After(now):
				t.Fatalf("heartbeat %v: refused, but to be asked again at once", heartbeat)
			default:
				now = at
			}
		}
		slices.SortFunc(seen, time.Time.Compare)
		for i, from := 0, 0; i < len(seen); i++ {
			for seen[i].Sub(seen[from]) >= ratelimit.ConnectionPeriod {
				from++
			}
			if n := i - from + 1; n > ratelimit.ConnectionLimit {
				t.Fatalf("heartbeat %v: %d payloads within 60 s", heartbeat, n)
			}
		}
		if want := 10 * (ratelimit.ConnectionLimit - ratelimit.Reserve(heartbeat)) * 9 / 10; taken < want {
			t.Errorf("heartbeat %v: %d permits in 10 minutes, want at least %d", heartbeat, taken, want)
		}
	}
}

func connectionsApart(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	limiter, now := fresh(plenty(1)), time.Now()
	for connection := range 3 {
		bucket := limiter.Connection(0, 45*time.Second)
		for i := range bucket.Limit() {
			if ok, _ := bucket.Take(now); !ok {
				t.Fatalf("connection %d: permit %d of %d was refused", connection, i, bucket.Limit())
			}
		}
	}
}

func bucketTruth(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	bucket, now := fresh(plenty(1)).Connection(0, 45*time.Second), time.Now()
	if bucket.Remaining(now) != bucket.Limit() || bucket.Reset(now).After(now) {
		t.Error("a new bucket is not whole")
	}
	for left := bucket.Limit() - 1; left >= 0; left-- {
		bucket.Take(now)
		if got := bucket.Remaining(now); got != left {
			t.Fatalf("%d remain, want %d", got, left)
		}
	}
	whole := bucket.Reset(now)
	if got := bucket.Remaining(whole); got != bucket.Limit() || !whole.After(now) {
		t.Errorf("when it should be whole %d remain of %d", got, bucket.Limit())
	}
}

// grant is one Identify.
type grant struct {
	shard int
	at    time.Time
}

// identify has all shards start at once and writes each Identify after a delay.
func identify(t *testing.T, queue ratelimit.IdentifyQueue, shards int, delay func(shard int) time.Duration) []grant {
	t.Helper()
	var mu sync.Mutex
	var grants []grant
	var all sync.WaitGroup
	for shard := range shards {
		all.Add(1)
		queue.Enqueue(shards-1-shard, func(p ratelimit.Permit) {
			shard := shards - 1 - shard
			go func() {
				defer all.Done()
				if p.Err() != nil {
					t.Errorf("shard %d: %v", shard, p.Err())
					return
				}
				time.Sleep(delay(shard))
				mu.Lock()
				grants = append(grants, grant{shard, time.Now()})
				mu.Unlock()
				p.Used()
			}()
		})
	}
	all.Wait()
	return grants
}

// judge counts by brute force.
func judge(t *testing.T, grants []grant, keys int) {
	t.Helper()
	for i, g := range grants {
		within := 0
		for _, before := range grants[:i+1] {
			if g.at.Sub(before.at) >= ratelimit.IdentifyInterval {
				continue
			}
			within++
			if before != g && before.shard%keys == g.shard%keys {
				t.Fatalf("shards %d and %d of one key: %v apart", before.shard, g.shard, g.at.Sub(before.at))
			}
		}
		if within > keys {
			t.Fatalf("%d identifies within 5 s, of at most %d", within, keys)
		}
	}
}

func spacing(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	for _, keys := range []int{1, 3, 16, 64} {
		began := time.Now()
		shards := keys*10 + 1
		grants := identify(t, fresh(plenty(keys)).Identify(), shards, func(int) time.Duration { return 0 })
		judge(t, grants, keys)
		if took, most := time.Since(began), 10*ratelimit.IdentifyInterval*106/100; took > most {
			t.Errorf("max_concurrency %d: %d shards took %v, want at most %v", keys, shards, took, most)
		}
	}
}

func slowWrites(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	grants := identify(t, fresh(plenty(4)).Identify(), 40, func(shard int) time.Duration {
		return time.Duration(shard%9) * time.Second
	})
	judge(t, grants, 4)
}

func lowestFirst(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	grants := identify(t, fresh(plenty(2)).Identify(), 20, func(int) time.Duration { return 0 })
	last := map[int]int{0: -1, 1: -1}
	for _, g := range grants {
		if g.shard < last[g.shard%2] {
			t.Fatalf("shard %d after shard %d", g.shard, last[g.shard%2])
		}
		last[g.shard%2] = g.shard
	}
}

func cancelled(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	queue := fresh(plenty(1)).Identify()
	for shard := range 100 {
		queue.Enqueue(shard, func(p ratelimit.Permit) { t.Errorf("shard %d was cancelled, and granted", shard) })()
	}
	began := time.Now()
	identify(t, queue, 1, func(int) time.Duration { return 0 })
	if took := time.Since(began); took > time.Second {
		t.Errorf("behind 100 cancelled waiters it took %v", took)
	}
	// One that is cancelled after its grant gives its permit back.
	granted := make(chan struct{})
	time.Sleep(10 * time.Second)
	cancel := queue.Enqueue(1, func(ratelimit.Permit) { close(granted) })
	<-granted
	cancel()
	began = time.Now()
	identify(t, queue, 1, func(int) time.Duration { return 0 })
	if took := time.Since(began); took > time.Second {
		t.Errorf("behind a holder that was cancelled it took %v", took)
	}
}

func released(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	queue := fresh(plenty(1)).Identify()
	began := time.Now()
	for range 20 {
		done := make(chan struct{})
		queue.Enqueue(0, func(p ratelimit.Permit) {
			p.Release()
			p.Used() // too late to count
			close(done)
		})
		<-done
	}
	if took := time.Since(began); took > ratelimit.IdentifyInterval {
		t.Errorf("20 released permits took %v", took)
	}
}

func budget(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	queue := fresh(ratelimit.SessionStart{Total: 1000, Remaining: 1000, ResetAfter: time.Hour, MaxConcurrency: 2000}).Identify()
	used, refused := 0, 0
	var mu sync.Mutex
	var all sync.WaitGroup
	for shard := range 1200 {
		all.Add(1)
		queue.Enqueue(shard, func(p ratelimit.Permit) {
			defer all.Done()
			mu.Lock()
			defer mu.Unlock()
			var no *ratelimit.BudgetError
			switch {
			case p.Err() == nil:
				used++
				go p.Used()
			case errors.As(p.Err(), &no) && no.Until.After(time.Now()):
				refused++
			default:
				t.Errorf("refused with %v, want a BudgetError that says until when", p.Err())
			}
		})
	}
	all.Wait()
	if used >= 1000 || used < 500 || used+refused != 1200 {
		t.Errorf("of a budget of 1000, %d were used and %d refused", used, refused)
	}
}

func update(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	queue := fresh(plenty(16)).Identify()
	first := identify(t, queue, 16, func(int) time.Duration { return 0 })
	queue.Update(plenty(1))
	second := identify(t, queue, 4, func(int) time.Duration { return 0 })
	judge(t, second, 1)
	if apart := second[0].at.Sub(first[15].at); apart < ratelimit.IdentifyInterval {
		t.Errorf("after a smaller max_concurrency the next identify came after %v", apart)
	}
	queue.Update(ratelimit.SessionStart{Total: 1000, Remaining: 0, ResetAfter: time.Hour, MaxConcurrency: 1})
	answer := make(chan error, 1)
	queue.Enqueue(0, func(p ratelimit.Permit) { answer <- p.Err() })
	if err := <-answer; err == nil {
		t.Error("with nothing remaining a permit was granted")
	}
}
