package ratelimit_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// TestNewDayIsToldToWhoIsStillInTheOldOne: of processes that share a ledger, one whose own reset is a moment later takes the other's new day for its own, and does
// not forget at its own reset what was spent of it.
func TestNewDayIsToldToWhoIsStillInTheOldOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := new(shared)
		process := func(reset time.Duration) *asker {
			start := budget(40, 8)
			start.Remaining, start.ResetAfter = 15, reset
			a := newAsker(queue(start, ratelimit.WithLedger(l), ratelimit.WithReserve(10)))
			a.withdraw(0) // it is told of the time
			return a
		}
		a, b := process(time.Hour), process(time.Hour+10*time.Second)
		a.ask(0)
		same(t, "the day before", a.answered(time.Minute), 0)
		b.ask(1)
		same(t, "the day before", b.answered(time.Minute), 1)
		run(time.Until(a.began.Add(time.Hour)), a, b)
		a.ask(2, 3, 4)
		same(t, "after the reset", a.answered(time.Second), 2, 3, 4)
		b.ask(5)
		same(t, "just before its own", b.answered(time.Second), 5)
		if s := b.stats(); s.Remaining != 36 {
			t.Errorf("before its own reset: %+v, want 36 left", s)
		}
		run(time.Minute, a, b)
		b.ask(6)
		same(t, "after its own", b.answered(time.Second), 6)
		a.ask(7)
		same(t, "the other", a.answered(time.Second), 7)
		for who, s := range map[string]ratelimit.QueueStats{"first": a.stats(), "second": b.stats()} {
			want := map[string]int{"first": 34, "second": 35}[who]
			if s.Remaining != want {
				t.Errorf("to the %s %d are left, want %d", who, s.Remaining, want)
			}
			if until := time.Until(s.ResetAt); until < 22*time.Hour || until > 24*time.Hour {
				t.Errorf("to the %s the next reset is in %v", who, until)
			}
		}
	})
}

// poor is two processes that share a ledger by which nothing is left beyond the reserve until their reset, in an hour.
func poor(t *testing.T) (a, b *asker, l *shared) {
	l = new(shared)
	start := budget(40, 8)
	start.Remaining, start.ResetAfter = 12, time.Hour
	process := func() *asker { return newAsker(queue(start, ratelimit.WithLedger(l), ratelimit.WithReserve(10))) }
	a, b = process(), process()
	a.ask(0)
	same(t, "the one", a.answered(time.Minute), 0)
	b.ask(1)
	same(t, "and the other", b.answered(time.Minute), 1)
	if l.state.Remaining != 10 {
		t.Fatalf("%+v", l.state)
	}
	return a, b, l
}

// TestLaterWordOfDiscordOutlivesTheSharedLedger: Discord says that there is more than was thought. What others have written before does not take it back, and they
// hear of it.
func TestLaterWordOfDiscordOutlivesTheSharedLedger(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]time.Duration{"of the same period": 0, "of another": 23 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			a, b, l := poor(t) // b was last to write
			more := ratelimit.SessionStart{Total: 40, Remaining: 38, ResetAfter: time.Until(a.began.Add(time.Hour + at)), MaxConcurrency: 8}
			a.Update(more)
			a.ask(2)
			same(t, "who was told", a.answered(time.Second), 2)
			if err := a.refusal(t, 2); err != nil {
				t.Errorf("%s: to who was told that there is more: %v", name, err)
			}
			b.ask(3)
			same(t, "who was not told", b.answered(time.Second), 3)
			if err := b.refusal(t, 3); err != nil {
				t.Errorf("%s: to who shares its ledger: %v", name, err)
			}
			run(time.Minute, a, b)
			if l.state.Remaining != 36 || l.state.Remaining != b.stats().Remaining {
				t.Errorf("%s: %d are left", name, l.state.Remaining)
			}
		})
	}
}

// others has another process write what is left.
func (l *shared) others(left int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.Remaining, l.version = left, l.version+1
}

