package ratelimit_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// TestWhoAsksWhileTheLedgerIsReadWaits, and does not ask again and again: time would not pass here then.
func TestWhoAsksWhileTheLedgerIsReadWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{slowLoad: time.Second}
		a := newAsker(queue(budget(100, 4), ratelimit.WithLedger(l)))
		for shard := range 4 {
			a.ask(shard)
			a.Run(time.Millisecond)
		}
		if n := len(a.answered(time.Minute)); n != 4 || l.loads != 1 {
			t.Fatalf("%d were answered, and it was read %d times", n, l.loads)
		}
		for shard, took := range a.at {
			if took < time.Second || took > 1200*time.Millisecond {
				t.Errorf("shard %d was granted after %v", shard, took)
			}
		}
	})
}

// TestLedgerThatCannotBeReadGrantsNothing: who waits is told why, and when to ask again; it is not read before that, and then all goes on.
func TestLedgerThatCannotBeReadGrantsNothing(t *testing.T) {
	t.Parallel()
	for _, hangs := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			broken := errors.New("the disk is gone")
			l := &ledger{loadErr: broken, hangs: hangs}
			a := newAsker(queue(budget(100, 1), ratelimit.WithLedger(l)))
			a.ask(0, 1)
			same(t, "told", a.answered(6*time.Second), 0, 1)
			failed := time.Duration(0)
			if hangs {
				failed = 5 * time.Second
				if l.loadTook != failed {
					t.Errorf("it was waited for for %v", l.loadTook)
				}
			}
			for shard := range 2 {
				err := a.refusal(t, shard)
				var no *ratelimit.LedgerError
				if !errors.As(err, &no) || !errors.Is(err, broken) || hangs && !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("shard %d: %v", shard, err)
				}
				if want := a.began.Add(a.at[0] + 10*time.Second); !no.Until.Equal(want) || !strings.Contains(err.Error(), "the disk is gone") {
					t.Errorf("shard %d is to ask again at %v, want %v: %v", shard, no.Until, want, err)
				}
			}
			// One that does not wait for that is told at once, and nothing is read for it.
			a.ask(0)
			same(t, "told again", a.answered(time.Second), 0)
			if l.loads != 1 || a.refusal(t, 0) == nil {
				t.Errorf("it was read %d times", l.loads)
			}
			l.fails(nil, nil, false)
			a.Run(10 * time.Second)
			a.ask(0)
			same(t, "granted", a.answered(time.Second), 0)
			if err := a.refusal(t, 0); err != nil || l.loads != 2 {
				t.Errorf("%v; it was read %d times", err, l.loads)
			}
		})
	}
}

// TestLedgerThatCannotBeWrittenGrantsNothing: no permit is handed out of which nothing is written down, and nothing is spent by that.
func TestLedgerThatCannotBeWrittenGrantsNothing(t *testing.T) {
	t.Parallel()
	for _, hangs := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			broken := errors.New("the disk is full")
			l := new(ledger)
			q := queue(budget(100, 1), ratelimit.WithLedger(l))
			a := newAsker(q)
			a.ask(0)
			same(t, "granted", a.answered(10*time.Second), 0)
			l.fails(nil, broken, hangs)
			a.ask(1)
			same(t, "told", a.answered(6*time.Second), 1)
			err := a.refusal(t, 1)
			var no *ratelimit.LedgerError
			if !errors.As(err, &no) || !errors.Is(err, broken) {
				t.Fatalf("%v", err)
			}
			if want := a.began.Add(a.at[1] + 10*time.Second); !no.Until.Equal(want) {
				t.Errorf("ask again at %v, want %v", no.Until, want)
			}
			if hangs && l.saveTook != 5*time.Second {
				t.Errorf("it was waited for for %v", l.saveTook)
			}
			if s := a.stats(); s.Outstanding != 0 || s.Remaining != 99 {
				t.Errorf("%+v", s)
			}
			l.fails(nil, nil, false)
			a.ask(1)
			same(t, "granted at last, without an interval after what was not", a.answered(time.Second), 1)
			if err := a.refusal(t, 1); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLedgerIsWrittenBeforeThePermit: when the Identify may be written its trace is there, with all others that matter.
func TestLedgerIsWrittenBeforeThePermit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{slowSave: 100 * time.Millisecond}
		a := newAsker(queue(budget(100, 2), ratelimit.WithLedger(l)))
		begin := time.Now()
		a.keep = true
		a.ask(0, 1)
		same(t, "granted", a.answered(1500*time.Millisecond), 0, 1)
		s := l.saved()
		latest := begin.Add(ratelimit.WorkTimeout + 30*time.Second) // when a permit of theirs may be used
		if s.Remaining != 98 || len(s.Written) != 2 || !s.Written[shard(0)].Equal(latest) || !s.ResetAt.Equal(begin.Add(24*time.Hour)) {
			t.Errorf("two are out: %+v", s)
		}
		if a.at[0] != l.slowSave || a.at[1] != l.slowSave {
			t.Errorf("granted after %v, before it was written", a.at)
		}
		a.used(0)
		used := time.Now()
		a.withdraw(1)
		a.ask(3)
		same(t, "granted", a.answered(1500*time.Millisecond), 3)
		if s = l.saved(); s.Remaining != 98 || len(s.Written) != 2 || !s.Written[shard(0)].Equal(used) || s.Written[shard(3)].IsZero() {
			t.Errorf("one is used, one out: %+v", s)
		}
		a.Run(6 * time.Second)
		a.ask(2)
		same(t, "granted", a.answered(1500*time.Millisecond), 2)
		if s = l.saved(); s.Remaining != 97 || len(s.Written) != 2 || !s.Written[shard(0)].IsZero() {
			t.Errorf("the first matters no more: %+v", s)
		}
	})
}

// TestLedgerIsCalledOnceAtATime: who asks while it is written waits for the next time.
func TestLedgerIsCalledOnceAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{slowLoad: time.Second, slowSave: 100 * time.Millisecond}
		a := newAsker(queue(budget(100, 16), ratelimit.WithLedger(l)))
		for shard := range 16 {
			a.ask(shard)
			a.Run(300 * time.Millisecond)
		}
		if n := len(a.answered(10 * time.Second)); n != 16 || l.most != 1 || l.saves < 4 {
			t.Errorf("%d were answered, with %d calls at once, and %d times written", n, l.most, l.saves)
		}
	})
}

// TestPermitThatIsCancelledWhileItIsWrittenDownGoesBack: the next of its key need not wait for an interval.
func TestPermitThatIsCancelledWhileItIsWrittenDownGoesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{slowSave: 100 * time.Millisecond}
		q := queue(budget(100, 1), ratelimit.WithLedger(l))
		a := newAsker(q)
		a.ask(0)
		a.Run(l.slowSave / 2)
		a.withdraw(0)
		a.ask(1)
		same(t, "granted", a.answered(3*time.Second), 1)
		if s := a.stats(); s.Remaining != 99 || s.Outstanding != 0 {
			t.Errorf("%+v", s)
		}
	})
}
