package ratelimit

import "time"

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

// WithHold sets when a permit to Identify expires after it was granted. One of which nothing was heard by then counts as
// used. The default is 30 s.
func WithHold(hold time.Duration) Option { return func(s *settings) { s.hold = hold } }

// WithLedger keeps what is spent beyond the process. The default is not to.
func WithLedger(ledger Ledger) Option { return func(s *settings) { s.ledger = ledger } }

// Local is a RateLimiter for one process: it knows of no other that uses the same token. Its queue is a *Queue, for
// which start was told when it is first told the time.
func Local(start SessionStart, opts ...Option) RateLimiter {
	s := settings{identifyMargin: 250 * time.Millisecond, connectionMargin: 500 * time.Millisecond, hold: 30 * time.Second}
	for _, opt := range opts {
		opt(&s)
	}
	return &local{settings: s, queue: newQueue(start, s)}
}

type local struct {
	settings settings
	queue    *Queue
}

func (l *local) Connection(_ Shard, heartbeat time.Duration) Bucket {
	return NewWindow(ConnectionLimit-Reserve(heartbeat), ConnectionPeriod+l.settings.connectionMargin)
}

func (l *local) Identify() IdentifyQueue { return l.queue }
