package ratelimit_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// TestLedgerThatDoesNotReturnGrantsNothing: one that hangs, whatever its context says, is one that fails. Who waits is told why, and when to
// ask again; nothing is spent by that; and when it comes back all goes on.
func TestLedgerThatDoesNotReturnGrantsNothing(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]*ledger{"LoadLedger": {slowLoad: time.Minute}, "SaveLedger": {slowSave: time.Minute}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAsker(queue(budget(100, 4), ratelimit.WithLedger(l)))
				a.ask(0)
				same(t, "told, though nobody else asks", a.answered(7*time.Second), 0)
				a.ask(1) // behind what hangs
				same(t, "told", a.answered(time.Second), 1)
				for shard := range 2 {
					var no *ratelimit.LedgerError
					if err := a.refusal(t, shard); !errors.As(err, &no) || !no.Until.Equal(a.began.Add(a.at[shard]+10*time.Second)) {
						t.Errorf("shard %d: %v", shard, err)
					}
				}
				if a.at[0] != 6*time.Second {
					t.Errorf("told after %v", a.at[0])
				}
				a.ask(2)
				same(t, "told at once", a.answered(100*time.Millisecond), 2)
				if a.refusal(t, 2) == nil || l.most != 1 {
					t.Errorf("%d calls at once", l.most)
				}
				if s := a.stats(); s.Outstanding != 0 || s.Remaining != 100 {
					t.Errorf("%+v", s)
				}
				l.slowLoad, l.slowSave = 0, 0
				a.Run(time.Minute)
				a.ask(0, 1, 2)
				same(t, "granted", a.answered(time.Second), 0, 1, 2)
				for shard := range 3 {
					if err := a.refusal(t, shard); err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}
