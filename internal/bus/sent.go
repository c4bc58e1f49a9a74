package bus

import "github.com/signalbox-go/signalbox/internal/foreign"

// sending is an event of a lane that was sent to somebody who settles it later.
type sending struct {
	lane *lane
	item *item
}

// sends keeps what is sent, and reports false when the subscription is cancelled: then it must not be sent.
func (s *subscriber) sends(e *sending) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancelled() {
		return false
	}
	s.sent[e] = struct{}{}
	return true
}

// settles settles what was sent, once.
func (s *subscriber) settles(b *Bus, e *sending) {
	s.mu.Lock()
	_, unsettled := s.sent[e]
	delete(s.sent, e)
	s.mu.Unlock()
	if unsettled {
		e.release(b)
	}
}

// release makes room for the next, and settles.
func (e *sending) release(b *Bus) {
	<-e.lane.credit
	e.lane.settle(b, e.item)
	b.unsent()
}

// send sends an event as soon as there is credit. When the bus ends first, it stays unsettled.
func (l *lane) send(b *Bus, it *item) {
	select {
	case l.credit <- struct{}{}:
	case <-l.sub.gone:
		l.settle(b, it)
		return
	case <-b.over:
		return
	}
	e := &sending{lane: l, item: it}
	b.send()
	if !l.sub.sends(e) {
		e.release(b)
		return
	}
	raw, meta := it.raw, it.meta // the item may be another event's as soon as this one is settled
	returned := false
	defer func() {
		if value := recover(); !returned {
			if value == nil {
				value = foreign.ErrGoexit
			}
			b.cfg.Panicked(l.sub.Handler, &raw, meta, value)
			l.sub.settles(b, e)
		}
	}()
	l.sub.Send(raw, meta, func() { l.sub.settles(b, e) })
	returned = true
}
