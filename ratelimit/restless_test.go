package ratelimit_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// busy is a shared ledger into which another process writes, so many times, just before this one does.
type busy struct {
	*shared
	times int
}

func (l *busy) SaveLedger(ctx context.Context, state ratelimit.LedgerState) error {
	if l.times > 0 {
		l.times--
		l.mu.Lock()
		l.version++
		l.mu.Unlock()
	}
	return l.shared.SaveLedger(ctx, state)
}

// TestToComeTooLateIsTheLotOfWhoShares, 20 times within a second, and as often as it may be in a longer time. Who comes too late more often waits for a while.
func TestToComeTooLateIsTheLotOfWhoShares(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		times   int
		slow    time.Duration
		granted bool
	}{"often": {20, 0, true}, "too often": {21, 0, false}, "and at length": {100, 50 * time.Millisecond, true}} {
		synctest.Test(t, func(t *testing.T) {
			l := &busy{&shared{slow: test.slow}, test.times}
			a := newAsker(queue(budget(100, 1), ratelimit.WithLedger(l)))
			a.ask(0)
			same(t, name, a.answered(30*time.Second), 0)
			var no *ratelimit.LedgerError
			if err := a.refusal(t, 0); (err == nil) != test.granted || err != nil && (!errors.As(err, &no) || time.Until(no.Until) > 10*time.Second) {
				t.Errorf("%s: %v", name, err)
			}
			if l.times != 0 {
				t.Errorf("%s: it came too late %d times", name, test.times-l.times)
			}
		})
	}
}

// TestLedgerThatSaysThatItWasChangedAndWasNot fails, however slow it is.
func TestLedgerThatSaysThatItWasChangedAndWasNot(t *testing.T) {
	t.Parallel()
	for _, slow := range []time.Duration{0, 10 * time.Millisecond, 100 * time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			l := &shared{slow: slow, restless: true}
			a := newAsker(queue(budget(100, 1), ratelimit.WithLedger(l)))
			a.ask(0)
			same(t, slow.String(), a.answered(time.Minute), 0)
			var no *ratelimit.LedgerError
			if err := a.refusal(t, 0); !errors.As(err, &no) || l.tries != 21 {
				t.Errorf("%v each: after %d: %v", slow, l.tries, err)
			}
		})
	}
}

// TestWhoWaitsForAnothersPermitLooksEachSecond what has become of it, and not more often; who waits for none does not look.
func TestWhoWaitsForAnothersPermitLooksEachSecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := new(shared)
		a, b := newAsker(queue(budget(100, 1), ratelimit.WithLedger(l))), newAsker(queue(budget(100, 1), ratelimit.WithLedger(l)))
		a.keep = true
		a.ask(0)
		same(t, "the one", a.answered(time.Second), 0)
		b.ask(1)
		run(500*time.Millisecond, a, b)
		before := l.loads
		run(10*time.Second, a, b)
		if looked := l.loads - before; looked != 10 {
			t.Errorf("it looked %d times in 10 s", looked)
		}
		a.used(0)
		used := time.Since(b.began)
		run(4*time.Second, a, b)
		before = l.loads
		run(time.Second, a, b)
		if l.loads != before {
			t.Errorf("it looked %d times, though no permit is out", l.loads-before)
		}
		b.Run(time.Minute)
		if apart := b.at[1] - used; apart != 5250*time.Millisecond {
			t.Errorf("granted %v after the other's Identify", apart)
		}
	})
}
