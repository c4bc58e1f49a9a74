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
			time.Sleep(time.Millisecond)
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
				err := a.permit(t, shard).Err()
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
			if l.loads != 1 || a.permit(t, 0).Err() == nil {
				t.Errorf("it was read %d times", l.loads)
			}
			l.fails(nil, nil, false)
			time.Sleep(10 * time.Second)
			a.ask(0)
			same(t, "granted", a.answered(time.Second), 0)
			if err := a.permit(t, 0).Err(); err != nil || l.loads != 2 {
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
			err := a.permit(t, 1).Err()
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
			if s := q.Stats(); s.Outstanding != 0 || s.Remaining != 99 {
				t.Errorf("%+v", s)
			}
			l.fails(nil, nil, false)
			a.ask(1)
			same(t, "granted at last, without an interval after what was not", a.answered(time.Second), 1)
			if err := a.permit(t, 1).Err(); err != nil {
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
		if s.Remaining != 98 || len(s.Written) != 2 || !s.Written[0].Equal(begin) || !s.ResetAt.Equal(begin.Add(24*time.Hour)) {
			t.Errorf("two are out: %+v", s)
		}
		if a.at[0] != l.slowSave || a.at[1] != l.slowSave {
			t.Errorf("granted after %v, before it was written", a.at)
		}
		a.permit(t, 0).Used()
		used := time.Now()
		a.permit(t, 1).Release()
		a.ask(3)
		same(t, "granted", a.answered(1500*time.Millisecond), 3)
		if s = l.saved(); s.Remaining != 98 || len(s.Written) != 2 || !s.Written[0].Equal(used) || s.Written[3].IsZero() {
			t.Errorf("one is used, one out: %+v", s)
		}
		time.Sleep(6 * time.Second)
		a.ask(2)
		same(t, "granted", a.answered(1500*time.Millisecond), 2)
		if s = l.saved(); s.Remaining != 97 || len(s.Written) != 2 || !s.Written[0].IsZero() {
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
			time.Sleep(300 * time.Millisecond)
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
		cancel := q.Enqueue(0, func(ratelimit.Permit) {})
		time.Sleep(l.slowSave / 2)
		cancel()
		a.ask(1)
		same(t, "granted", a.answered(3*time.Second), 1)
		if s := q.Stats(); s.Remaining != 99 || s.Outstanding != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestLedgerOfTheLastProcessCounts: what was spent in this period, and when; but nothing of yesterday, and a clock that was ahead
// holds nothing back for longer than an interval.
func TestLedgerOfTheLastProcessCounts(t *testing.T) {
	t.Parallel()
	const ago, ahead = -time.Second, 12 * time.Hour
	for name, test := range map[string]struct {
		remaining int
		reset     time.Duration // from now
		written   map[int]time.Duration
		left      int // afterwards, of 100 that Discord told
		wait      time.Duration
	}{
		"nothing is stored":            {0, -10_000 * time.Hour, nil, 99, 0},
		"of this period":               {60, time.Hour, nil, 59, 0},
		"of yesterday":                 {60, -time.Hour, nil, 99, 0},
		"of a period that ends now":    {60, 0, nil, 99, 0},
		"more than Discord says":       {200, time.Hour, nil, 99, 0},
		"an Identify a second ago":     {100, time.Hour, map[int]time.Duration{8: ago}, 99, 4250 * time.Millisecond},
		"of another key":               {100, time.Hour, map[int]time.Duration{9: ago}, 99, 0},
		"an old one":                   {100, time.Hour, map[int]time.Duration{8: -5250 * time.Millisecond}, 99, 0},
		"yesterday's, a second ago":    {60, -time.Millisecond, map[int]time.Duration{8: ago}, 99, 4250 * time.Millisecond},
		"by a clock that is ahead":     {100, time.Hour, map[int]time.Duration{8: ahead}, 99, 5250 * time.Millisecond},
		"several, of which one counts": {100, time.Hour, map[int]time.Duration{8: -4 * time.Second, 10: -2 * time.Second, 12: -time.Hour}, 99, 3250 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				now := time.Now()
				l := &ledger{state: ratelimit.LedgerState{Remaining: test.remaining, ResetAt: now.Add(test.reset), Written: map[int]time.Time{}}}
				for shard, at := range test.written {
					l.state.Written[shard] = now.Add(at)
				}
				q := queue(budget(100, 2), ratelimit.WithLedger(l))
				a := newAsker(q)
				a.ask(0)
				same(t, "granted", a.answered(time.Minute), 0)
				if s := q.Stats(); a.at[0] != test.wait || s.Remaining != test.left {
					t.Errorf("after %v, and %d are left; want %v, and %d", a.at[0], s.Remaining, test.wait, test.left)
				}
			})
		})
	}
}

// TestLedgerAfterTheResetCountsTheNewDay: what is written down is of the period that it names.
func TestLedgerAfterTheResetCountsTheNewDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := new(ledger)
		begin := time.Now()
		a := newAsker(queue(budget(100, 1), ratelimit.WithLedger(l)))
		a.ask(0, 1, 2)
		a.answered(time.Minute)
		if s := l.saved(); s.Remaining != 97 || !s.ResetAt.Equal(begin.Add(24*time.Hour)) {
			t.Errorf("today: %+v", s)
		}
		time.Sleep(24 * time.Hour)
		a.ask(0)
		same(t, "tomorrow", a.answered(time.Second), 0)
		if s := l.saved(); s.Remaining != 99 || s.ResetAt.Before(begin.Add(48*time.Hour)) || len(s.Written) != 1 {
			t.Errorf("tomorrow: %+v", s)
		}
	})
}

// TestIdentifyAfterASlowWriteIsRemembered: a process that ends right after an Identify whose permit took long to be written down, and the
// next, keep an interval between their Identifies.
func TestIdentifyAfterASlowWriteIsRemembered(t *testing.T) {
	t.Parallel()
	for _, slow := range []time.Duration{0, time.Millisecond, 40 * time.Millisecond, 500 * time.Millisecond, 3 * time.Second, 4900 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			l := &ledger{slowSave: slow}
			first := newAsker(queue(budget(100, 1), ratelimit.WithLedger(l)))
			first.ask(0)
			for first.answered(time.Millisecond) == nil {
			}
			used := first.began.Add(first.at[0])
			next := newAsker(queue(budget(100, 1), ratelimit.WithLedger(&ledger{state: l.state})))
			next.ask(0)
			same(t, "granted", next.answered(time.Minute), 0)
			if apart := next.began.Add(next.at[0]).Sub(used); apart < ratelimit.IdentifyInterval || apart > 2*ratelimit.IdentifyInterval {
				t.Errorf("with a write of %v the Identifies are %v apart", slow, apart)
			}
		})
	}
}
