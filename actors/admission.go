package actors

import (
	"container/heap"
	"context"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// The numbers by which a send may go, beside the 120 frames of a connection in 60 s, which are the limiter's.
const (
	// presenceLimit is of one session, so that a reconnect refills nothing. The period is 20 s and a margin: the gateway counts
	// arrivals, and a busy machine writes late.
	//
	// Source: events/gateway-events#activity-object. It does not say of what; a session is the narrower reading.
	presenceLimit  = 5
	presencePeriod = 21 * time.Second

	// fullListPeriod is between two whole member lists of one guild, of the bot, whatever the shard.
	//
	// Source: events/gateway-events#request-guild-members
	fullListPeriod = 30 * time.Second
)

// admission is the one account of when a send event may go: the bucket of each connection, the presences of each session, the
// whole member lists of the bot, priority, order and deadlines, and what was forwarded and is not yet known to be written. It is
// a plain value that is told the time. The supervisor alone asks it, and it outlives the supervisor's crashes.
type admission struct {
	limit   int // of each shard's queue
	lists   map[events.Snowflake]list
	wakeups wakeups
}

// list is when a guild's whole member list may be asked for again.
type list struct {
	out  bool // it was asked for, and that may not be written yet
	free time.Time
}

func newAdmission(limit int) *admission {
	return &admission{limit: limit, lists: make(map[events.Snowflake]list)}
}

// newAccount is an account of a shard of which nothing waits.
func (a *admission) newAccount(key Key) *account { return &account{admission: a, key: key} }

// due takes one of the accounts whose time has come; nil: there is none, and at is when there is; zero: not before something changes.
func (a *admission) due(now time.Time) (c *account, at time.Time) {
	for len(a.wakeups) > 0 {
		first := a.wakeups[0]
		if first.account.wake.Equal(first.at) && now.Before(first.at) {
			return nil, first.at
		}
		heap.Pop(&a.wakeups)
		if first.account.wake.Equal(first.at) {
			first.account.wake = time.Time{}
			return first.account, time.Time{}
		}
	}
	return nil, time.Time{}
}

// cleared reports whether a request goes that has its permits. If not, it has ended: nobody waits for it any more, or the gateway
// would not send a whole member list now.
func (a *admission) cleared(now time.Time, r *request) bool {
	if r.over() || r.join != nil && !r.join.claim() {
		r.fail(Queued, context.Canceled, events.Answer{})
		return false
	}
	if !r.event.Full {
		return true
	}
	l, wait := a.lists[r.event.Guild], time.Duration(0)
	if wait = l.free.Sub(now); l.out {
		wait = fullListPeriod
	}
	if wait > 0 {
		r.fail(Queued, &events.RateLimitedError{Opcode: r.event.Op, GuildID: r.event.Guild, RetryAfter: wait}, events.Answer{})
		return false
	}
	a.list(r.event.Guild, true, time.Time{})
	return true
}

// list notes a request for a whole member list: out, or written at a time, or, with neither, that there is none after all.
func (a *admission) list(guild events.Snowflake, out bool, wrote time.Time) {
	const many = 1024
	if len(a.lists) > many {
		for guild, l := range a.lists {
			if !l.out && wrote.After(l.free) {
				delete(a.lists, guild)
			}
		}
	}
	switch {
	case out:
		a.lists[guild] = list{out: true}
	case wrote.IsZero():
		delete(a.lists, guild)
	default:
		a.lists[guild] = list{free: wrote.Add(fullListPeriod)}
	}
}

// wakeup is when an account is to be looked at, unless that has changed since.
type wakeup struct {
	at      time.Time
	account *account
}

type wakeups []wakeup

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (w wakeups) Len() int { return len(w) }
func (w wakeups) Less(i, j int) bool {
	if !w[i].at.Equal(w[j].at) {
		return w[i].at.Before(w[j].at)
	}
	return w[i].account.key.Compare(w[j].account.key) < 0
}
func (w wakeups) Swap(i, j int) { w[i], w[j] = w[j], w[i] }
func (w *wakeups) Push(v any)   { *w = append(*w, v.(wakeup)) }
func (w *wakeups) Pop() any {
	last := (*w)[len(*w)-1]
	*w = (*w)[:len(*w)-1]
	return last
}
