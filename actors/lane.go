package actors

import (
	"sync"

	"github.com/signalbox-go/signalbox/internal/foreign"
)

// lane calls functions one after the other on a goroutine of its own, which it has while there is something to do. It is
// for code that is not ours: nothing that a call does holds up who has asked for it. Safe for concurrent use.
type lane struct {
	limit    int
	panicked func(reason any)

	mu     sync.Mutex
	queue  []func()
	busy   bool
	missed int64
}

// newLane returns a lane in which at most limit calls wait. panicked is told what a call has panicked with, in place of the next call.
func newLane(limit int, panicked func(reason any)) *lane {
	return &lane{limit: limit, panicked: panicked}
}

// do has f called, unless too many wait.
func (l *lane) do(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) >= l.limit { //seam:lane-misses-nothing
		l.missed++
		return
	}
	l.queue = append(l.queue, f)
	if !l.busy {
		l.busy = true
		go l.run()
	}
}

// left is how many calls were left out.
func (l *lane) left() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.missed
}

func (l *lane) run() {
	idle := false
	defer func() {
		reason := recover()
		if idle {
			return
		}
		if reason == nil { // the call has ended the goroutine
			reason = foreign.ErrGoexit
		}
		go func() { //seam:lane-outlives-panic
			defer l.run()
			l.report(reason)
		}()
	}()
	for {
		l.mu.Lock()
		if len(l.queue) == 0 {
			l.queue, l.busy, idle = nil, false, true
			l.mu.Unlock()
			return
		}
		next := l.queue[0] //seam:lane-in-order
		l.queue = l.queue[1:]
		l.mu.Unlock()
		next()
	}
}

// report tells of a panic. What tells of it may be somebody else's as well.
func (l *lane) report(reason any) {
	defer func() { _ = recover() }()
	l.panicked(reason)
}
