package bus

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/signalbox-go/signalbox/events"
)

// item is one event under way.
type item struct {
	raw  events.Raw
	meta events.Meta
	// guild is found by who publishes, for lanes with workers.
	guild events.Snowflake
	left  atomic.Int32 // lanes that have not settled it

	// Guarded by the shard.
	blocks     int   // lanes of those that block which have not settled it
	prev, next *item // among those that are not settled
	before     mark  // how far the shard was before it
	late       *Held // it was held: the shard was further already; nil: it was not

	mu      sync.Mutex
	decoded map[any]decoded
	asked   bool            // the tracer, about it
	trace   context.Context // what it said; nil: it does not follow the event
}

type decoded struct {
	event any
	err   error
}

var items = sync.Pool{New: func() any { return new(item) }}

func newItem(raw events.Raw, meta events.Meta, left int32, blocks int) *item {
	it := items.Get().(*item)
	it.raw, it.meta, it.guild, it.blocks = raw, meta, 0, blocks
	it.left.Store(left)
	return it
}

// free gives the memory back of an item that nothing refers to.
func (it *item) free() {
	it.raw, it.decoded, it.late, it.asked, it.trace = events.Raw{}, nil, nil, false, nil
	items.Put(it)
}

// decode decodes once for each key. first: this call did it.
func (it *item) decode(key any, how func(*events.Raw) (any, error)) (event any, first bool, err error) {
	it.mu.Lock()
	defer it.mu.Unlock()
	d, ok := it.decoded[key]
	if !ok {
		d.event, d.err = how(&it.raw)
		if it.decoded == nil {
			it.decoded = make(map[any]decoded, 1)
		}
		it.decoded[key] = d
	}
	return d.event, !ok, d.err
}
