package bus

import (
	"sync"

	"github.com/signalbox-go/signalbox/internal/foreign"
)

// sent are the events of a lane that were sent to somebody who settles them later.
type sent struct {
	credit chan struct{}

	mu    sync.Mutex
	items map[*item]uint64 // with the number of the sending: an item's memory may be another event's later
	count uint64
}

func newSent(credit int) *sent {
	return &sent{credit: make(chan struct{}, credit), items: make(map[*item]uint64)}
}

// send sends an event as soon as there is credit. When the bus ends first, it stays unsettled.
func (l *lane) send(b *Bus, it *item) {
	select {
	case l.sent.credit <- struct{}{}:
		if l.sub.cancelled() { // which has made room
			<-l.sent.credit
			l.settle(b, it)
			return
		}
	case <-l.sub.gone:
		l.settle(b, it)
		return
	case <-b.ctx.Done():
		return
	}
	l.sent.mu.Lock()
	l.sent.count++
	number := l.sent.count
	l.sent.items[it] = number
	l.sent.mu.Unlock()
	b.add()
	raw, meta := it.raw, it.meta
	returned := false
	defer func() {
		if value := recover(); !returned {
			if value == nil {
				value = foreign.ErrGoexit
			}
			b.cfg.Panicked(&raw, meta, value)
			l.settleOne(b, it, number)
		}
	}()
	l.sub.Send(raw, meta, func() { l.settleOne(b, it, number) })
	returned = true
	if l.sub.cancelled() { // perhaps before it was among those that were sent
		l.settleOne(b, it, number)
	}
}

// settleOne settles an event that was sent, once.
func (l *lane) settleOne(b *Bus, it *item, number uint64) {
	l.sent.mu.Lock()
	mine := l.sent.items[it] == number
	if mine {
		delete(l.sent.items, it)
	}
	l.sent.mu.Unlock()
	if mine {
		l.release(b, it)
	}
}

// settleSent settles all that was sent, since the subscription is cancelled.
func (l *lane) settleSent(b *Bus) {
	if l.sent == nil {
		return
	}
	l.sent.mu.Lock()
	items := l.sent.items
	l.sent.items = make(map[*item]uint64)
	l.sent.mu.Unlock()
	for it := range items {
		l.release(b, it)
	}
}

func (l *lane) release(b *Bus, it *item) {
	<-l.sent.credit
	l.settle(b, it)
	b.end()
}
