package limitertest

import (
	"errors"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

func budget(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	o := NewOwner(fresh(ratelimit.SessionStart{Total: 1000, Remaining: 1000, ResetAfter: time.Hour, MaxConcurrency: 2000}).Identify())
	used, refused := spend(t, o, 1200)
	if used >= 1000 || used < 500 || used+refused != 1200 {
		t.Errorf("of a budget of 1000, %d were used and %d refused", used, refused)
	}
}

// spend has shards ask at once, and use what they are granted.
func spend(t *testing.T, o *Owner, shards int) (used, refused int) {
	t.Helper()
	o.Decided = func(d ratelimit.Decision) {
		var no *ratelimit.BudgetError
		switch {
		case d.Err == nil:
			used++
			o.Used(d.Shard)
		case errors.As(d.Err, &no) && no.Until.After(time.Now()):
			refused++
		default:
			t.Errorf("refused with %v, want a BudgetError that says until when", d.Err)
		}
	}
	for index := range shards {
		o.Ask(shard(index))
	}
	o.Until(time.Minute, func() bool { return used+refused == shards })
	return used, refused
}

// anyDay spends what there is just before the reset, and again just after it: whatever Discord says is left, that is one day.
func anyDay(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	for name, told := range map[string]bool{"by itself": false, "by an update": true} {
		start := ratelimit.SessionStart{Total: 100, Remaining: 100, ResetAfter: 23 * time.Hour, MaxConcurrency: 200}
		o := NewOwner(fresh(start).Identify())
		o.Run(22*time.Hour + 30*time.Minute)
		first, _ := spend(t, o, 150)
		o.Run(time.Hour)
		if told {
			o.Update(start)
		}
		second, _ := spend(t, o, 150)
		if first < 50 || first+second >= 100 {
			t.Errorf("reset %s: of a budget of 100, %d and %d were granted within an hour", name, first, second)
		}
		o.Run(25 * time.Hour)
		if third, _ := spend(t, o, 150); third < 50 {
			t.Errorf("reset %s: a day later %d were granted", name, third)
		}
	}
}

func update(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	o := NewOwner(fresh(plenty(16)).Identify())
	first := identify(t, o, 16, atOnce)
	o.Update(plenty(1))
	second := identify(t, o, 4, atOnce)
	judge(t, second, 1)
	if apart := second[0].at.Sub(first[15].at); apart < ratelimit.IdentifyInterval {
		t.Errorf("after a smaller max_concurrency the next identify came after %v", apart)
	}
	o.Update(ratelimit.SessionStart{Total: 1000, Remaining: 0, ResetAfter: time.Hour, MaxConcurrency: 1})
	if used, refused := spend(t, o, 1); used != 0 || refused != 1 {
		t.Error("with nothing remaining a permit was granted")
	}
}
