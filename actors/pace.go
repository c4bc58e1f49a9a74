package actors

import (
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// writeMargin is what may pass between our write and the gateway's count of it, differently for two.
const writeMargin = 250 * time.Millisecond

// pace is a shard's own account of what it has written of callers on its connection. The supervisor's
// bucket counts permits; on a busy machine a permit may be written seconds later, and then those
// of the next minute would come too early after it. The zero value belongs to a fresh connection.
type pace struct {
	sent      *ratelimit.Window // nil: nothing was sent
	presences *ratelimit.Window
	round     int // those that were admitted in an earlier round go back, so that order is kept
}

// early reports whether a request would be written too early, and until when it has to wait.
func (p *pace) early(now time.Time, m admitted) (at time.Time, early bool) {
	if m.limit > ratelimit.ConnectionLimit {
		return time.Time{}, false // a limiter that is not Discord's
	}
	if p.sent == nil {
		p.sent = ratelimit.NewWindow(max(m.limit, 1), ratelimit.ConnectionPeriod+writeMargin)
		p.presences = ratelimit.NewWindow(presenceLimit, 20*time.Second+writeMargin) //seam:written-presence-margin
	}
	if m.round < p.round {
		return now, true
	}
	ok, at := p.sent.Take(now)
	if ok && m.request.Op == events.OpPresenceUpdate { //seam:written-presence-limit
		if ok, at = p.presences.Take(now); ok {
			p.presences.Wrote(now)
		}
	}
	if !ok {
		p.round++
		return at, true
	}
	p.sent.Wrote(now)
	return at, false
}
