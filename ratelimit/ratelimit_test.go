package ratelimit_test

import (
	"fmt"
	"sync"
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

// TestWindowDoesNotTrustAClockThatGoesBack: a take at a time that goes back counts from the latest take before it, so that the window is not
// called whole, and gives nothing, before that one has passed.
//
// Failures: F42.
func TestWindowDoesNotTrustAClockThatGoesBack(t *testing.T) {
	t.Parallel()
	w, now := ratelimit.NewWindow(2, time.Minute), time.Unix(10_000, 0)
	w.Take(now)
	w.Take(now.Add(-time.Hour))
	soon, whole := now.Add(time.Second), now.Add(time.Minute)
	if ok, at := w.Take(soon); ok || !at.Equal(whole) {
		t.Errorf("a take in the past made room: %v, or at %v", ok, at)
	}
	if at := w.Reset(soon); !at.Equal(whole) || w.Remaining(soon) != 0 {
		t.Errorf("%d remain, and it is whole at %v, want %v", w.Remaining(soon), at, whole)
	}
	if w.Remaining(whole) != 2 || !w.Reset(whole).Equal(whole) {
		t.Errorf("at last %d remain, and it is whole at %v", w.Remaining(whole), w.Reset(whole))
	}
}

// TestWindowThatAllowsNothingIsAMistake of the programmer's.
func TestWindowThatAllowsNothingIsAMistake(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		limit  int
		period time.Duration
	}{{0, time.Minute}, {-1, time.Minute}, {1, 0}, {1, -time.Second}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("NewWindow(%d, %v) does not panic", test.limit, test.period)
				}
			}()
			ratelimit.NewWindow(test.limit, test.period)
		}()
	}
	ratelimit.NewWindow(1, 1)
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
