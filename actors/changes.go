package actors

import (
	"context"
	"iter"
	"runtime"
	"sync"
)

// watchLimit is how many changes are kept for whoever watches and is slow.
const watchLimit = 8192

// changes are the latest moves of all shards, kept while somebody watches. The zero value is ready.
type changes struct {
	mu       sync.Mutex
	watchers int
	next     uint64         // number of the next change
	latest   []StateChanged // those before it, in order
	wake     chan struct{}  // closed and replaced at each change; nil: nobody waits
}

// add keeps one, if somebody watches.
func (c *changes) add(change StateChanged) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	if c.watchers == 0 {
		return
	}
	if len(c.latest) == watchLimit {
		c.latest = c.latest[1:]
	}
	c.latest = append(c.latest, change)
	if c.wake != nil {
		close(c.wake)
		c.wake = nil
	}
}

// watcher is where one sequence stands.
type watcher struct {
	changes *changes
	at      uint64 // number of the change that it has not seen
}

// watch begins to watch. Nothing is to be ended: when nobody can range over the sequence any more, nothing is kept for it.
func (c *changes) watch(ctx context.Context, done <-chan struct{}) iter.Seq[StateChanged] {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchers++
	w := &watcher{c, c.next}
	runtime.AddCleanup(w, (*changes).unwatched, c)
	return func(yield func(StateChanged) bool) {
		left := 0
		defer func() { w.back(left) }() // also when the loop's body panics
		for {
			batch, wake := w.take()
			left = len(batch)
			for _, change := range batch {
				left--
				if !yield(change) {
					return
				}
			}
			if len(batch) > 0 {
				continue
			}
			select {
			case <-wake:
			case <-ctx.Done():
				return
			case <-done:
				if batch, _ = w.take(); len(batch) == 0 {
					return
				}
				w.back(len(batch)) // those of the last moment
			}
		}
	}
}

func (c *changes) unwatched() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watchers--; c.watchers == 0 {
		c.latest = nil
	}
}

// take takes a copy of what has not been seen, or else what is closed when there is more.
func (w *watcher) take() (batch []StateChanged, wake <-chan struct{}) {
	c := w.changes
	c.mu.Lock()
	defer c.mu.Unlock()
	first := c.next - uint64(len(c.latest))
	missed := 0
	if w.at < first {
		missed, w.at = int(first-w.at), first
	}
	if w.at == c.next {
		if c.wake == nil {
			c.wake = make(chan struct{})
		}
		return nil, c.wake
	}
	batch = append(batch, c.latest[w.at-first:]...)
	batch[0].Missed = missed
	w.at = c.next
	return batch, nil
}

// back takes back what was not seen after all.
func (w *watcher) back(n int) { w.at -= uint64(n) }
