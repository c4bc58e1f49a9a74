package ratelimit_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// TestWhoIsRefusedIsGrantedWhenItWasTold, and not sooner: at Discord's reset, and when so many of our own Identifies as it takes are a day old.
func TestWhoIsRefusedIsGrantedWhenItWasTold(t *testing.T) {
	t.Parallel()
	const hour, step = time.Hour, 15 * time.Minute // of counting
	type spend struct {
		at    time.Duration
		count int
	}
	early, late := []spend{{0, 4}, {6 * hour, 3}, {12 * hour, 3}}, []spend{{0, 2}, {6 * hour, 2}, {12 * hour, 6}}
	for name, test := range map[string]struct {
		spent     []spend // of 10
		reserve   int
		total     int           // by what Discord says after 13 hours
		remaining int           // of it
		reset     time.Duration // from then
		out       int           // permits that are held
		want      time.Duration // from the beginning
	}{
		"the first are enough":                {early, 0, 10, 10, 24 * hour, 0, 24*hour + step},
		"the first are not enough":            {late, 0, 8, 8, 24 * hour, 0, 30*hour + step},
		"the first are just enough":           {late, 0, 9, 9, 24 * hour, 0, 24*hour + step},
		"all are needed":                      {late, 0, 3, 3, 24 * hour, 0, 36*hour + step},
		"the reserve is kept":                 {late, 3, 11, 11, 24 * hour, 0, 30*hour + step},
		"nothing is left until the reset":     {early, 0, 100, 0, 2 * hour, 0, 15 * hour},
		"the reserve is left until the reset": {early, 20, 100, 20, 2 * hour, 0, 15 * hour},
		"the reset is sooner than enough":     {early, 0, 10, 0, 2 * hour, 0, 24*hour + step},
		"the reset is later than enough":      {early, 0, 10, 0, 20 * hour, 0, 33 * hour},
		"what is left is held":                {early, 0, 100, 2, 2 * hour, 2, 15 * hour},
		"what may be spent in a day is held":  {early, 0, 12, 12, 24 * hour, 2, 24*hour + step},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const keys = 64
				a := newAsker(queue(budget(1000, keys), ratelimit.WithReserve(test.reserve)))
				next := 0
				ask := func() error {
					a.ask(next)
					same(t, "answered", a.answered(0), next)
					next++
					return a.refusal(t, next-1)
				}
				until := func(at time.Duration) { a.Run(at - time.Since(a.began)) }
				for _, s := range test.spent {
					until(s.at)
					for range s.count {
						if err := ask(); err != nil {
							t.Fatal(err)
						}
					}
				}
				until(13 * hour)
				a.Update(ratelimit.SessionStart{Total: test.total, Remaining: test.remaining, ResetAfter: test.reset, MaxConcurrency: keys})
				a.keep = true
				for range test.out {
					a.ask(next)
					same(t, "a permit that is held", a.answered(time.Second), next)
					next++
				}
				refused := func() {
					t.Helper()
					a.ask(next)
					same(t, "answered", a.answered(time.Second/2), next)
					next++
					var no *ratelimit.BudgetError
					if err := a.refusal(t, next-1); !errors.As(err, &no) || no.Until.Sub(a.began) != test.want {
						t.Fatalf("%v after %v", err, a.at[next-1])
					}
				}
				refused()
				until(test.want - time.Second)
				refused()
				until(test.want)
				a.ask(next)
				if same(t, "answered", a.answered(time.Second), next); a.refusal(t, next) != nil {
					t.Errorf("when it was told: %v", a.refusal(t, next))
				}
			})
		})
	}
}
