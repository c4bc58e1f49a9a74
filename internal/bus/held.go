package bus

import "github.com/signalbox-go/signalbox/events"

// Held is an event that is published later than those that came after it, or never. Until it is settled, or dropped, Settled stays before it. Exactly one
// of Publish and Drop is called, once.
type Held struct {
	shard *Shard
	meta  events.Meta
}

// Hold keeps an event back.
func (s *Shard) Hold(meta events.Meta) *Held {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := (mark{meta.Session, meta.Seq - 1}); s.held == 0 || at.session == s.floor.session && at.seq < s.floor.seq {
		s.floor = at
	}
	s.held++
	return &Held{s, meta}
}

// Publish hands it to all who want it, as Shard.Publish does.
func (h *Held) Publish(raw events.Raw) (full bool) { return h.shard.publish(raw, h.meta, true) }

// Drop has nobody get it.
func (h *Held) Drop() { h.shard.unhold() }

func (s *Shard) unhold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held--
}

// limited is how far handlers have come, if they have come to a place: not beyond what is held.
func (s *Shard) limited(at mark) mark {
	if s.held > 0 && s.floor.session == at.session && s.floor.seq < at.seq {
		return s.floor
	}
	return at
}
