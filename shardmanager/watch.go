package shardmanager

import (
	"context"
	"iter"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// Change is one move of a shard's session from one state to another.
type Change struct {
	Shard      events.ShardID
	Generation uint64 // of the shard: see events.ShardKey
	session.Change
	// Missed is how many changes before this one were not kept, because the watcher was slow.
	Missed int
}

// Watch yields every change of state of every shard from now on, until ctx (nil: there is none) or the Manager
// ends. A watcher that falls far behind misses the oldest; Change.Missed says how many. Ranging over it again goes on where it was left.
func (m *Manager) Watch(ctx context.Context) iter.Seq[Change] {
	if ctx == nil {
		ctx = context.Background()
	}
	all := m.board.Watch(ctx)
	return func(yield func(Change) bool) {
		for c := range all {
			if !yield(Change{c.Key.Shard, c.Key.Generation, c.Change, c.Missed}) {
				return
			}
		}
	}
}
