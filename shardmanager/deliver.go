package shardmanager

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
)

// How many events of one shard may wait for handlers before its socket is not read any more,
// and from where on it is read again.
const (
	highWater = 4096
	lowWater  = highWater / 2
)

// SubOption changes how a handler is subscribed.
type SubOption func(*bus.Subscription)

// WithTypes limits OnRaw to events of the types.
func WithTypes(types ...events.Type) SubOption {
	return func(s *bus.Subscription) { s.Types = slices.Clone(types) }
}

// On calls h for every event of type E, such as events.MessageCreate, in the order in which
// each shard received them; events of different shards may come at the same time, and with WithWorkers those of different guilds. h may take
// its time and may call anything of the Manager: a shard whose handlers are far behind is not
// read any further until they catch up, unless WithOverflow says otherwise. A panic of h is reported and costs it that one event.
// The event is decoded once and shared by all its handlers: it is read-only. ctx ends when the
// Manager closes.
//
// Handlers added before Start miss nothing. After cancel returns, no call of h begins. On
// panics if *E is not an events.Event. An option that cannot work is an *OptionError of Start; after Start it is logged. Then no
// event comes.
func On[E any](m *Manager, h func(context.Context, *E, events.Meta), opts ...SubOption) (cancel func()) {
	event, ok := any(new(E)).(events.Event)
	if !ok {
		panic(fmt.Sprintf("shardmanager: On: *%v is not an events.Event", reflect.TypeFor[E]()))
	}
	if h, ok := any(h).(func(context.Context, *events.Raw, events.Meta)); ok {
		return OnRaw(m, func(ctx context.Context, raw events.Raw, at events.Meta) { h(ctx, &raw, at) }, opts...)
	}
	s := bus.Subscription{
		Types: []events.Type{event.EventType()},
		Key:   reflect.TypeFor[E](),
		Decode: func(raw *events.Raw) (any, error) {
			event := new(E)
			return event, events.DecodeInto(raw, event)
		},
		Handle: func(ctx context.Context, event any, at events.Meta) { h(ctx, event.(*E), at) },
	}
	return m.subscribe(s, opts)
}

// OnRaw is On for events as they came, of all types, READY and RESUMED included. Data is
// read-only, and may be kept; it shares its memory with up to 32 KiB of events that came with it, so whoever keeps
// little of an event for long should clone that.
func OnRaw(m *Manager, h func(context.Context, events.Raw, events.Meta), opts ...SubOption) (cancel func()) {
	s := bus.Subscription{
		Handle: func(ctx context.Context, event any, at events.Meta) { h(ctx, *event.(*events.Raw), at) },
	}
	return m.subscribe(s, opts)
}

func (m *Manager) subscribe(s bus.Subscription, opts []SubOption) (cancel func()) {
	for _, opt := range opts {
		opt(&s)
	}
	if s.Name == "" {
		s.Name = "raw"
		if s.Key != nil {
			s.Name = string(s.Types[0])
		}
	}
	if s.Workers < 0 || s.Workers > maxWorkers {
		m.mistaken(&OptionError{"WithWorkers", fmt.Sprintf("%d: use 1 to %d, or 0 for the default", s.Workers, maxWorkers)})
		return func() {}
	}
	m.warnUnfed(s.Types)
	return m.bus.Subscribe(s)
}

// mistaken takes note of what is wrong with a handler, for Start, which tells.
func (m *Manager) mistaken(problems ...error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.phase == phaseNew {
		m.mistakes = append(m.mistakes, problems...)
		return
	}
	m.log.Error("handler not subscribed", zap.Error(errors.Join(problems...)))
}

// checkHandlers is what is wrong with handlers.
func (m *Manager) checkHandlers() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return errors.Join(m.mistakes...)
}

func (m *Manager) newBus() *bus.Bus {
	return bus.New(bus.Config{
		HighWater: highWater,
		LowWater:  lowWater,
		Panicked: func(raw *events.Raw, meta events.Meta, value any) {
			stack := debug.Stack()
			m.log.Error("handler panicked", zap.Int("shard", meta.Shard.Index), zap.String("type", printable(raw.Type)),
				zap.Int64("seq", meta.Seq), zap.String("panic", fmt.Sprintf("%T", value)), zap.ByteString("stack", stack))
			told := HandlerPanic{raw.Type, meta, value, stack} // what raw points to is another event's soon
			actors.Tell(m.observers, func(h HookHandlerPanic) { h.OnHandlerPanic(told) })
		},
		Failed: func(raw *events.Raw, meta events.Meta, err error) {
			m.log.Error("event not decoded", zap.Int("shard", meta.Shard.Index), zap.String("type", printable(raw.Type)),
				zap.Int64("seq", meta.Seq), zap.Error(err))
			event := *raw
			actors.Tell(m.observers, func(h HookDecodeError) { h.OnDecodeError(event, meta, err) })
		},
		Shed: m.shed,
	})
}

// printable is an event's name, of which the gateway decides, fit for a log.
func printable(t events.Type) string {
	if _, known := events.New(t); known {
		return string(t)
	}
	return fmt.Sprintf("%.64q", string(t))
}
