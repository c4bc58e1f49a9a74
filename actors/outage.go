package actors

import (
	"maps"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// outage is what the supervisor remembers to notice that shards get through again.
type outage struct {
	failing map[*child]bool // their latest attempt to connect gained nothing, and they were not told since of one that did
	ready   time.Time       // when a shard last became Ready
}

// fails notes that a shard's attempt to connect has gained nothing.
func (o *outage) fails(c *child) {
	if o.failing == nil {
		o.failing = make(map[*child]bool)
	}
	o.failing[c] = true
}

// reached notes that a shard has become Ready, and tells those that do not get through: they know whether the outage was
// everybody's, and the pacer spreads their dials.
func (o *outage) reached(ctx actor.Context, c *child, at time.Time) {
	delete(o.failing, c)
	for _, other := range slices.SortedFunc(maps.Keys(o.failing), func(a, b *child) int { return a.index - b.index }) {
		if other.final == nil {
			ctx.Send(other.pid, reachable{o.ready})
		}
	}
	clear(o.failing)
	o.ready = at
}
