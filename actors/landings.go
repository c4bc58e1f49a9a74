package actors

import (
	"sync"
	"sync/atomic"
	"time"
)

// landing is what became of a request that was forwarded: it was written at a time, or, if that is zero, it was not, and waits
// again unless it has ended.
type landing struct {
	*request
	wrote time.Time
}

// manyLandings are taken before the next request is admitted, so that a supervisor with a full mailbox does not keep them for long.
const manyLandings = 64

// landingsPause is how long the supervisor leaves landings where they are, when nothing waits for a permit: to wake it for each would cost a
// send event more than all else that the supervisor does for it.
const landingsPause = 5 * time.Millisecond

// landings are those of all shards that the supervisor has not taken yet. They go round its mailbox, so that many cost one
// message. Safe for concurrent use.
type landings struct {
	count atomic.Int64 // of told

	mu        sync.Mutex
	told      []landing
	announced bool // there is a message on its way
	expected  bool // the supervisor looks by itself
}

// add reports whether the supervisor is to be sent a message.
func (l *landings) add(r *request, wrote time.Time) (announce bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, landing{r, wrote})
	l.count.Store(int64(len(l.told)))
	announce = !l.announced && (!l.expected || wrote.IsZero()) // what was not written waits again
	l.announced = l.announced || announce
	return announce
}

// expect reports whether the supervisor is to look by itself, which spares the message: not if it does already, or a message is on its way.
func (l *landings) expect() (look bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	look = !l.announced && !l.expected
	l.expected = l.expected || look
	return look
}

func (l *landings) many() bool { return l.count.Load() >= manyLandings }

// take takes all, in the order in which they were told, and keeps the memory of those that were taken before.
func (l *landings) take(before []landing) (all []landing) {
	clear(before)
	if cap(before) > 16*manyLandings {
		before = nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	all, l.told = l.told, before[:0]
	l.count.Store(0)
	return all
}

// heard notes that the message has come, or was lost, or that the supervisor looks: what is added now is announced again.
func (l *landings) heard() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.announced, l.expected = false, false
}
