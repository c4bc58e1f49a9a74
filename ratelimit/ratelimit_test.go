package ratelimit_test

import (
	"fmt"
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

// TestWindowAgainstTwin compares the window with a twin that keeps every write and counts.
func TestWindowAgainstTwin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 8).Draw(t, "limit")
		period := time.Duration(rapid.IntRange(1, 100).Draw(t, "period"))
		window := ratelimit.NewWindow(limit, period)
		now := time.Unix(1000, 0)
		var wrote []time.Time
		out := 0
		count := func(at time.Time) (n int) {
			for _, w := range wrote {
				if at.Sub(w) < period {
					n++
				}
			}
			return n + out
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "pause")))
			if got, want := window.Remaining(now), max(limit-count(now), 0); got != want {
				t.Fatalf("Remaining is %d, the twin says %d", got, want)
			}
			whole := now // when nothing counts any more
			for out == 0 && count(whole) > 0 {
				whole = whole.Add(1)
			}
			if got := window.Reset(now); out > 0 && !got.IsZero() || out == 0 && !got.Equal(whole) {
				t.Fatalf("whole after %v, the twin says %v, with %d out", got.Sub(now), whole.Sub(now), out)
			}
			switch step := rapid.IntRange(0, 5).Draw(t, "step"); {
			case step == 0 && out > 0:
				window.Return()
				out--
			case step <= 2 && out > 0:
				at := now.Add(-time.Duration(rapid.IntRange(0, 30).Draw(t, "told late")))
				window.Wrote(at)
				if len(wrote) > 0 && at.Before(wrote[len(wrote)-1]) {
					at = wrote[len(wrote)-1]
				}
				wrote = append(wrote, at)
				out--
			default:
				ok, at := window.Take(now)
				if ok != (count(now) < limit) {
					t.Fatalf("Take is %v, the twin counts %d of %d", ok, count(now), limit)
				}
				if ok {
					out++
					continue
				}
				want := now
				for ; out < limit && count(want) >= limit; want = want.Add(1) {
				}
				if out == limit && !at.IsZero() || out < limit && !at.Equal(want) {
					t.Fatalf("retryAt is after %v, the twin says %v, with %d out", at.Sub(now), want.Sub(now), out)
				}
			}
		}
	})
}

// TestWindowDoesNotTrustAClockThatGoesBack: a write at a time that goes back counts from the latest before it, so that the window is not
// called whole, and gives nothing, before that one has passed.
//
// Failures: F42.
func TestWindowDoesNotTrustAClockThatGoesBack(t *testing.T) {
	t.Parallel()
	w, now := ratelimit.NewWindow(2, time.Minute), time.Unix(10_000, 0)
	w.Take(now)
	w.Wrote(now)
	w.Take(now)
	w.Wrote(now.Add(-time.Hour))
	soon, whole := now.Add(time.Second), now.Add(time.Minute)
	if ok, at := w.Take(soon); ok || !at.Equal(whole) {
		t.Errorf("a write in the past made room: %v, or at %v", ok, at)
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
				o := limitertest.NewOwner(queue(budget(100_000, keys)))
				last := make(map[int]time.Time)
				done := 0
				o.Decided = func(d ratelimit.Decision) {
					if before, ok := last[d.Shard.Index%keys]; ok && time.Since(before) < 5*time.Second {
						t.Errorf("key %d again after %v", d.Shard.Index%keys, time.Since(before))
					}
					last[d.Shard.Index%keys] = time.Now()
					o.Used(d.Shard)
					done++
				}
				for index := range shards {
					o.Ask(shard(index))
				}
				if most := time.Duration(shards/keys) * 5300 * time.Millisecond; !o.Until(most, func() bool { return done == shards }) {
					t.Errorf("%d were granted within %v", done, most)
				}
			})
		})
	}
}

// Failures: F29.
func TestHeldPermitCountsAsUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAsker(queue(budget(100, 1), ratelimit.WithHold(20*time.Second)))
		a.keep = true
		a.ask(0) // never used, never given back
		a.ask(1)
		same(t, "granted", a.answered(time.Minute), 0, 1)
		if took := a.at[1]; took < 25*time.Second || took > 26*time.Second {
			t.Errorf("the next was granted after %v, want the hold and an interval", took)
		}
	})
}

func TestUnknownLimitsGrantNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAsker(queue(ratelimit.SessionStart{}))
		a.ask(0)
		same(t, "before the limits are known", a.answered(time.Hour))
		a.Update(ratelimit.SessionStart{Total: 100, Remaining: 50})
		same(t, "afterwards", a.answered(time.Second), 0)
	})
}

func BenchmarkWindowTake(b *testing.B) {
	w, now := ratelimit.NewWindow(115, time.Minute), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(500 * time.Millisecond)
		w.Take(now)
		w.Wrote(now)
	}
}
