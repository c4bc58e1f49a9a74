// Package ratelimit is the arithmetic of permission: how many payloads a connection may send,
// and when a session may be started. Its types are values that are told the time: they never wait, and have no goroutine,
// lock or timer and read no clock. Each is owned by one goroutine. The package knows nothing of payloads, sessions or sockets.
//
// RateLimiter is the interface to replace: by limits that several processes share, for one.
// Package limitertest is the suite that an implementation must pass.
package ratelimit

import (
	"context"
	"fmt"
	"time"
)

// The limits of the gateway.
//
// Source: events/gateway#rate-limiting, events/gateway#max-concurrency
const (
	ConnectionLimit  = 120              // payloads of any kind, in any ConnectionPeriod on one connection
	ConnectionPeriod = 60 * time.Second // of ConnectionLimit
	IdentifyInterval = 5 * time.Second  // between two Identifies of one key
)

// RateLimiter stores the buckets of one application. What it returns is used by the goroutine that called it, one call at a time.
type RateLimiter interface {
	// Connection returns a fresh bucket for a new connection of the shard, for send events
	// alone: what the session writes by itself must fit beside it. heartbeat is the interval.
	Connection(shard Shard, heartbeat time.Duration) Bucket
	// Identify returns the application's one queue for starting sessions: the same at every call.
	Identify() IdentifyQueue
}

// Bucket says when send events may go on one connection. It answers and never waits. It is
// owned by one goroutine, which tells a time that does not go back. For each permit that was taken either
// Wrote or Return is called, once.
type Bucket interface {
	// Take takes one permit, for a write that follows. If there is none, retryAt is when to ask again; zero: not before Wrote
	// or Return.
	Take(now time.Time) (ok bool, retryAt time.Time)
	// Wrote says when the write of a permit was done. It counts from then on; until it is called the permit counts without end.
	Wrote(at time.Time)
	// Return gives a permit back that was never written.
	Return()
	// Limit is how many permits there are in one period.
	Limit() int
	// Remaining is how many could be taken now.
	Remaining(now time.Time) int
	// Reset is when the bucket will be whole again: now, if it is; zero: not before Wrote or Return.
	Reset(now time.Time) time.Time
}

// IdentifyQueue decides when sessions may be started. It answers and never waits. It is owned by one goroutine, which tells a
// time that does not go back. After each call but Decide the owner calls Decide, and it calls it when the time has come that
// Decide has named. A queue may also be a Notifier, a Worker, a Forecaster, a Budgeter or a Cloner.
type IdentifyQueue interface {
	// Ask has the shard wait for a permit. A shard that waits already, or has a permit that was not used, begins anew.
	Ask(now time.Time, shard Shard)
	// Withdraw has the shard wait no longer. A permit that it has goes back unused.
	Withdraw(now time.Time, shard Shard)
	// Used says when the Identify of the shard's permit was written: the interval to the next one of its key counts from then, and
	// one of the day's budget is spent. It does nothing for a shard without a permit.
	Used(at time.Time, shard Shard)
	// Decide says who is granted or refused now, each once, in order, and when it is to be called again at the latest; zero: not before something changes.
	Decide(now time.Time) (decisions []Decision, next time.Time)
	// Update takes what Discord has said about the limits: it replaces what was known.
	Update(now time.Time, start SessionStart)
}

// Decision is the permit to write one Identify, or the refusal of it. Either way the shard waits no longer.
type Decision struct {
	Shard Shard
	Err   error // nil: granted
	// Expires is when a permit ends: its holder looks at it immediately before the write. One of which nothing was heard by then
	// counts as used then.
	Expires time.Time
}

// Notifier is an IdentifyQueue that hears from elsewhere, and later. The owner calls Notify once, before all else.
type Notifier interface {
	// Notify takes what the queue calls when Decide has something new to say: on any goroutine, also before Notify returns. It does not block.
	Notify(news func())
}

// Worker is an IdentifyQueue that has work which takes time, such as to write a file.
type Worker interface {
	// Work is asked for after each Decide. If do is not nil, the owner has it run on another goroutine, with a context
	// that ends after WorkTimeout. When do has ended, even by a panic, the owner calls done, and then Decide.
	Work(now time.Time) (do func(context.Context), done func(now time.Time))
}

// WorkTimeout is how long the owner of a Worker gives its work.
const WorkTimeout = 5 * time.Second

// Forecaster is an IdentifyQueue that can say how long its shards will wait. Asking changes nothing.
type Forecaster interface {
	// Forecast is how a shard that waits stands; false: it does not wait.
	Forecast(now time.Time, shard Shard) (Forecast, bool)
	// Forecasts calls yield for each shard that waits, in no order, until it returns false.
	Forecasts(now time.Time) func(yield func(Shard, Forecast) bool)
}

// Budgeter is an IdentifyQueue that can say what its budget allows. Asking changes nothing.
type Budgeter interface {
	// Spare is how many Identifies more could be granted without touching the reserve, if each of those that wait were granted first;
	// 0 as well if it is not known yet.
	Spare(now time.Time) int
}

// Cloner is an IdentifyQueue that can be looked at, and tried out on a copy. Asking changes nothing.
type Cloner interface {
	// Stats is how the queue stands; it may be asked about a time to come, of what is known now.
	Stats(now time.Time) QueueStats
	// Clone is a copy that decides as this one would, by what is known now. It is told times to come, and shares nothing with this one, nor with anything
	// outside: its decisions grant nothing.
	Clone(now time.Time) IdentifyQueue
}

// Forecast is how a shard stands in the queue.
type Forecast struct {
	Place int       // among those that wait for the same key; 1 is the next
	At    time.Time // when it is granted, if each permit is used at once and nobody comes before it; zero: that cannot be said
}

// SessionStart is Discord's session start limit object. The zero value stands for not known:
// until an Update nothing is granted.
//
// Source: events/gateway#session-start-limit-object
type SessionStart struct {
	Total          int           // Identifies in a day
	Remaining      int           // of them, until ResetAfter
	ResetAfter     time.Duration // from when it was told
	MaxConcurrency int           // keys; less than 1 counts as 1
}

// BudgetError refuses a permit, because the day's budget of Identifies would fall below its
// reserve. Beyond the budget Discord ends all sessions and resets the bot's token.
type BudgetError struct {
	Remaining int       // of the budget, permits that are out already counted
	Reserve   int       // what is never spent
	Until     time.Time // when there is more than the reserve again
}

// Error tells what is left, what is kept, and until when.
func (e *BudgetError) Error() string {
	return fmt.Sprintf("ratelimit: identify budget: %d left, of which %d are kept in reserve; there is more at %v",
		e.Remaining, e.Reserve, e.Until.Format(time.RFC3339))
}

// Reserve is how many of a connection's payloads the session needs for itself in any 60 s: its
// periodic heartbeats, of which one more may arrive when the interval divides a minute, and three
// more for Identify or Resume and for heartbeats that the gateway asks for. It is at least 4 and
// leaves at least 1. An interval that is not positive counts as the one that Discord uses.
func Reserve(heartbeat time.Duration) int {
	const own, usual = 3, 41250 * time.Millisecond
	if heartbeat <= 0 {
		heartbeat = usual
	}
	beats := int(ConnectionPeriod/heartbeat) + 1 //seam:beats-of-a-minute
	return min(beats+own, ConnectionLimit-1)     //seam:room-for-heartbeats
}
