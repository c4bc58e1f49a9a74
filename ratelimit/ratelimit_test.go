package ratelimit_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/ratelimit/limitertest"
)

// Failures: F28, F29, F30, F31.
func TestLocalPassesTheSuite(t *testing.T) {
	t.Parallel()
	limitertest.Run(t, func(start ratelimit.SessionStart) ratelimit.RateLimiter { return ratelimit.Local(start) })
}

// TestWindowAgainstTwin compares the window with a twin that keeps every take and counts.
func TestWindowAgainstTwin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 8).Draw(t, "limit")
		period := time.Duration(rapid.IntRange(1, 100).Draw(t, "period"))
		window := ratelimit.NewWindow(limit, period)
		now := time.Unix(1000, 0)
		var taken []time.Time
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "pause")))
			recent := 0
			for _, at := range taken {
				if now.Sub(at) < period {
					recent++
				}
			}
			if got := window.Remaining(now); got != limit-recent {
				t.Fatalf("Remaining is %d, the twin says %d", got, limit-recent)
			}
			ok, at := window.Take(now)
			if ok != (recent < limit) {
				t.Fatalf("Take is %v, the twin counts %d of %d", ok, recent, limit)
			}
			if ok {
				taken = append(taken, now)
				continue
			}
			if want := taken[len(taken)-limit].Add(period); !at.Equal(want) {
				t.Fatalf("retryAt is %v, the twin says %v", at, want)
			}
		}
	})
}

// Failures: F42.
func TestWindowDoesNotTrustAClockThatGoesBack(t *testing.T) {
	t.Parallel()
	w, now := ratelimit.NewWindow(2, time.Minute), time.Unix(10_000, 0)
	w.Take(now)
	w.Take(now.Add(-time.Hour))
	if ok, _ := w.Take(now.Add(time.Second)); ok {
		t.Error("a take in the past made room")
	}
}

func TestReserve(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		heartbeat time.Duration
		want      int
	}{
		{41250 * time.Millisecond, 5}, {45 * time.Second, 5}, {60 * time.Second, 5}, {10 * time.Minute, 4},
		{30 * time.Second, 6}, {5 * time.Second, 16}, {time.Second, 64}, {time.Millisecond, 119}, {0, 5}, {-1, 5},
	} {
		if got := ratelimit.Reserve(test.heartbeat); got != test.want {
			t.Errorf("Reserve(%v) = %d, want %d", test.heartbeat, got, test.want)
		}
	}
}

// Failures: F28.
func TestThousandsOfShardsAreSpaced(t *testing.T) {
	t.Parallel()
	for _, keys := range []int{1, 16, 64} {
		t.Run(fmt.Sprint(keys), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				shards := 100 * keys
				limiter := ratelimit.Local(ratelimit.SessionStart{Total: 100_000, Remaining: 100_000, MaxConcurrency: keys, ResetAfter: time.Hour})
				last := make(map[int]time.Time)
				var mu sync.Mutex
				var all sync.WaitGroup
				for shard := range shards {
					all.Add(1)
					limiter.Identify().Enqueue(shard, func(p ratelimit.Permit) {
						defer all.Done()
						mu.Lock()
						defer mu.Unlock()
						if before, ok := last[shard%keys]; ok && time.Since(before) < 5*time.Second {
							t.Errorf("key %d again after %v", shard%keys, time.Since(before))
						}
						last[shard%keys] = time.Now()
						p.Used()
					})
				}
				began := time.Now()
				all.Wait()
				if took, most := time.Since(began), time.Duration(shards/keys)*5300*time.Millisecond; took > most {
					t.Errorf("it took %v, want at most %v", took, most)
				}
			})
		})
	}
}

// Failures: F29.
func TestHeldPermitCountsAsUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := ratelimit.Local(ratelimit.SessionStart{Total: 100, Remaining: 100, MaxConcurrency: 1, ResetAfter: time.Hour},
			ratelimit.WithHold(20*time.Second)).Identify()
		queue.Enqueue(0, func(ratelimit.Permit) {}) // never used, never given back
		done := make(chan struct{})
		began := time.Now()
		queue.Enqueue(1, func(p ratelimit.Permit) { p.Release(); close(done) })
		<-done
		if took := time.Since(began); took < 25*time.Second || took > 26*time.Second {
			t.Errorf("the next was granted after %v, want the hold and an interval", took)
		}
	})
}

// slowLedger takes a second to be read.
type slowLedger struct{}

func (slowLedger) LoadLedger(context.Context) (ratelimit.LedgerState, error) {
	time.Sleep(time.Second)
	return ratelimit.LedgerState{}, nil
}

func (slowLedger) SaveLedger(context.Context, ratelimit.LedgerState) error { return nil }

// TestWhoAsksWhileTheLedgerIsReadWaits, and does not ask again and again: time would not pass here then.
func TestWhoAsksWhileTheLedgerIsReadWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := ratelimit.Local(ratelimit.SessionStart{Total: 100, Remaining: 100, ResetAfter: time.Hour, MaxConcurrency: 4}, ratelimit.WithLedger(slowLedger{})).Identify()
		began := time.Now()
		granted := make(chan time.Duration, 4)
		for shard := range 4 {
			queue.Enqueue(shard, func(p ratelimit.Permit) { p.Used(); granted <- time.Since(began) })
			time.Sleep(time.Millisecond)
		}
		for range 4 {
			if took := <-granted; took < time.Second || took > 1200*time.Millisecond {
				t.Errorf("granted after %v", took)
			}
		}
	})
}

// TestUpdateForgetsNoIdentifyUnderWay: what Discord says is left may have been counted before it read the
// Identifies of the last moment.
func TestUpdateForgetsNoIdentifyUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := ratelimit.SessionStart{Total: 20, Remaining: 20, ResetAfter: time.Hour, MaxConcurrency: 1}
		queue := ratelimit.Local(start, ratelimit.WithReserve(10)).Identify()
		var written atomic.Int64
		for shard := range 30 {
			queue.Enqueue(shard, func(p ratelimit.Permit) {
				if p.Err() == nil {
					n := int(written.Add(1))
					p.Used()
					told := start
					told.Remaining = 20 - (n - 1) // this one is not known there yet
					told.ResetAfter = time.Until(time.Now().Add(time.Hour))
					queue.Update(told)
				}
			})
		}
		time.Sleep(10 * time.Minute)
		if n := written.Load(); n > 10 {
			t.Errorf("%d Identifies: the reserve of 10 was touched", n)
		}
	})
}

func TestUnknownLimitsGrantNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := ratelimit.Local(ratelimit.SessionStart{}).Identify()
		granted := make(chan struct{})
		cancel := queue.Enqueue(0, func(ratelimit.Permit) { close(granted) })
		defer cancel()
		time.Sleep(time.Hour)
		select {
		case <-granted:
			t.Fatal("granted before the limits were known")
		default:
		}
		queue.Update(ratelimit.SessionStart{Total: 100, Remaining: 50})
		<-granted
	})
}

func BenchmarkWindowTake(b *testing.B) {
	w, now := ratelimit.NewWindow(115, time.Minute), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(500 * time.Millisecond)
		w.Take(now)
	}
}

func ExampleLocal() {
	limiter := ratelimit.Local(ratelimit.SessionStart{Total: 1000, Remaining: 998, MaxConcurrency: 1, ResetAfter: time.Hour})
	bucket := limiter.Connection(0, 41250*time.Millisecond)
	ok, _ := bucket.Take(time.Now())
	fmt.Println(ok, bucket.Remaining(time.Now()), "of", bucket.Limit())
	// Output: true 114 of 115
}
