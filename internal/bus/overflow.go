package bus

import (
	"cmp"
	"slices"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/foreign"
)

// Overflow is what happens when a subscriber is behind. Whatever it is, what is handled is
// handled in order, and READY and RESUMED are never shed: a queue that is full of nothing else
// blocks.
type Overflow int

const (
	Block      Overflow = iota // nothing is lost: the shard is full
	DropOldest                 // what has waited longest is shed
	// Coalesce sheds what is neither the first nor the newest that waits of its key, so that a
	// key that never rests gets its turn all the same. Beyond the queue's limit it is DropOldest.
	Coalesce
)

// Shed says what a subscriber did not get.
type Shed struct {
	Shard       events.ShardKey
	Session     uint64
	Name        string // of the subscription
	First, Last int64  // sequence numbers of the lowest and the highest
	Count       int    // of events; between First and Last others may have been handled
}

// Queue is how one queue stands.
type Queue struct {
	Name  string
	Shard events.ShardKey
	Depth int   // what waits
	High  int   // the most that ever waited
	Limit int   // of Depth
	Shed  int64 // so far
}

type slot struct {
	it    *item
	key   *keys  // nil: it has none
	guild *guild // of the lane's crew
}

// keys are what waits of one key.
type keys struct {
	key           string
	first, newest *item
}

func keeps(t events.Type) bool { return t == events.TypeReady || t == events.TypeResumed }

// key is the key of an event; "": it has none.
func (s *subscriber) key(raw *events.Raw) string {
	if s.Overflow != Coalesce || s.KeyOf == nil || keeps(raw.Type) {
		return ""
	}
	return s.askKey(*raw)
}

// askKey asks for a key. It is somebody else's function that is asked, while the shard's goroutine waits, on a goroutine of its own: to
// end that of the publisher would leave an event half published.
func (s *subscriber) askKey(raw events.Raw) (key string) {
	if foreign.Call("CoalesceBy", func() error { key = s.KeyOf(raw); return nil }) != nil {
		return "" // as documented: there is a policy for that
	}
	return key
}

// shedFor makes room for an event, and returns the one that it takes the place of, if any, and
// what is to be reported now.
func (l *lane) shedFor(it *item, key string) (dropped *item, report Shed) {
	if l.sub.Overflow == Block {
		return nil, Shed{}
	}
	waiting := l.waiting()
	at := -1
	if k := l.keys[key]; k != nil && k.newest != nil {
		at = slices.IndexFunc(waiting, func(s slot) bool { return s.it == k.newest })
		k.newest = nil
	} else if len(waiting) >= l.sub.limit(l.shard.bus) {
		at = slices.IndexFunc(waiting, func(s slot) bool { return !keeps(s.it.raw.Type) })
		if at >= 0 {
			l.forget(waiting[at].it, waiting[at].key)
		}
	}
	if at < 0 {
		return nil, Shed{}
	}
	dropped = waiting[at].it
	l.crew.shed(waiting[at].guild)
	copy(waiting[1:], waiting[:at]) // most are shed near the front
	waiting[0] = slot{}
	l.head++
	if int(l.head) >= len(waiting) { // nothing pops while the handler is stuck
		rest := copy(l.queue, l.waiting())
		clear(l.queue[rest:])
		l.queue, l.head = l.queue[:rest], 0
	}
	return dropped, l.note(dropped)
}

// note adds to what will be reported before the next call of the handler. A handler that is
// stuck must not keep it to itself: each time as many as fit into the queue are reported at once.
func (l *lane) note(it *item) (report Shed) {
	seq := it.meta.Seq
	if l.shed != nil && (l.shed.Session != it.meta.Session || l.shed.Count >= l.sub.limit(l.shard.bus)) {
		report, l.shed = *l.shed, nil
	}
	if l.shed == nil {
		l.shed = &Shed{Shard: it.meta.Key(), Session: it.meta.Session, Name: l.sub.Name, First: seq, Last: seq}
	}
	l.shed.First, l.shed.Last = min(l.shed.First, seq), max(l.shed.Last, seq)
	l.shed.Count++
	l.total++
	return report
}

// remember notes what waits of a key.
func (l *lane) remember(it *item, key string) *keys {
	if key == "" {
		return nil
	}
	k := l.keys[key]
	if k != nil {
		k.newest = it
		return k
	}
	if l.keys == nil {
		l.keys = make(map[string]*keys)
	}
	k = &keys{key: key, first: it}
	l.keys[key] = k
	return k
}

// forget notes that one of a key, the first or the newest, does not wait any more.
func (l *lane) forget(it *item, k *keys) {
	switch {
	case k == nil:
	case it == k.newest: // of a guild that had its turn before the first's
		k.newest = nil
	case k.newest != nil:
		k.first, k.newest = k.newest, nil
	default:
		delete(l.keys, k.key)
	}
}

// fills reports whether a lane of that depth holds up its shard by itself.
func (l *lane) fills(depth int) bool {
	if l.sub.Overflow == Block {
		return l.sub.Queue > 0 && depth >= l.sub.Queue
	}
	return depth > l.sub.limit(l.shard.bus) // of what is never shed
}

func (b *Bus) report(shed Shed) {
	if shed.Count > 0 && b.cfg.Shed != nil {
		b.cfg.Shed(shed)
	}
}

// Queues are how all lanes stand, by name and shard. A shard has one for each subscriber that it
// has sent something.
func (b *Bus) Queues() []Queue {
	var queues []Queue
	for _, s := range *b.subs.Load() {
		s.mu.Lock()
		for sh, l := range s.lanes {
			l.mu.Lock()
			queues = append(queues, Queue{s.Name, sh.key, len(l.waiting()), int(l.high), s.limit(b), l.total})
			l.mu.Unlock()
		}
		s.mu.Unlock()
	}
	slices.SortStableFunc(queues, func(x, y Queue) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), x.Shard.Compare(y.Shard))
	})
	return queues
}
