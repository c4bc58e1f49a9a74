package ratelimit_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// TestStatsSayHowTheQueueStands: who waits, what is out, what is left, and until when.
func TestStatsSayHowTheQueueStands(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		q := queue(ratelimit.SessionStart{Total: 101, Remaining: 50, ResetAfter: time.Hour, MaxConcurrency: 2})
		a := newAsker(q)
		a.keep = true
		a.ask(0, 1, 2, 3, 4)
		same(t, "granted", a.answered(time.Second), 0, 1)
		want := ratelimit.QueueStats{Known: true, Waiting: 3, Outstanding: 2, Total: 101, Remaining: 50, Reserve: 11, MaxConcurrency: 2, ResetAt: begin.Add(time.Hour)}
		if got := a.stats(); got != want {
			t.Errorf("two are out: %+v\nwant %+v", got, want)
		}
		a.used(0)
		a.withdraw(1)
		want.Outstanding, want.Remaining, want.Spent = 0, 49, 1
		if got := a.stats(); got != want {
			t.Errorf("one was used, one given back: %+v\nwant %+v", got, want)
		}
		same(t, "the key of the one that was given back", a.answered(time.Second), 3)
		a.withdraw(3)
		a.keep = false
		same(t, "the rest", a.answered(time.Minute), 2, 4)
		want.Waiting, want.Remaining, want.Spent = 0, 47, 3
		if got := a.stats(); got != want {
			t.Errorf("nobody waits: %+v\nwant %+v", got, want)
		}
		a.Run(time.Until(want.ResetAt) - 1)
		if got := a.stats(); got != want {
			t.Errorf("just before the reset: %+v\nwant %+v", got, want)
		}
		a.Run(time.Nanosecond)
		want.Remaining, want.ResetAt = 101, begin.Add(25*time.Hour)
		if got := a.stats(); got != want {
			t.Errorf("at the reset: %+v\nwant %+v", got, want)
		}
	})
}

// TestMarginsAreAddedToDiscordsPeriods, and are what the documentation says without WithMargins.
func TestMarginsAreAddedToDiscordsPeriods(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		opts                 []ratelimit.Option
		identify, connection time.Duration
	}{
		{nil, 5250 * time.Millisecond, 60500 * time.Millisecond},
		{[]ratelimit.Option{ratelimit.WithMargins(0, 0)}, 5 * time.Second, 60 * time.Second},
		{[]ratelimit.Option{ratelimit.WithMargins(2*time.Second, 7*time.Second)}, 7 * time.Second, 67 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			limiter := ratelimit.Local(budget(1000, 1), test.opts...)
			a := newAsker(limiter.Identify().(*ratelimit.Queue))
			a.ask(0, 1, 2)
			same(t, "granted", a.answered(time.Minute), 0, 1, 2)
			for shard := 1; shard <= 2; shard++ {
				if apart := a.at[shard] - a.at[shard-1]; apart != test.identify {
					t.Errorf("Identifies are %v apart, want %v", apart, test.identify)
				}
			}
			bucket, now := limiter.Connection(shard(0), 45*time.Second), time.Now()
			for range bucket.Limit() {
				bucket.Take(now)
				bucket.Wrote(now)
			}
			if ok, at := bucket.Take(now); ok || at.Sub(now) != test.connection {
				t.Errorf("a payload more after %v, want %v", at.Sub(now), test.connection)
			}
			if ok, _ := bucket.Take(now.Add(test.connection - 1)); ok {
				t.Error("a payload more before the period's end")
			}
		})
	}
}

