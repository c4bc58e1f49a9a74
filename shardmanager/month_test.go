package shardmanager_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

var (
	monthDays = flag.Int("month.days", 1+2/sizes, "how many days the months of few shards have")
	monthMany = flag.Duration("month.many", 20*time.Minute/sizes, "how long the months of 1,000 shards and more are")
	monthMost = flag.Int("month.shards", 1000, "fleets of more shards are left out; 10000: none is")
)

const (
	monthBudget  = 2000
	monthReserve = monthBudget / 10
)

// months calls f for each size of a fleet and number of keys.
func months(t *testing.T, f func(t *testing.T, shards, keys int, long time.Duration)) {
	for _, shards := range []int{1, 16, 1000, 10000} {
		long := time.Duration(*monthDays) * 24 * time.Hour
		if shards >= 1000 {
			long = *monthMany
		}
		for _, keys := range []int{1, 16, 64} {
			if shards <= *monthMost {
				t.Run(fmt.Sprintf("%d shards %d keys", shards, keys), func(t *testing.T) {
					bubble(t, func(t *testing.T) { f(t, shards, keys, long) })
				})
			}
		}
	}
}

// TestMonthOfUnansweredIdentifies: a gateway that takes every Identify and never says READY gets no more of them than the
// budget has without its reserve, on any day.
//
// Failures: F34.
func TestMonthOfUnansweredIdentifies(t *testing.T) {
	months(t, func(t *testing.T, shards, keys int, long time.Duration) {
		f := newMonth(t, shards, keys)
		f.deaf = true
		f.start(session.Cursor{})
		f.run(time.Now().Add(long), func() bool { return false })
		f.end()
		f.judge("unanswered")
		if long > 24*time.Hour && f.identify < int(long/(24*time.Hour))*monthBudget/100 {
			t.Errorf("%d identifies are too few: nobody was going to come back", f.identify)
		}
	})
}

// TestMonthOfOutage: sessions that live outlive an outage of any length without one Identify.
//
// Failures: F10, F34.
func TestMonthOfOutage(t *testing.T) {
	months(t, func(t *testing.T, shards, keys int, long time.Duration) {
		if shards >= 10000 && keys != 16 {
			t.Skip("no permit is asked for, so keys make no difference: one run of 1.7 thousand million dials a month is enough")
		}
		f := newMonth(t, shards, keys)
		f.down = true
		f.start(session.Cursor{SessionID: "s", ResumeURL: "wss://gateway.discord.gg", Seq: 7, Session: 1})
		f.outage(time.Now().Add(long))
		f.run(time.Now().Add(time.Minute), func() bool { return false }) // no shard waits longer than half of that
		for _, m := range f.machines {
			if m.machine.State() != session.Ready {
				t.Fatalf("shard %d is %v a minute after the outage", m.index, m.machine.State())
			}
		}
		f.end()
		f.judge("outage")
		if f.identify != 0 || f.asked != 0 || f.resumed != shards {
			t.Errorf("%d identifies, %d permits asked for, %d resumes", f.identify, f.asked, f.resumed)
		}
	})
}

// pages is a ledger of which a process that is dead can write nothing.
type pages struct {
	state ratelimit.LedgerState
	life  atomic.Int64
}

type page struct {
	*pages
	life int64
}

func (p page) LoadLedger(context.Context) (ratelimit.LedgerState, error) {
	state := p.state
	state.Written = maps.Clone(state.Written)
	return state, nil
}

func (p page) SaveLedger(_ context.Context, state ratelimit.LedgerState) error {
	if p.pages.life.Load() != p.life {
		return errDisk
	}
	p.state = state
	return nil
}

// TestMonthOfCrashes: a process that dies two seconds after each Identify, and is started again ten seconds later, is held
// back by what the ledger says.
//
// Failures: F33.
func TestMonthOfCrashes(t *testing.T) {
	months(t, func(t *testing.T, shards, keys int, long time.Duration) {
		f := newMonth(t, shards, keys)
		f.bare = shards >= 1000 // there are 54,000 lives in a month
		book := &pages{}
		lives := 0
		for end := time.Now().Add(long); time.Now().Before(end); lives++ {
			f.deaf, f.lastWrite = lives%2 == 0, time.Time{}
			f.start(session.Cursor{}, ratelimit.WithLedger(page{book, book.life.Add(1)}))
			f.run(end, func() bool { return !f.lastWrite.IsZero() })
			f.run(minTime(end, time.Now().Add(2*time.Second)), func() bool { return false })
			book.life.Add(1)
			f.end()
			time.Sleep(10 * time.Second)
		}
		f.judge(fmt.Sprintf("%d lives", lives))
	})
}
