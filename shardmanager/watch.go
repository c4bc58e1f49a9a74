package shardmanager

import (
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// Change is one move of a shard's session from one state to another.
type Change struct {
	Shard events.ShardID
	session.Change
	// Missed is how many changes before this one were not kept, because the watcher was slow.
	Missed int
}

const watchLimit = 8192 // changes kept for a slow watcher

// watchers hands changes to whoever watches, and wakes whoever waits for one.
type watchers struct {
	mu   sync.Mutex
	all  []*watcher
	wake chan struct{} // closed and replaced at each change
}

type watcher struct {
	mu     sync.Mutex
	queue  []Change
	missed int
	signal chan struct{}
}

func newWatchers() *watchers { return &watchers{wake: make(chan struct{})} }

// next is closed at the next change.
func (w *watchers) next() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wake
}

func (w *watchers) publish(c Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.wake)
	w.wake = make(chan struct{})
	for _, each := range w.all {
		each.put(c)
	}
}

func (w *watcher) put(c Change) {
	w.mu.Lock()
	if len(w.queue) == watchLimit {
		w.queue = w.queue[1:]
		w.missed++
	}
	w.queue = append(w.queue, c)
	w.mu.Unlock()
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

func (w *watcher) take() []Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	batch := w.queue
	w.queue = nil
	if len(batch) > 0 {
		batch[0].Missed, w.missed = w.missed, 0
	}
	return batch
}

// Watch yields every change of state of every shard from now on, until ctx or the Manager
// ends. A watcher that falls far behind misses the oldest; Change.Missed says how many.
func (m *Manager) Watch(ctx context.Context) iter.Seq[Change] {
	w := &watcher{signal: make(chan struct{}, 1)}
	m.watchers.mu.Lock()
	m.watchers.all = append(m.watchers.all, w)
	m.watchers.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { m.watchers.remove(w) })
	return func(yield func(Change) bool) {
		defer stop()
		defer m.watchers.remove(w)
		for {
			for _, change := range w.take() {
				if !yield(change) {
					return
				}
			}
			select {
			case <-w.signal:
			case <-ctx.Done():
				return
			case <-m.done:
				for _, change := range w.take() {
					if !yield(change) {
						return
					}
				}
				return
			}
		}
	}
}

func (w *watchers) remove(gone *watcher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = slices.DeleteFunc(w.all, func(each *watcher) bool { return each == gone })
}
