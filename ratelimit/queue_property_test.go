package ratelimit_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// TestQueueAgainstTwin has the queue and its twin live through the same.
func TestQueueAgainstTwin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_000_000, 0)
		start := drawStart(t)
		reserve := rapid.IntRange(0, 4).Draw(t, "reserve")
		q := ratelimit.Local(start, ratelimit.WithReserve(reserve)).Identify().(*ratelimit.Queue)
		w := &twin{origin: now, keys: 1, reserve: reserve, starts: map[ratelimit.Shard]int{}, gathered: map[int]time.Time{}}
		w.update(now, start)
		q.Withdraw(now, ratelimit.Shard{})
		next := time.Time{}
		shards := rapid.IntRange(1, 8).Draw(t, "shards")
		steady := rapid.Bool().Draw(t, "steady") // no updates, and no hours at once
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			step := rapid.IntRange(0, 14).Draw(t, "step")
			if steady && (step == 8 || step == 10) {
				step = 13
			}
			switch s := drawShard(t, shards); step {
			case 0, 1, 2:
				w.ask(now, s)
				q.Ask(now, s)
			case 3:
				w.withdraw(now, s)
				q.Withdraw(now, s)
			case 4, 5, 6, 7:
				if len(w.out) > 0 {
					s = rapid.SampledFrom(w.out).Draw(t, "holder").Shard
				}
				w.used(now, s)
				q.Used(now, s)
			case 8:
				start := drawStart(t)
				w.update(now, start)
				q.Update(now, start)
			case 9:
				now = now.Add(time.Duration(rapid.IntRange(0, 12_000).Draw(t, "milliseconds")) * time.Millisecond)
			case 10:
				now = now.Add(time.Duration(rapid.IntRange(0, 30*60).Draw(t, "minutes")) * time.Minute)
			case 11: // a copy lives on, and what becomes of the other does not concern it
				before := q
				q = q.Clone(now).(*ratelimit.Queue)
				before.Update(now, ratelimit.SessionStart{Total: 1})
				for index := range shards {
					before.Withdraw(now, ratelimit.Shard{Index: index})
					before.Ask(now, ratelimit.Shard{Generation: 1, Index: index})
				}
				before.Decide(now.Add(24 * time.Hour))
			default:
				if !next.IsZero() {
					if next.Before(now) {
						t.Fatalf("it was to be called again %v before that", now.Sub(next))
					}
					now = next
				}
			}
			before := q.Stats(now)
			for shard := range q.Forecasts(now) {
				q.Forecast(now, shard)
			}
			want := w.decide(now)
			var got []ratelimit.Decision
			got, next = q.Decide(now)
			if !slices.EqualFunc(got, want, alike) {
				t.Fatalf("it decides %+v\nthe twin %+v", got, want)
			}
			stats := q.Stats(now)
			told := ratelimit.QueueStats{
				Known: w.total > 0, Waiting: len(w.waiting), Outstanding: len(w.out), Total: w.total, Remaining: w.remaining, Spent: w.spent(now),
				Reserve: reserve, MaxConcurrency: w.keys, ResetAt: w.resetAt,
			}
			if stats != told {
				t.Fatalf("%+v\nthe twin %+v", stats, told)
			}
			before.Waiting, before.Outstanding = stats.Waiting, stats.Outstanding
			if before != stats {
				t.Fatalf("before it decided it said %+v\nafterwards %+v", before, stats)
			}
			judgeForecasts(t, q, w, now)
			// Nothing happens before the time that it names.
			some := now.Add(time.Duration(rapid.IntRange(1, 100_000_000).Draw(t, "later")) * time.Millisecond)
			if !next.IsZero() {
				some = now.Add(next.Sub(now) - 1)
			}
			if none := w.clone().decide(some); !next.IsZero() && next.After(now) && len(none) > 0 || next.IsZero() && len(none) > 0 {
				t.Fatalf("%v before it is to be called again the twin decides %+v", next.Sub(some), none)
			}
			if !next.IsZero() && !next.After(now) {
				t.Fatal("it is to be called again at once")
			}
		}
	})
}

// judgeForecasts compares each waiter's place with a count.
func judgeForecasts(t *rapid.T, q *ratelimit.Queue, w *twin, now time.Time) {
	n := 0
	for shard, f := range q.Forecasts(now) {
		place := 1
		for _, other := range w.waiting {
			if w.key(other.shard) == w.key(shard) && w.order(other.shard, shard) < 0 {
				place++
			}
		}
		if one, ok := q.Forecast(now, shard); !ok || one != f || f.Place != place || !f.At.IsZero() && f.At.Before(now) {
			t.Fatalf("%v: %+v, and by itself %+v; the twin counts %d", shard, f, one, place)
		}
		n++
	}
	if n != len(w.waiting) {
		t.Fatalf("%d forecasts for %d who wait", n, len(w.waiting))
	}
}

// alike compares all but until when a refusal holds.
func alike(a, b ratelimit.Decision) bool {
	var ofA, ofB *ratelimit.BudgetError
	if errors.As(a.Err, &ofA) != errors.As(b.Err, &ofB) {
		return false
	}
	return a.Shard == b.Shard && a.Expires.Equal(b.Expires) && (ofA == nil || ofA.Remaining == ofB.Remaining && ofA.Reserve == ofB.Reserve)
}

func drawStart(t *rapid.T) ratelimit.SessionStart {
	total := rapid.IntRange(0, 25).Draw(t, "total")
	return ratelimit.SessionStart{
		Total: total, Remaining: total - min(rapid.IntRange(0, 10).Draw(t, "spent elsewhere"), total),
		ResetAfter: time.Duration(rapid.IntRange(0, 25*60).Draw(t, "reset after")) * time.Minute, MaxConcurrency: rapid.IntRange(1, 4).Draw(t, "keys"),
	}
}

func drawShard(t *rapid.T, shards int) ratelimit.Shard {
	return ratelimit.Shard{Generation: uint64(rapid.IntRange(0, 1).Draw(t, "generation")), Index: rapid.IntRange(0, shards-1).Draw(t, "shard")}
}
