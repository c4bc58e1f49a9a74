package ratelimit_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// TestReadingDoesNotMoveTheReset: to ask how the queue stands, at the end of Discord's day, does not make two of the next.
func TestReadingDoesNotMoveTheReset(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAsker(queue(budget(1000, 2000)))
		granted := 0
		spend := func() {
			for index := range 1000 {
				a.ask(index)
			}
			for _, index := range a.answered(5 * time.Minute) {
				if a.refusal(t, index) == nil {
					granted++
				}
			}
		}
		a.ask(0)
		a.answered(time.Second)
		a.Run(24 * time.Hour)
		a.stats()
		a.Run(23*time.Hour + 50*time.Minute)
		spend()
		a.Run(10 * time.Minute)
		a.stats()
		spend()
		if granted != 900 {
			t.Errorf("%d of 1,000 Identifies were granted within an hour", granted)
		}
	})
}

// memory is a ledger in memory. What has begun to be saved when its process ends may be saved, or not.
type memory struct{ state ratelimit.LedgerState }

func (m *memory) LoadLedger(context.Context) (ratelimit.LedgerState, error) { return m.state, nil }

func (m *memory) SaveLedger(_ context.Context, state ratelimit.LedgerState) error {
	m.state = state
	return nil
}

// TestAnyDayHasOneBudget: whatever Discord says, whenever anybody reads, and however often the process ends, in any 24 hours no more is
// written than the total less the reserve, and no two of a key within 5 s. The clock of one process may differ from that of the next.
func TestAnyDayHasOneBudget(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		total, keys := rapid.IntRange(2, 15).Draw(t, "total"), rapid.IntRange(1, 3).Draw(t, "keys")
		reserve := rapid.IntRange(0, total-1).Draw(t, "reserve")
		now := time.Unix(1_000_000, 0)
		book := new(memory)
		start := func() ratelimit.SessionStart {
			return ratelimit.SessionStart{
				Total: total, Remaining: total, MaxConcurrency: keys,
				ResetAfter: time.Duration(rapid.SampledFrom([]int{0, 1, 30, 60, 23 * 60, 24 * 60}).Draw(t, "reset after")) * time.Minute,
			}
		}
		begin := func() *ratelimit.Queue {
			return ratelimit.Local(start(), ratelimit.WithReserve(reserve), ratelimit.WithLedger(book)).Identify().(*ratelimit.Queue)
		}
		q := begin()
		var wrote []time.Time
		var next time.Time
		last := make(map[int]time.Time)
		holds := make(map[ratelimit.Shard]time.Time)
		silent := make(map[ratelimit.Shard]time.Time) // of whom nothing is heard until their permits have expired
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			shard := drawShard(t, 6)
			for silentUntil := silent[shard]; now.Before(silentUntil); silentUntil = silent[shard] {
				shard.Index += 6
			}
			switch rapid.IntRange(0, 15).Draw(t, "step") {
			case 0:
				q.Update(now, start())
			case 1:
				q.Stats(now)
			case 2:
				q = begin() // the process has ended
				clear(holds)
			case 3:
				q.Withdraw(now, shard)
				delete(holds, shard)
			case 4:
				now = now.Add(time.Duration(rapid.IntRange(0, 25*60).Draw(t, "minutes")) * time.Minute)
			case 5:
				now = now.Add(time.Duration(rapid.IntRange(0, 10_000).Draw(t, "milliseconds")) * time.Millisecond)
			case 6:
				q.Update(now.Add(-time.Hour), start()) // a clock that went back
			case 7, 8, 9:
				if !next.IsZero() && next.After(now) {
					now = next
				}
			default:
				if _, ok := holds[shard]; !ok {
					q.Ask(now, shard)
				}
			}
			for range 3 { // to read, to write, and to hand out
				var decisions []ratelimit.Decision
				decisions, next = q.Decide(now)
				for _, d := range decisions {
					if d.Err == nil {
						holds[d.Shard] = d.Expires
					}
				}
				if do, done := q.Work(now); do != nil {
					if rapid.IntRange(0, 19).Draw(t, "ends in the middle") == 0 {
						if rapid.Bool().Draw(t, "saved") {
							do(t.Context())
						}
						q = begin()
						clear(holds)
						continue
					}
					do(t.Context())
					now = now.Add(time.Duration(rapid.IntRange(0, 4999).Draw(t, "saving")) * time.Millisecond)
					done(now)
				}
			}
			for shard, expires := range holds {
				if rapid.IntRange(0, 3).Draw(t, "later") == 0 {
					continue
				}
				delete(holds, shard)
				if !now.Before(expires) {
					continue
				}
				if at, ok := last[shard.Index%keys]; ok && now.Sub(at) < ratelimit.IdentifyInterval {
					t.Fatalf("two Identifies of a key are %v apart", now.Sub(at))
				}
				last[shard.Index%keys] = now
				wrote = append(wrote, now)
				if rapid.IntRange(0, 9).Draw(t, "told") > 0 {
					q.Used(now, shard)
				} else {
					silent[shard] = expires
				}
			}
			recent := 0
			for _, at := range wrote {
				if now.Sub(at) < 24*time.Hour {
					recent++
				}
			}
			if recent > total-reserve {
				t.Fatalf("%d Identifies within 24 hours, of %d with a reserve of %d", recent, total, reserve)
			}
		}
	})
}

// TestForecastComesTrue: when each permit is used at once and nobody else comes, each is granted when it was said.
func TestForecastComesTrue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAsker(queue(budget(1000, 3)))
		for index := range 20 {
			a.ask(19 - index)
		}
		a.answered(7 * time.Second)
		said := make(map[int]ratelimit.Forecast)
		for shard, f := range a.queue.Forecasts(time.Now()) {
			said[shard.Index] = f
		}
		if len(said) != 14 {
			t.Fatalf("%d wait", len(said))
		}
		if _, ok := a.queue.Forecast(time.Now(), shard(0)); ok {
			t.Error("there is a forecast for one that does not wait")
		}
		a.answered(time.Hour)
		for index, f := range said {
			if at := a.began.Add(a.at[index]); !at.Equal(f.At) || f.Place != index/3-1 {
				t.Errorf("shard %d: %d, at %v, and it was granted at %v", index, f.Place, f.At.Sub(a.began), a.at[index])
			}
		}
		a.Update(ratelimit.SessionStart{Total: 100, Remaining: 12, ResetAfter: time.Hour, MaxConcurrency: 1}) // two may be spent
		a.keep = true
		a.ask(0, 1, 2)
		a.answered(time.Second)
		first, _ := a.queue.Forecast(time.Now(), shard(1))
		second, _ := a.queue.Forecast(time.Now(), shard(2))
		if first.Place != 1 || first.At.Before(time.Now().Add(5*time.Second)) || second.Place != 2 || !second.At.IsZero() {
			t.Errorf("behind a permit that is out: %+v, and for what the budget has not: %+v", first, second)
		}
	})
}
