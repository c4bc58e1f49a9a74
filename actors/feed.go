package actors

import (
	"errors"
	"slices"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
	"github.com/signalbox-go/signalbox/internal/foreign"
)

const defaultCredit = 64

// feed is an actor that sends received events to one that subscribed, as many at a time as it has credit for, and ends with
// it. It stands beside the supervisor, not below, and outlives its crashes.
type feed struct {
	supervisor *Supervisor
	to         *actor.PID
	types      []events.Type
	credit     int
	self       *actor.PID
	cancel     func()

	mu    sync.Mutex
	count uint64
	sent  map[uint64]func() // that were not handled yet: what settles them
}

func (f *feed) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		ctx.Watch(f.to)
	case Handled:
		f.handled(m.ID)
	case *Handled:
		if m != nil {
			f.handled(m.ID)
		}
	case *actor.Terminated:
		if m.Who.Equal(f.to) {
			ctx.Stop(ctx.Self())
		}
	case *actor.Stopping:
		f.supervisor.feeds.remove(f)
	}
}

func (f *feed) add(settled func()) (id uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	f.sent[f.count] = settled
	return f.count
}

func (f *feed) handled(id uint64) {
	f.mu.Lock()
	settled := f.sent[id]
	delete(f.sent, id)
	f.mu.Unlock()
	if settled != nil { //seam:handled-dispatch-settles
		settled()
	}
}

// feeds are those of all actors that subscribed. Safe for concurrent use.
type feeds struct {
	mu  sync.RWMutex
	all []*feed // replaced when one begins or ends
}

var errNoSubscriber = errors.New("actors: Subscribe names no actor: set PID, or ask by a request")

// subscribe has events sent to an actor, or ends that.
func (s *incarnation) subscribe(ctx actor.Context, m Subscribe) any {
	to := m.PID
	if to == nil {
		to = ctx.Sender()
	}
	if to == nil {
		return &Refusal{Err: errNoSubscriber}
	}
	s.feeds.end(s.system, to)
	if m.Off {
		return &Subscribed{}
	}
	f := &feed{supervisor: s.Supervisor, to: to, types: slices.Clone(m.Types), credit: m.Credit, sent: make(map[uint64]func())}
	if f.credit <= 0 {
		f.credit = defaultCredit
	}
	s.feeds.begin(s.system, f)
	return &Subscribed{}
}

// begin begins one: from its return on, nothing is missed.
func (all *feeds) begin(system *actor.ActorSystem, f *feed) {
	all.mu.Lock()
	defer all.mu.Unlock()
	f.self = system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return f }, filtered(&f.supervisor.board.ignored, nil)))
	f.cancel = f.supervisor.cfg.Bus.Subscribe(bus.Subscription{
		Name: f.to.Id, Types: f.types, Credit: f.credit,
		Send: func(raw events.Raw, meta events.Meta, settled func()) {
			system.Root.RequestWithCustomSender(f.to, &Dispatch{f.add(settled), raw, meta}, f.self)
		},
	})
	all.all = append(slices.Clone(all.all), f)
}

// end ends the feeds of an actor; nil: all.
func (all *feeds) end(system *actor.ActorSystem, to *actor.PID) {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.all = slices.DeleteFunc(slices.Clone(all.all), func(f *feed) bool {
		if to != nil && !f.to.Equal(to) {
			return false
		}
		f.cancel()
		system.Root.Stop(f.self)
		return true
	})
}

// remove forgets one that ends by itself.
func (all *feeds) remove(gone *feed) {
	all.mu.Lock()
	defer all.mu.Unlock()
	gone.cancel()
	all.all = slices.DeleteFunc(slices.Clone(all.all), func(f *feed) bool { return f == gone })
}

// tell tells all of a change of state.
func (all *feeds) tell(system *actor.ActorSystem, change StateChanged) {
	all.mu.RLock()
	feeds := all.all
	all.mu.RUnlock()
	for _, f := range feeds {
		f.tell(system, change)
	}
}

// tell tells the feed's actor. Its mailbox is the user's code, and this runs on a shard's actor.
func (f *feed) tell(system *actor.ActorSystem, change StateChanged) {
	if err := foreign.Call("a subscriber's mailbox", func() error { system.Root.Send(f.to, &change); return nil }); err != nil {
		f.supervisor.log.Error("a change of state was not told", zap.Stringer("shard", change.Key), zap.Error(err))
	}
}
