package ratelimit_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// TestPermitThatWasNotUsedTakesNoPartOfTheDay: a shard over which what is left is spread waits for its part once, and not again for each permit that went back, or that
// could not be written down since another process had written.
func TestPermitThatWasNotUsedTakesNoPartOfTheDay(t *testing.T) {
	t.Parallel()
	spent := func(a *asker) {
		for range 3 {
			a.ask(0)
			a.Run(time.Minute)
		}
		start := budget(100, 4)
		start.Remaining = 40
		a.Update(start)
		a.Run(time.Second)
		a.order = nil
	}
	t.Run("given back", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			a := newAsker(queue(budget(100, 4)))
			spent(a)
			a.keep = true
			a.ask(0)
			a.Until(time.Hour, func() bool { return len(a.order) > 0 })
			same(t, "after its part of the day", a.answered(0), 0)
			a.withdraw(0)
			a.ask(0)
			same(t, "again", a.answered(time.Second), 0)
			a.used(0)
			a.ask(0)
			same(t, "when it was used", a.answered(40*time.Minute))
			same(t, "the next part", a.answered(20*time.Minute), 0)
		})
	})
	t.Run("another has written", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			l := new(shared)
			a, b := newAsker(queue(budget(100, 4), ratelimit.WithLedger(l))), newAsker(queue(budget(100, 4), ratelimit.WithLedger(l)))
			spent(a)
			a.ask(0)
			run(10*time.Minute, a, b)
			b.ask(1)
			run(50*time.Minute, a, b)
			same(t, "after its part of the day", a.order, 0)
		})
	})
}
