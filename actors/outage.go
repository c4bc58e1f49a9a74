package actors

import "time"

// outage is what the supervisor remembers to notice that shards get through again.
type outage struct {
	failing map[Key]bool // their latest attempt to connect gained nothing, and they were not told since of one that did
	ready   time.Time    // when a shard last became Ready
}

// fails notes that a shard's attempt to connect has gained nothing.
func (o *outage) fails(key Key) {
	if o.failing == nil {
		o.failing = make(map[Key]bool)
	}
	o.failing[key] = true
}

// reached notes that a shard has become Ready, and tells those that do not get through: they know whether the outage was
// everybody's, and the dialer spreads their dials.
func (s *incarnation) reached(key Key, at time.Time) {
	o := &s.books.outage
	delete(o.failing, key)
	for _, other := range sortedKeys(o.failing) {
		s.tell(other, reachable{o.ready})
	}
	clear(o.failing)
	o.ready = at
}
