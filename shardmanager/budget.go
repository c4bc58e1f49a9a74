package shardmanager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// Budget is how the day's budget of Identifies stands. The zero value says nothing.
type Budget struct {
	Known          bool
	Total          int       // Identifies in a day, by Discord's word
	Remaining      int       // of them, until ResetAt: by Discord's word, less what was spent here since
	ResetAt        time.Time // when Discord makes Remaining whole
	Spent          int       // in the last 24 hours, here and by others who share the session store. With Remaining it may be less than Total
	Reserve        int       // that are never spent
	Spare          int       // that may be spent now: beside the reserve, permits that are out, and those who wait
	MaxConcurrency int       // how many may go at once, and again 5 s later
	Waiting        int       // shards that wait for a permit
	Next           time.Time // when the next of them may identify; zero: nobody waits, or that cannot be said
}

// String tells what is left, in a line.
func (b Budget) String() string {
	if !b.Known {
		return "budget of Identifies: not known"
	}
	text := fmt.Sprintf("budget of Identifies: %d of %d left until %s, %d in reserve: %d may be spent, %d at once",
		b.Remaining, b.Total, b.ResetAt.Format(time.DateTime), b.Reserve, b.Spare, b.MaxConcurrency)
	if b.Waiting > 0 {
		text += fmt.Sprintf("; %d wait", b.Waiting)
	}
	return text
}

const (
	budgetTime = time.Second                         // for the supervisor to say how the budget stands: it does nothing that takes time, but a limiter may
	knownTime  = ratelimit.WorkTimeout + time.Second // for the ledger to be read
	knownPause = 10 * time.Millisecond
	budgetLook = time.Minute    // how finely a time to come is looked for
	budgetFar  = 49 * time.Hour // by then Identifies of today count no more
)

// Budget is how the day's budget of Identifies stands. To ask changes nothing. It is not Known before Start has begun to start shards, after the end,
// while the session store's ledger was not read, and with a limiter of WithRateLimiter whose queue is no ratelimit.Cloner. Before Start, Forecast tells it.
func (m *Manager) Budget() Budget {
	ctx, cancel := context.WithTimeout(m.life, budgetTime)
	defer cancel()
	queue, err := m.copyQueue(ctx)
	if err != nil {
		return Budget{}
	}
	return budgetOf(queue, time.Now())
}

// copyQueue is how the identify queue stands, and a copy of it.
func (m *Manager) copyQueue(ctx context.Context) (*actors.IdentifyQueue, error) {
	if _, err := m.client(); err != nil {
		return nil, err
	}
	answer, err := m.ask(ctx, actors.GetIdentifyQueue{}, supervisorTimeout)
	if err != nil {
		return nil, err
	}
	return answer.(*actors.IdentifyQueue), nil
}

// knownQueue is copyQueue when the budget is known: a ledger may have to be read before.
func (m *Manager) knownQueue(ctx context.Context) (*actors.IdentifyQueue, error) {
	for end := time.Now().Add(knownTime); ; {
		queue, err := m.copyQueue(ctx)
		switch {
		case err != nil || queue.Stats.Known:
			return queue, err
		case time.Now().After(end):
			return nil, errors.Join(errUnknownBudget, m.Persistence().Ledger)
		}
		select {
		case <-time.After(knownPause):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

var errUnknownBudget = errors.New("shardmanager: the day's budget of Identifies is not known yet: the session store's ledger was not read, or Discord has not said it")

func budgetOf(queue *actors.IdentifyQueue, now time.Time) Budget {
	s := queue.Stats
	if !s.Known {
		return Budget{}
	}
	b := Budget{
		Known: true, Total: s.Total, Remaining: s.Remaining, ResetAt: s.ResetAt, Spent: s.Spent, Reserve: s.Reserve, Spare: spare(s),
		MaxConcurrency: s.MaxConcurrency, Waiting: s.Waiting,
	}
	f, ok := queue.Copy.(ratelimit.Forecaster)
	if !ok {
		return b
	}
	var next time.Time
	err := foreign.Call("the limiter's Forecasts", func() error {
		for _, of := range f.Forecasts(now) {
			if !of.At.IsZero() && (next.IsZero() || of.At.Before(next)) {
				next = of.At
			}
		}
		return nil
	})
	if err == nil {
		b.Next = next
	}
	return b
}

// spare is how many Identifies more may be granted.
func spare(s ratelimit.QueueStats) int {
	return max(min(s.Remaining, s.Total-s.Spent)-s.Reserve-s.Outstanding-s.Waiting, 0)
}

// enoughAt is from when on there are so many, if nobody spends any meanwhile; zero: never.
func enoughAt(queue ratelimit.Cloner, now time.Time, identifies int) time.Time {
	for at := now; at.Before(now.Add(budgetFar)); at = at.Add(budgetLook) {
		if spare(queue.Stats(at)) >= identifies {
			return at
		}
	}
	return time.Time{}
}