// TestReserveIsNeverSpent: exactly what is above the reserve is granted, and who is refused hears why and until when.
func TestReserveIsNeverSpent(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		total, remaining int
		opts             []ratelimit.Option
		granted, reserve int
	}{
		{20, 20, nil, 18, 2}, {21, 20, nil, 17, 3}, {20, 2, nil, 0, 2}, {20, 3, nil, 1, 2}, {20, -5, nil, 0, 2},
		{20, 20, []ratelimit.Option{ratelimit.WithReserve(0)}, 20, 0}, {20, 20, []ratelimit.Option{ratelimit.WithReserve(19)}, 1, 19},
		{20, 20, []ratelimit.Option{ratelimit.WithReserve(20)}, 0, 20}, {20, 20, []ratelimit.Option{ratelimit.WithReserve(100)}, 0, 100},
		{20, 200, []ratelimit.Option{ratelimit.WithReserve(100)}, 0, 100}, {20, 200, nil, 18, 2}, // more than there is
	} {
		synctest.Test(t, func(t *testing.T) {
			start := budget(test.total, 64)
			start.Remaining, start.ResetAfter = test.remaining, time.Hour
			q := queue(start, test.opts...)
			until := time.Now().Add(time.Hour)
			a := newAsker(q)
			for shard := range 30 {
				a.ask(shard)
			}
			if n := len(a.answered(time.Minute)); n != 30 {
				t.Fatalf("%d of 30 were answered", n)
			}
			granted := 0
			for shard := range 30 {
				err := a.refusal(t, shard)
				var no *ratelimit.BudgetError
				switch {
				case err == nil:
					granted++
				case !errors.As(err, &no) || no.Reserve != test.reserve || no.Remaining > test.reserve || no.Remaining < 0 || no.Until.Before(until) || no.Until.After(until.Add(24*time.Hour)):
					t.Errorf("refused with %#v", err)
				case !strings.Contains(err.Error(), fmt.Sprintf("%d left, of which %d are kept", no.Remaining, no.Reserve)):
					t.Error(err)
				}
			}
			if granted != test.granted {
				t.Errorf("%+v: %d were granted", test, granted)
			}
		})
	}
}

// TestHeldPermitsExpireEachAtItsTime: one that was granted later is out for longer.
func TestHeldPermitsExpireEachAtItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const keys = 8
		q := queue(budget(1000, keys), ratelimit.WithHold(20*time.Second))
		a := newAsker(q)
		a.keep = true
		for shard := range keys {
			a.ask(shard)
			same(t, "granted", a.answered(2*time.Second), shard)
		}
		for shard := range keys {
			a.ask(keys + shard)
		}
		if n := len(a.answered(time.Minute)); n != keys {
			t.Fatalf("%d got the permit after one that was held", n)
		}
		for shard := range keys {
			if got, want := a.at[keys+shard], time.Duration(2*shard)*time.Second+25250*time.Millisecond; got != want {
				t.Errorf("the next of shard %d was granted after %v, want %v", shard, got, want)
			}
		}
		before := a.stats()
		a.used(0) // what is told of them later changes nothing
		a.withdraw(1)
		if s := a.stats(); s != before {
			t.Errorf("%+v\nwas %+v", s, before)
		}
	})
}

// TestShardThatKeepsFailingDoesNotSpendTheDay: the first half of the budget goes as fast as it asks, the rest is spread over the day.
func TestShardThatKeepsFailingDoesNotSpendTheDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := queue(budget(30, 1), ratelimit.WithReserve(6)) // 24 may be spent
		a := newAsker(q)
		var at []time.Duration
		for len(at) < 24 {
			a.ask(0)
			for len(a.answered(time.Second)) == 0 {
			}
			if err := a.refusal(t, 0); err != nil {
				t.Fatalf("after %d Identifies, and %v: %v", len(at), a.at[0], err)
			}
			at = append(at, a.at[0])
		}
		if at[11] > 12*6*time.Second {
			t.Errorf("half of the budget took %v", at[11])
		}
		for i := 12; i < 24; i++ {
			if apart := at[i] - at[i-1]; apart < time.Hour || apart > 3*time.Hour {
				t.Errorf("Identify %d came %v after the one before", i, apart)
			}
		}
		if last := at[23]; last < 20*time.Hour || last > 24*time.Hour {
			t.Errorf("the last came after %v", last)
		}
	})
}
