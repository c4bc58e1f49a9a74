package main

import (
	"fmt"
	"io"
	"sync"
)

// keptLines is how many lines wait while they cannot be written, as in a terminal that was paused. Further ones are counted.
const keptLines = 100_000

// lines writes lines on a goroutine of its own, which ends by close.
type lines struct {
	mu     sync.Mutex
	queue  []string
	lost   int
	closed bool
	signal chan struct{} // something is in the queue, or it is closed
	done   chan struct{}
}

func newLines(w io.Writer) *lines {
	l := &lines{signal: make(chan struct{}, 1), done: make(chan struct{})}
	go l.write(w)
	return l
}

// add never waits.
func (l *lines) add(line string) {
	l.mu.Lock()
	if len(l.queue) < keptLines {
		l.queue = append(l.queue, line)
	} else {
		l.lost++
	}
	l.mu.Unlock()
	l.wake()
}

func (l *lines) wake() {
	select {
	case l.signal <- struct{}{}:
	default:
	}
}

// close returns when everything is written.
func (l *lines) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.wake()
	<-l.done
}

func (l *lines) write(w io.Writer) {
	defer close(l.done)
	for range l.signal {
		l.mu.Lock()
		batch, lost, closed := l.queue, l.lost, l.closed
		l.queue, l.lost = nil, 0
		l.mu.Unlock()
		for _, line := range batch {
			_, _ = fmt.Fprintln(w, line) // nobody is there to tell
		}
		if lost > 0 {
			_, _ = fmt.Fprintln(w, lost, "lines were left out: they could not be written in time")
		}
		if closed {
			return
		}
	}
}
