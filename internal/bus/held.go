package bus

import "github.com/signalbox-go/signalbox/events"

// Held is an event that is published later than those that came after it, or never. Until it is settled, or dropped, Settled stays before it. Exactly one
// of Publish and Drop is called, once.
type Held struct {
	shard     *Shard
	meta      events.Meta
	published bool // the shard's lock guards it
}

// Hold keeps an event back.
func (s *Shard) Hold(meta events.Meta) *Held {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &Held{shard: s, meta: meta}
	if s.held == nil {
		s.held = make(map[*Held]struct{})
	}
	s.held[h] = struct{}{}
	return h
}

// Publish hands it to all who want it, as Shard.Publish does.
func (h *Held) Publish(raw events.Raw) (full bool) { return h.shard.publish(raw, h.meta, h) }

// Drop has nobody get it.
func (h *Held) Drop() {
	h.shard.mu.Lock()
	defer h.shard.mu.Unlock()
	delete(h.shard.held, h)
}

// Handled is how far handlers have come with what was published: what is held does not count.
func (s *Shard) Handled() (session uint64, seq int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.before(func(h *Held) bool { return h.published })
	return at.session, at.seq
}

// Latest is the newest event that was published, or that nobody wants.
func (s *Shard) Latest() (session uint64, seq int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest.session, s.latest.seq
}

// before is how far handlers have come, but not beyond some of what is held.
func (s *Shard) before(counts func(*Held) bool) mark {
	at := s.latest
	if s.first != nil {
		at = s.first.before
	}
	for h := range s.held {
		if counts(h) && h.meta.Session == at.session && h.meta.Seq <= at.seq {
			at.seq = h.meta.Seq - 1
		}
	}
	return at
}
