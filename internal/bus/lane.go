package bus

import (
	"runtime"
	"slices"
	"sync"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/internal/stack"
)

// subscriber has a lane for each shard that has sent it something.
type subscriber struct {
	Subscription
	gone chan struct{} // closed when it is cancelled

	mu    sync.Mutex
	lanes map[*Shard]*lane
	sent  map[*sending]struct{} // and not settled; of forgotten shards as well
}

func (s *subscriber) cancelled() bool {
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

// cancel settles what was sent, and has no handler called again. It settles without the lock: that may call whoever waits for OnCaughtUp.
func (s *subscriber) cancel(b *Bus) {
	s.mu.Lock()
	if s.cancelled() {
		s.mu.Unlock()
		return
	}
	close(s.gone)
	sent := s.sent
	s.sent = nil
	s.mu.Unlock()
	for e := range sent {
		e.release(b)
	}
}

func (s *subscriber) wants(t events.Type) bool { return s.Types == nil || slices.Contains(s.Types, t) }

// limit is how many may wait in a lane.
func (s *subscriber) limit(b *Bus) int {
	if s.Queue > 0 {
		return s.Queue
	}
	return b.cfg.HighWater
}

func (s *subscriber) lane(b *Bus, sh *Shard) *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[sh]
	if l == nil {
		l = &lane{sub: s, shard: sh}
		switch {
		case s.Send != nil:
			l.credit = make(chan struct{}, max(s.Credit, 1))
		case s.Workers > 1:
			l.crew = &crew{guilds: make(map[events.Snowflake]*guild)}
		}
		s.lanes[sh] = l
	}
	return l
}

// lane is the way of one shard's events to one subscriber: a queue, and a goroutine while there
// is something in it, or some: see crew.
type lane struct {
	sub   *subscriber
	shard *Shard

	mu    sync.Mutex
	queue []slot
	keys  map[string]*keys // of those that wait, for Coalesce
	total int64            // shed so far
	shed  *Shed            // and not reported yet; nil: nothing
	head  int32            // where the queue begins
	high  int32            // the most that ever waited
	calls int32            // of the handler that have not returned
	busy  bool
	full  bool // it holds the shard up
	// Goroutines, and its place among the busy lanes: the bus's lock guards them.
	goroutines, place int32
	// credit has an entry for each event that was sent and is not settled. nil: the events are handled here.
	credit chan struct{}
	crew   *crew // nil: one event is handled at a time
}

// waiting are those that wait.
func (l *lane) waiting() []slot { return l.queue[l.head:] }

func (l *lane) push(it *item) {
	key := l.sub.key(&it.raw)
	l.mu.Lock()
	dropped, report := l.shedFor(it, key)
	l.queue = append(l.queue, slot{it, l.remember(it, key), l.crew.queue(it.guild)})
	depth := len(l.waiting())
	l.high = max(l.high, int32(depth))
	fill := !l.full && l.fills(depth)
	l.full = l.full || fill
	begin := !l.busy
	if l.crew != nil {
		begin = l.joins()
	}
	l.busy = true
	if fill {
		l.shard.fill()
	}
	l.mu.Unlock()
	if begin {
		l.shard.bus.begin(l)
	}
	if dropped != nil {
		l.shard.settle(dropped, false, l.shard.bus)
	}
	l.shard.bus.report(report)
	if depth%yieldEvery == 0 {
		runtime.Gosched() // who reads and who publishes can hold a processor for long, and the queue would grow
	}
}

const (
	yieldEvery = 64
	keepQueue  = 16 // places that a lane keeps at rest
)

// pop takes the next event, after last was handled. One without an item: there is none for this goroutine, which ends. It
// brings what was shed before that event.
func (l *lane) pop(last slot) (next slot, shed Shed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shed != nil {
		shed, l.shed = *l.shed, nil
	}
	l.done(last)
	if l.crew != nil && !l.choose() {
		return slot{}, shed // others are at it
	}
	if len(l.waiting()) == 0 {
		l.busy, l.queue, l.head = false, l.queue[:0], 0
		if cap(l.queue) > keepQueue {
			l.queue = nil
		}
		return slot{}, shed
	}
	next = l.queue[l.head] //seam:handled-in-order
	l.queue[l.head] = slot{}
	l.head++
	if len(l.waiting()) == 0 {
		l.head, l.queue = 0, l.queue[:0]
	} else if l.head >= 64 && int(l.head) >= len(l.waiting()) { // so that the queue does not creep through memory
		rest := copy(l.queue, l.waiting())
		clear(l.queue[rest:])
		l.queue, l.head = l.queue[:rest], 0
	}
	l.calls++
	l.forget(next.it, next.key)
	if l.full && len(l.waiting()) <= l.sub.limit(l.shard.bus)/2 {
		l.full = false
		if l.shard.unfill(l.shard.bus.cfg.LowWater) {
			defer l.shard.tellCaughtUp() //seam:drained-queue-told
		}
	}
	if l.crew != nil && l.joins() {
		l.shard.bus.begin(l)
	}
	return next, shed
}

func (l *lane) run(b *Bus) {
	stack.Reserve4K()
	ended, last := false, slot{}
	defer func() {
		if ended {
			b.end(l)
			return
		}
		l.handled(last)
		go l.run(b) // a handler has ended the goroutine (runtime.Goexit): the lane goes on
	}()
	for {
		next, shed := l.pop(last)
		last = next
		b.report(shed)
		it := next.it
		if it == nil {
			ended = true
			return
		}
		// What was not handled because the bus ended stays unsettled: it will be asked for again.
		switch {
		case b.ended():
		case l.credit != nil:
			l.send(b, it)
		default:
			l.handle(b, it) //seam:handled-once
		}
	}
}

// handle has one event handled, and settles it whatever the handler does.
func (l *lane) handle(b *Bus, it *item) {
	returned := false
	defer l.settle(b, it)
	defer func() {
		if value := recover(); !returned { //seam:panic-costs-one-event
			if value == nil {
				value = foreign.ErrGoexit
			}
			b.cfg.Panicked(l.sub.Handler, &it.raw, it.meta, value)
		}
	}()
	l.call(b, it, &returned)
	returned = true
}

func (l *lane) settle(b *Bus, it *item) { l.shard.settle(it, l.sub.Overflow == Block, b) }

func (l *lane) call(b *Bus, it *item, handled *bool) {
	if l.sub.cancelled() {
		return
	}
	event := any(&it.raw)
	if l.sub.Key != nil {
		decoded, first, err := it.decode(l.sub.Key, l.sub.Decode)
		if err != nil && first {
			b.cfg.Failed(&it.raw, it.meta, err)
		}
		if event = decoded; event == nil {
			return
		}
	}
	if b.cfg.Tracer != nil {
		l.traced(b, it, event, handled)
		return
	}
	l.sub.Handle(b.ctx, event, it.meta)
}
