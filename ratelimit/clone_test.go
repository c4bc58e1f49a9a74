package ratelimit_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// TestCopyGoesByWhatTheLedgerSaid, while it is being written: it grants what is being written down, keeps the distance that was read, and touches nothing.
func TestCopyGoesByWhatTheLedgerSaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		l := &ledger{slowSave: 3 * time.Second, state: ratelimit.LedgerState{
			Written: map[ratelimit.Shard]time.Time{shard(0): now}, Spent: []ratelimit.Spent{{Until: now.Add(time.Hour), Count: 60}},
		}}
		q := queue(budget(100, 2), ratelimit.WithLedger(l))
		if q.Stats(now).Known {
			t.Error("it knows what it has not read")
		}
		a := newAsker(q)
		a.ask(1, 2)
		same(t, "granted while it is written down", a.answered(time.Second))
		loads, saves := l.accesses()
		copied := newAsker(q.Clone(time.Now()).(*ratelimit.Queue))
		if was, is := q.Stats(time.Now()), copied.stats(); was != is || !is.Known || is.Outstanding != 1 || is.Waiting != 1 || is.Spent != 60 {
			t.Errorf("%+v, and the copy %+v", was, is)
		}
		copied.ask(3)
		same(t, "granted by the copy", copied.answered(20*time.Second), 1, 2, 3)
		if copied.at[1] != 0 || copied.at[2] < 4*time.Second || copied.at[2] > 4500*time.Millisecond || copied.at[3] != 5250*time.Millisecond {
			t.Errorf("after %v", copied.at)
		}
		if expires := copied.got[1].Expires; !expires.After(copied.began) {
			t.Errorf("what the copy grants first expires at %v, and it is %v", expires, copied.began)
		}
		if n, m := l.accesses(); n != loads || m != saves+1 { // the one that was under way
			t.Error("the copy has asked the ledger")
		}
	})
}
