package bus

import (
	"cmp"
	"slices"

	"github.com/signalbox-go/signalbox/events"
)

// Held is an event that is published later than those that came after it, or never. Until it is settled, or dropped, Settled stays before it. Exactly one
// of Publish and Drop is called, once.
type Held struct {
	shard *Shard
	meta  events.Meta
	over  bool // settled or dropped; the shard's lock guards it
}

// Hold keeps an event back.
func (s *Shard) Hold(meta events.Meta) *Held {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &Held{shard: s, meta: meta}
	at := len(s.held)
	for at > 0 && h.compare(s.held[at-1]) < 0 { // seldom: they come in order
		at--
	}
	s.held = slices.Insert(s.held, at, h)
	return h
}

func (h *Held) compare(other *Held) int {
	return cmp.Or(cmp.Compare(h.meta.Session, other.meta.Session), cmp.Compare(h.meta.Seq, other.meta.Seq))
}

// Publish hands it to all who want it, as Shard.Publish does.
func (h *Held) Publish(raw events.Raw) (full bool) { return h.shard.publish(raw, h.meta, h) }

// Drop has nobody get it.
func (h *Held) Drop() {
	h.shard.mu.Lock()
	defer h.shard.mu.Unlock()
	h.shard.unhold(h)
}

// unhold is called with the lock. Those that are over go when all before them are.
func (s *Shard) unhold(h *Held) {
	for h.over = true; len(s.held) > 0 && s.held[0].over; {
		s.held[0] = nil
		if s.held = s.held[1:]; len(s.held) == 0 {
			s.held = nil
		}
	}
}

// limited is how far handlers have come, if they have come to a place: not beyond what is held.
func (s *Shard) limited(at mark) mark {
	for _, h := range s.held { // the first counts, unless it is of a session before
		if !h.over && h.meta.Session == at.session {
			return mark{at.session, min(at.seq, h.meta.Seq-1)}
		}
	}
	return at
}