// TestWhatIsSpentMeanwhileIsNoneOfDiscordsWord: of what Discord said the others have spent some before it is written down.
func TestWhatIsSpentMeanwhileIsNoneOfDiscordsWord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, l := poor(t)
		run(time.Minute, a, b)
		more := ratelimit.SessionStart{Total: 40, Remaining: 30, ResetAfter: 58 * time.Minute, MaxConcurrency: 8}
		l.others(14)
		l.slow = 100 * time.Millisecond
		a.Update(more)
		a.Run(150 * time.Millisecond) // it has read
		l.others(11)
		a.Run(time.Second)
		if left := a.stats().Remaining; left != 27 || l.state.Remaining != 27 {
			t.Errorf("%d are left, and %d by the ledger; want 27", left, l.state.Remaining)
		}
		// Two are told at once: what one has written is not added to the word of the other.
		more.Remaining = 35
		a.Update(more)
		a.Run(150 * time.Millisecond)
		l.others(33) // of 35, two of which are spent
		a.Run(time.Second)
		if left := a.stats().Remaining; left != 33 || l.state.Remaining != 33 {
			t.Errorf("%d are left, and %d by the ledger; want 33", left, l.state.Remaining)
		}
	})
}

// TestOneIsToldOfLessAndAllHear: what Discord has said to one process the others go by as well.
func TestOneIsToldOfLessAndAllHear(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := new(shared)
		process := func() *asker {
			return newAsker(queue(budget(40, 8), ratelimit.WithLedger(l), ratelimit.WithReserve(10)))
		}
		a, b := process(), process()
		a.ask(0)
		same(t, "the one", a.answered(time.Minute), 0)
		b.ask(1)
		same(t, "the other", b.answered(time.Minute), 1)
		less := budget(40, 8)
		less.Remaining = 10
		a.Update(less)
		a.Run(time.Second)
		b.ask(2)
		if same(t, "the other", b.answered(time.Second), 2); b.refusal(t, 2) == nil {
			t.Error("the reserve is granted")
		}
	})
}

// TestNobodyIsRefusedByWhatIsNotSoAnyMore: another process has given its permit back.
func TestNobodyIsRefusedByWhatIsNotSoAnyMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := new(shared)
		start := budget(40, 8)
		start.Remaining = 12
		process := func() *asker { return newAsker(queue(start, ratelimit.WithLedger(l), ratelimit.WithReserve(10))) }
		a, b := process(), process()
		a.keep = true
		a.ask(0)
		same(t, "the one", a.answered(time.Second), 0)
		b.ask(1)
		same(t, "the other", b.answered(time.Second), 1)
		a.withdraw(0)
		run(10*time.Second, a, b)
		b.ask(2)
		if same(t, "of the two that were left one is not spent", b.answered(time.Second), 2); b.refusal(t, 2) != nil {
			t.Error(b.refusal(t, 2))
		}
		b.Run(2 * time.Second)
		l.slow = 2 * time.Second // to read takes longer than what was read is trusted
		b.ask(3)
		if same(t, "there is no third", b.answered(5*time.Second), 3); b.refusal(t, 3) == nil {
			t.Error("the reserve is granted")
		}
	})
}

// TestWordOfDiscordForgetsNoIdentifyOfAnother: what Discord says is left may have been counted before it read what another process wrote a moment ago, as of
// our own.
func TestWordOfDiscordForgetsNoIdentifyOfAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := new(shared)
		process := func() *asker {
			return newAsker(queue(budget(40, 8), ratelimit.WithLedger(l), ratelimit.WithReserve(10)))
		}
		a, b := process(), process()
		a.ask(0)
		same(t, "the one", a.answered(time.Minute), 0)
		b.ask(1)
		same(t, "the other", b.answered(time.Second), 1)
		said := budget(40, 8)
		said.Remaining = 39 // the other's is not counted there yet
		a.Update(said)
		a.Run(time.Second)
		if left := a.stats().Remaining; left != 38 || l.state.Remaining != 38 {
			t.Errorf("%d are left, and %d by the ledger; want 38", left, l.state.Remaining)
		}
	})
}
