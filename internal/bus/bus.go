// Package bus delivers events to subscribers: in order for each shard and subscriber, or of its
// guilds, on goroutines of its own, and without ever making the publisher wait. It counts what is not
// handled yet, so that the publisher can stop reading, and knows how far handlers have come.
package bus

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/signalbox-go/signalbox/events"
)

// Config has what the bus tells. All functions must be set; they are called on the bus's
// goroutines, several at a time.
type Config struct {
	// HighWater: so many events of one shard wait for subscribers that block, or are being
	// handled by them: from here on it is full.
	HighWater int
	LowWater  int // and from here down it is not any more
	// Panicked: a handler, known as its Subscription says, panicked; the event is settled for it.
	Panicked func(handler string, raw *events.Raw, meta events.Meta, value any)
	// Failed: the event could not be decoded for those who want it so, and is settled for them; or Decode returned an error
	// beside it, and they get it.
	Failed func(raw *events.Raw, meta events.Meta, err error)
	// Shed: events were not handled, as their subscriber's policy wants it; they are settled for
	// it. Publishing waits for it at times. nil: nobody is told.
	Shed func(Shed)
	// Count is called with each event that is published, whoever wants it, by who publishes. nil: nobody counts.
	Count func(of events.Type, replayed bool)
	// Tracer follows events to their handlers, other than those of Send. nil: nobody does.
	Tracer Tracer
	// TracerPanicked: the Tracer has, or has ended its goroutine. It is set if there is a Tracer.
	TracerPanicked func(error)
}

// Subscription says who wants what, and how.
type Subscription struct {
	Types []events.Type // nil: all
	// Key names the way of decoding: subscribers with the same key share one decoded event. It
	// is used as a map key. nil: the event is not decoded.
	Key any
	// Decode returns nil for an event that cannot be decoded. An error beside one is told, and the event is handled.
	Decode func(*events.Raw) (any, error)
	// Handle is called with what Decode returned, or with the *events.Raw. The event is settled when it returns.
	Handle func(ctx context.Context, event any, meta events.Meta)
	// Send takes the place of Handle. It does not wait until the event is settled: that it is when settled is called, or
	// when the subscription is cancelled. Nothing is decoded.
	Send   func(raw events.Raw, meta events.Meta, settled func())
	Credit int // for Send: how many events of one shard may have been sent and not be settled; at least 1

	Name     string // for gauges
	Handler  string // for reports: which handler it is; "": Name
	Overflow Overflow
	// KeyOf is asked by Coalesce, while the publisher waits. "" or a panic: the event has no key.
	KeyOf func(events.Raw) string
	// Queue is how many events of one shard may wait. 0: the bus's HighWater.
	Queue int
	// Workers is how many events of one shard Handle may be called with at a time: see crew. Below 2: one. Send has no use for it.
	Workers int
}

// Bus is safe for concurrent use.
type Bus struct {
	cfg    Config
	ctx    context.Context // of handlers
	cancel context.CancelCauseFunc
	subs   atomic.Pointer[[]*subscriber]
	closed atomic.Bool   // changed under mu
	over   chan struct{} // closed when nothing more is handled

	counting sync.Mutex
	cutOff   []CutOff // what was not handled when it was over

	mu      sync.Mutex
	shards  map[events.ShardKey]*Shard
	busy    []*lane       // that have a goroutine, or several
	running int           // goroutines of lanes
	sent    int           // events that were sent to somebody and are not settled
	excused int           // handlers that wait for the bus's end
	idle    chan struct{} // set by Close: closed when there is nothing to wait for
}

// New returns a bus without subscribers.
func New(cfg Config) *Bus {
	b := &Bus{cfg: cfg, shards: make(map[events.ShardKey]*Shard), over: make(chan struct{})}
	b.ctx, b.cancel = context.WithCancelCause(context.Background())
	b.subs.Store(new([]*subscriber))
	return b
}

