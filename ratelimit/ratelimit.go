// Package ratelimit is the arithmetic of permission: how many payloads a connection may send,
// and when a session may be started. It answers questions and never waits; but for the local
// identify queue, which owns one timer, it has no goroutine and reads no clock. It knows
// nothing of payloads, shards' sessions or sockets.
//
// RateLimiter is the interface to replace: by limits that several processes share, for one.
// Package limitertest is the suite that an implementation must pass.
package ratelimit

import (
	"fmt"
	"sync"
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

// RateLimiter stores the buckets of one application. Safe for concurrent use.
type RateLimiter interface {
	// Connection returns a fresh bucket for a new connection of the shard, for send events
	// alone: what the session writes by itself must fit beside it. heartbeat is the interval.
	Connection(shard int, heartbeat time.Duration) Bucket
	// Identify returns the application's one queue for starting sessions.
	Identify() IdentifyQueue
}

// Bucket says when send events may go on one connection. It answers and never waits. It is
// owned by one goroutine, which passes a time that does not go back.
type Bucket interface {
	// Take takes one permit. If there is none, retryAt is when to ask again.
	Take(now time.Time) (ok bool, retryAt time.Time)
	// Limit is how many permits there are in one period.
	Limit() int
	// Remaining is how many could be taken now.
	Remaining(now time.Time) int
	// Reset is when the bucket will be whole again: now, if it is.
	Reset(now time.Time) time.Time
}

// IdentifyQueue decides when sessions may be started. It may be shared by processes.
type IdentifyQueue interface {
	// Enqueue asks for a permit for the shard. granted is called once, on another goroutine and
	// never before Enqueue returns to a caller that holds no lock; it must not block. cancel
	// takes the request back: a permit that was granted and not used goes back as well.
	Enqueue(shard int, granted func(Permit)) (cancel func())
	// Update says what Discord has said about the limits: it replaces what was known.
	Update(SessionStart)
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

// Permit is the right to write one Identify, or the refusal of it.
type Permit struct{ state *permit }

type permit struct {
	once          sync.Once
	err           error
	used, release func()
}

// NewPermit is for those who implement IdentifyQueue. Of used and release one is called, once.
func NewPermit(used, release func()) Permit {
	return Permit{&permit{used: used, release: release}}
}

// Refused is a permit that says no, and why. It is for those who implement IdentifyQueue.
func Refused(err error) Permit { return Permit{&permit{err: err}} }

// Err is why there is no permit; nil: there is one.
func (p Permit) Err() error { return p.state.err }

// Used says that the Identify has been written just now: the interval to the next one of its
// key starts, and one of the day's budget is spent. Only the first call of Used or Release
// counts. Safe for concurrent use.
func (p Permit) Used() { p.state.once.Do(call(p.state.used)) }

// Release gives the permit back unused: nothing is spent, and the next waiter need not wait.
func (p Permit) Release() { p.state.once.Do(call(p.state.release)) }

func call(f func()) func() {
	if f == nil {
		return func() {}
	}
	return f
}

// BudgetError refuses a permit, because the day's budget of Identifies would fall below its
// reserve. Beyond the budget Discord ends all sessions and resets the bot's token.
type BudgetError struct {
	Remaining int       // of the budget, permits that are out already counted
	Reserve   int       // what is never spent
	Until     time.Time // when the budget is whole again
}

// Error tells what is left, what is kept, and until when.
func (e *BudgetError) Error() string {
	return fmt.Sprintf("ratelimit: identify budget: %d left, of which %d are kept in reserve; it is whole again at %v",
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

// Option changes one setting of Local.
type Option func(*settings)

type settings struct {
	reserve          *int
	identifyMargin   time.Duration
	connectionMargin time.Duration
	hold             time.Duration
	ledger           Ledger
}

// WithReserve sets how many Identifies of the day's budget are never spent. The default is a
// tenth of the total.
func WithReserve(identifies int) Option { return func(s *settings) { s.reserve = &identifies } }

// WithMargins sets what is added to Discord's periods, since Discord counts arrivals and we
// count departures: to the 5 s between Identifies, and to the 60 s of a connection. The defaults are
// 250 ms and 500 ms: a busy machine writes later than it was permitted.
func WithMargins(identify, connection time.Duration) Option {
	return func(s *settings) { s.identifyMargin, s.connectionMargin = identify, connection }
}

// WithHold sets how long a permit may be out that is neither used nor given back: after that it
// counts as used. The default is 30 s.
func WithHold(hold time.Duration) Option { return func(s *settings) { s.hold = hold } }

// Local is a RateLimiter for one process: it knows of no other that uses the same token.
func Local(start SessionStart, opts ...Option) RateLimiter {
	s := settings{identifyMargin: 250 * time.Millisecond, connectionMargin: 500 * time.Millisecond, hold: 30 * time.Second}
	for _, opt := range opts {
		opt(&s)
	}
	l := &local{settings: s, queue: newQueue(s)}
	l.queue.Update(start)
	return l
}

type local struct {
	settings settings
	queue    *Queue
}

func (l *local) Connection(_ int, heartbeat time.Duration) Bucket {
	return NewWindow(ConnectionLimit-Reserve(heartbeat), ConnectionPeriod+l.settings.connectionMargin)
}

func (l *local) Identify() IdentifyQueue { return l.queue }
