package bus

import (
	"sync"
	"sync/atomic"

	"github.com/signalbox-go/signalbox/events"
)

// subscriber has a lane for each shard that has sent it something.
type subscriber struct {
	Subscription
	cancelled atomic.Bool
	mu        sync.Mutex
	lanes     map[int]*lane
}

func (s *subscriber) lane(b *Bus, sh *shard) *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[sh.index]
	if l == nil {
		l = &lane{bus: b, sub: s, shard: sh}
		s.lanes[sh.index] = l
	}
	return l
}

// lane is the way of one shard's events to one subscriber: a queue, and a goroutine while there
// is something in it.
type lane struct {
	bus   *Bus
	sub   *subscriber
	shard *shard

	mu    sync.Mutex
	queue []*item
	busy  bool
}

func (l *lane) push(it *item) {
	l.mu.Lock()
	l.queue = append(l.queue, it)
	begin := !l.busy
	l.busy = true
	l.mu.Unlock()
	if begin {
		l.bus.begin(l)
	}
}

func (l *lane) run(b *Bus) {
	defer b.end()
	for {
		l.mu.Lock()
		batch := l.queue
		l.queue = nil
		if len(batch) == 0 {
			l.busy = false
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		for _, it := range batch {
			// What was not handled because the bus ended stays unsettled: it will be asked for again.
			if b.ctx.Err() != nil {
				continue
			}
			l.handle(b, it)
			l.shard.settle(it, b)
		}
	}
}

func (l *lane) handle(b *Bus, it *item) {
	defer func() {
		if value := recover(); value != nil {
			b.cfg.Panicked(&it.raw, it.meta, value)
		}
	}()
	if l.sub.cancelled.Load() {
		return
	}
	if l.sub.Key == nil {
		l.sub.Handle(b.ctx, &it.raw, it.meta)
		return
	}
	event, first, err := it.decode(l.sub.Key, l.sub.Decode)
	if err != nil {
		if first {
			b.cfg.Failed(&it.raw, it.meta, err)
		}
		return
	}
	l.sub.Handle(b.ctx, event, it.meta)
}

// item is one event under way.
type item struct {
	raw  events.Raw
	meta events.Meta
	left atomic.Int32 // lanes that have not settled it

	mu      sync.Mutex
	decoded map[any]decoded
}

type decoded struct {
	event any
	err   error
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

// shard keeps the events of one shard that are not settled, in order.
type shard struct {
	index int

	mu      sync.Mutex
	pending []*item
	full    bool
	session uint64 // how far all handlers have come
	seq     int64
}

// add reports whether the shard is full now.
func (s *shard) add(it *item, highWater int) (full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = append(s.pending, it)
	s.full = s.full || len(s.pending) >= highWater
	return s.full
}

// skip takes an event that nobody wants.
func (s *shard) skip(meta events.Meta) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) == 0 {
		s.reach(meta)
		return
	}
	s.pending = append(s.pending, &item{meta: meta})
}

// reach moves on to an event. One that came without a sequence leaves it as it was.
func (s *shard) reach(meta events.Meta) {
	if meta.Seq > 0 || meta.Session != s.session {
		s.session, s.seq = meta.Session, meta.Seq
	}
}

// settle counts that one lane is done with the item, and moves on over all that are settled.
func (s *shard) settle(it *item, b *Bus) {
	if it.left.Add(-1) > 0 {
		return
	}
	s.mu.Lock()
	n := 0
	for n < len(s.pending) && s.pending[n].left.Load() <= 0 {
		s.reach(s.pending[n].meta)
		n++
	}
	clear(s.pending[:n])
	s.pending = s.pending[n:]
	drained := s.full && len(s.pending) <= b.cfg.LowWater
	if drained {
		s.full = false
	}
	s.mu.Unlock()
	if drained {
		b.cfg.Drained(s.index)
	}
}