// Subscribe adds a subscriber for the events published from now on. After cancel returns, no
// further call of its handler begins.
func (b *Bus) Subscribe(s Subscription) (cancel func()) {
	s.Handler = cmp.Or(s.Handler, s.Name)
	added := &subscriber{
		Subscription: s, gone: make(chan struct{}), lanes: make(map[*Shard]*lane), sent: make(map[*sending]struct{}),
	}
	b.edit(func(subs []*subscriber) []*subscriber { return append(subs, added) })
	return func() {
		b.edit(func(subs []*subscriber) []*subscriber {
			return slices.DeleteFunc(subs, func(each *subscriber) bool { return each == added })
		})
		added.cancel(b)
	}
}

// Types are the types that are subscribed to by name, each once.
func (b *Bus) Types() []events.Type {
	var types []events.Type
	for _, s := range *b.subs.Load() {
		types = append(types, s.Types...)
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// Handlers are those that are subscribed to one of the types by name, by their own names, each once.
func (b *Bus) Handlers(of func(events.Type) bool) []string {
	var names []string
	for _, s := range *b.subs.Load() {
		if slices.ContainsFunc(s.Types, of) {
			names = append(names, s.Handler)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (b *Bus) edit(f func([]*subscriber) []*subscriber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	subs := f(slices.Clone(*b.subs.Load()))
	b.subs.Store(&subs)
}

// Publish hands an event of the shard to all who want it. One goroutine calls it. It reports whether the shard is full: then the
// publisher should stop until it has caught up: see OnCaughtUp.
func (sh *Shard) Publish(raw events.Raw, meta events.Meta) (full bool) {
	return sh.publish(raw, meta, nil)
}

// publish is Publish. late: the event was held; nil: it was not.
func (sh *Shard) publish(raw events.Raw, meta events.Meta, late *Held) (full bool) {
	b := sh.bus
	if b.closed.Load() {
		return false // what is held stays so: nobody has handled it
	}
	if b.cfg.Count != nil {
		b.cfg.Count(raw.Type, meta.Replayed)
	}
	subs, lanes := sh.routes(b.subs.Load())
	left, blocks, located := int32(0), 0, false
	for _, s := range subs {
		if s.wants(raw.Type) {
			left++
			if s.Overflow == Block {
				blocks++
			}
			located = located || s.Workers > 1
		}
	}
	if left == 0 {
		if late != nil {
			late.Drop()
		} else {
			sh.Skip(meta)
		}
		return false // whoever waits for OnCaughtUp still does
	}
	it := newItem(raw, meta, left, blocks)
	it.late = late
	if located {
		it.guild = events.GuildOf(&it.raw)
	}
	sh.add(it, b.cfg.HighWater)
	if it.meta.Seq == 0 {
		it.meta.Seq = max(raw.Seq, 0) // handlers are told what came
	}
	for i, s := range subs {
		if !s.wants(raw.Type) {
			continue
		}
		if lanes[i] == nil {
			lanes[i] = s.lane(b, sh)
		}
		lanes[i].push(it) //seam:every-handler-gets-event
		if left--; left == 0 {
			break // from here on, the item may be another event's
		}
	}
	return sh.full.Load()
}

// Shard is where the events of one shard are published: the same at every call, until Forget.
func (b *Bus) Shard(key events.ShardKey) *Shard {
	b.mu.Lock()
	defer b.mu.Unlock()
	sh := b.shards[key]
	if sh == nil {
		sh = &Shard{bus: b, key: key}
		b.shards[key] = sh
	}
	return sh
}

// Forget forgets a shard of which nothing is published any more. What waits of it is handled.
func (b *Bus) Forget(key events.ShardKey) { b.forget(key) }

// forget forgets a shard, and returns the lanes that it had.
func (b *Bus) forget(key events.ShardKey) (lanes []*lane) {
	b.mu.Lock()
	sh := b.shards[key]
	delete(b.shards, key)
	b.mu.Unlock()
	for _, s := range *b.subs.Load() {
		s.mu.Lock()
		if l := s.lanes[sh]; l != nil {
			lanes = append(lanes, l)
		}
		delete(s.lanes, sh)
		s.mu.Unlock()
	}
	return lanes
}
