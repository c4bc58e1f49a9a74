package bus

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/signalbox-go/signalbox/events"
)

// mark is a place in the events of a shard.
type mark struct {
	session uint64
	seq     int64
}

// reach moves on to an event. One that came without a sequence leaves it as it was.
func (m mark) reach(meta events.Meta) mark {
	if meta.Seq > 0 || meta.Session != m.session {
		return mark{meta.Session, meta.Seq}
	}
	return m
}

// Shard keeps the events of one shard that are not settled, in order. One that is stuck does not
// keep those after it in memory.
type Shard struct {
	bus  *Bus
	key  events.ShardKey
	full atomic.Bool // flooded, or by one of its lanes; changed under mu

	caughtUp atomic.Pointer[func()]

	// Of the publisher.
	subs  *[]*subscriber // that lanes belong to
	lanes []*lane        // nil: not needed yet

	mu          sync.Mutex
	first, last *item   // not settled
	latest      mark    // that was published
	unsettled   int     // not settled by those that block
	flooded     bool    // that were too many, and are not few yet
	fullLanes   int     // lanes that are full by themselves
	held        []*Held // events that are to be published later, or were and are not settled, in order
	atRest      func()  // called once when all is settled; nil: nobody waits for that
}

// OnCaughtUp sets what is called when the shard was full and is not any more: on a goroutine of the bus, which it must not hold up.
func (s *Shard) OnCaughtUp(f func()) { s.caughtUp.Store(&f) }

func (s *Shard) tellCaughtUp() {
	if f := s.caughtUp.Load(); f != nil {
		(*f)()
	}
}

// behindMost is how many handlers Behind names.
const behindMost = 5

// Behind names the handlers that hold the shard up, and how many events wait for each: those for which most wait come first.
func (s *Shard) Behind() []string {
	var behind []CutOff
	for _, sub := range *s.bus.subs.Load() {
		sub.mu.Lock()
		l := sub.lanes[s]
		sub.mu.Unlock()
		if l == nil || sub.Overflow != Block {
			continue
		}
		if running, waiting := l.unhandled(false); running+waiting > 0 {
			behind = append(behind, CutOff{sub.Handler, running, waiting})
		}
	}
	slices.SortStableFunc(behind, func(x, y CutOff) int { return cmp.Compare(y.Running+y.Waiting, x.Running+x.Waiting) })
	var names []string
	for i, of := range behind {
		if i == behindMost || of.Running+of.Waiting < (behind[0].Running+behind[0].Waiting)/2 { // it is hardly behind
			break
		}
		names = append(names, fmt.Sprintf("%s (%d)", of.Handler, of.Running+of.Waiting))
	}
	return names
}

// routes are the subscribers and their lanes.
func (s *Shard) routes(subs *[]*subscriber) ([]*subscriber, []*lane) {
	if s.subs != subs {
		s.subs, s.lanes = subs, make([]*lane, len(*subs))
	}
	return *subs, s.lanes
}

// add takes an event that somebody wants.
func (s *Shard) add(it *item, highWater int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if it.before = s.latest; it.late == nil {
		s.latest = s.latest.reach(it.meta)
	}
	if it.prev = s.last; s.last == nil {
		s.first = it
	} else {
		s.last.next = it
	}
	s.last = it
	if it.blocks > 0 {
		s.unsettled++
		if s.unsettled >= highWater {
			s.flooded = true
			s.full.Store(true)
		}
	}
}

// Skip takes an event that nobody wants, or is to get here. The goroutine that publishes calls it.
func (s *Shard) Skip(meta events.Meta) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest = s.latest.reach(meta)
}

// Settled is how far handlers have come: all events of the session up to seq are settled.
func (s *Shard) Settled() (session uint64, seq int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.latest
	if s.first != nil {
		at = s.first.before
	}
	at = s.limited(at)
	return at.session, at.seq
}

// WhenSettled reports whether all that was published is settled. If not, f is called once it is, on a goroutine of the bus, which it must not
// hold up; a later call takes the place of this one.
func (s *Shard) WhenSettled(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == nil {
		s.atRest = nil
		return true
	}
	s.atRest = f
	return false
}

// settle counts that one lane is done with the item, which from then on may be another event's. blocking: the
// lane of one that blocks.
func (s *Shard) settle(it *item, blocking bool, b *Bus) {
	done := false
	if !blocking {
		if done = it.left.Add(-1) == 0; !done {
			return
		}
	}
	s.mu.Lock()
	caughtUp := false
	if blocking {
		if it.blocks--; it.blocks == 0 {
			s.unsettled--
			caughtUp = s.flows(b.cfg.LowWater)
		}
		done = it.left.Add(-1) == 0
	}
	var atRest func()
	if done {
		if s.remove(it); s.first == nil {
			atRest, s.atRest = s.atRest, nil
		}
	}
	s.mu.Unlock()
	if done {
		it.free()
	}
	if atRest != nil {
		atRest()
	}
	if caughtUp {
		s.tellCaughtUp()
	}
}

func (s *Shard) remove(it *item) {
	if it.prev == nil {
		s.first = it.next
	} else {
		it.prev.next = it.next
	}
	if it.next == nil {
		s.last = it.prev
	} else {
		it.next.prev = it.prev
	}
	it.prev, it.next = nil, nil
	if it.late != nil {
		s.unhold(it.late)
	}
}

// fill notes that a lane is full by itself.
func (s *Shard) fill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fullLanes++
	s.full.Store(true)
}

// unfill notes that a lane is not full any more, and reports whether the shard was until now.
func (s *Shard) unfill(lowWater int) (caughtUp bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fullLanes--
	return s.flows(lowWater)
}

// flows lets the shard go when nothing of what has filled it does any more: a lane that was full is no reason to wait for what it has not.
func (s *Shard) flows(lowWater int) (caughtUp bool) {
	s.flooded = s.flooded && s.unsettled > lowWater
	if !s.full.Load() || s.flooded || s.fullLanes > 0 {
		return false
	}
	s.full.Store(false)
	return true
}
