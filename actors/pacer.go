package actors

import (
	"sync"
	"time"
)

const defaultDialRate = 250 // a second

// pacer spreads the dials of a fleet, which may all want to connect at one instant: one in each
// interval, in the order in which they ask. It is arithmetic: it has no goroutine and no timer,
// and whoever is given a later time waits for it. Safe for concurrent use.
type pacer struct {
	interval time.Duration

	mu   sync.Mutex
	next time.Time // before this nobody else may dial
}

func newPacer(perSecond int) *pacer {
	if perSecond <= 0 {
		perSecond = defaultDialRate
	}
	return &pacer{interval: max(time.Second/time.Duration(perSecond), 1)}
}

// turn is when a dial that is wanted now may begin: now, if the latest was long enough ago.
// A turn that is not taken is lost.
func (p *pacer) turn(now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := now
	if p.next.After(at) {
		at = p.next
	}
	p.next = at.Add(p.interval)
	return at
}
