package shardmanager

import (
	"cmp"
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
	"github.com/signalbox-go/signalbox/internal/foreign"
)

// How many events of one shard may wait for handlers before its socket is not read any more,
// and from where on it is read again.
const (
	highWater = 4096
	lowWater  = highWater / 2
)

// SubOption changes how a handler is subscribed.
type SubOption func(*bus.Subscription)

// WithTypes limits OnRaw to events of the types, of which there is at least one.
func WithTypes(types ...events.Type) SubOption {
	return func(s *bus.Subscription) { s.Types = append([]events.Type{}, types...) } // not nil, which is all
}

// On calls h for every event of type E, such as events.MessageCreate, in the order in which each shard received them. Events of
// different shards may come at the same time, and with WithWorkers those of different guilds. h may take its time, and may call anything
// of the Manager. A shard whose handlers are far behind is not read any further until they catch up, unless WithOverflow says otherwise.
// A panic of h is reported, and costs it that one event. The event is decoded once and shared by all its handlers: it is read-only. ctx
// ends when the Manager closes.
//
// h may send events and wait for their answers, with a context that ends: while thousands of events wait for h its shard is not read, and
// then no answer comes.
//
// The context tells (context.Cause) why. It ends when Close begins, and what h does then it should finish soon; what has to be done all the
// same takes context.WithoutCancel(ctx).
//
// Handlers added before Start miss nothing. After cancel returns, no call of h begins. On
// panics if *E is not an events.Event. A handler that is nil, or an option that cannot work, such as WithTypes of another type than E, is
// an *OptionError of Start; after Start it is logged. Then no event comes.
func On[E any](m *Manager, h func(context.Context, *E, events.Meta), opts ...SubOption) (cancel func()) {
	event, ok := any(new(E)).(events.Event)
	if !ok {
		panic(fmt.Sprintf("shardmanager: On: *%v is not an events.Event", reflect.TypeFor[E]()))
	}
	if h, ok := any(h).(func(context.Context, *events.Raw, events.Meta)); ok {
		return m.subscribe(bus.Subscription{
			Handle: func(ctx context.Context, event any, at events.Meta) { raw := *event.(*events.Raw); h(ctx, &raw, at) },
		}, h, opts)
	}
	s := bus.Subscription{
		Types: []events.Type{event.EventType()},
		Key:   reflect.TypeFor[E](),
		Decode: func(raw *events.Raw) (any, error) {
			event := new(E)
			err := events.DecodeStrict(raw, event)
			if err == nil {
				return event, nil
			}
			if odd := new(events.OddFieldsError); errors.As(err, &odd) {
				return event, err
			}
			return nil, err
		},
		Handle: func(ctx context.Context, event any, at events.Meta) { h(ctx, event.(*E), at) },
	}
	return m.subscribe(s, h, opts)
}

// OnRaw is On for events as they came, of all types, READY and RESUMED included. Data is
// read-only, and may be kept; it shares its memory with up to 32 KiB of events that came with it, so whoever keeps
// little of an event for long should clone that.
func OnRaw(m *Manager, h func(context.Context, events.Raw, events.Meta), opts ...SubOption) (cancel func()) {
	s := bus.Subscription{
		Handle: func(ctx context.Context, event any, at events.Meta) { h(ctx, *event.(*events.Raw), at) },
	}
	return m.subscribe(s, h, opts)
}

// subscribe subscribes a handler, of which s has a form that the bus can call.
func (m *Manager) subscribe(s bus.Subscription, handler any, opts []SubOption) (cancel func()) {
	own := slices.Clone(s.Types) // nil: all
	var problems []error
	bad := func(option, problem string) { problems = append(problems, &OptionError{option, problem}) }
	for _, opt := range opts {
		if opt == nil {
			bad("On", "an option is nil: leave it out")
			continue
		}
		opt(&s)
	}
	if s.Handler = cmp.Or(s.Name, foreign.NameOf(handler)); s.Name == "" && own != nil { // a closure's name says little
		s.Handler = fmt.Sprintf("%s (%s)", own[0], s.Handler)
	}
	if s.Name == "" {
		s.Name = "raw"
		if own != nil {
			s.Name = string(own[0])
		}
	}
	switch {
	case reflect.ValueOf(handler).IsNil():
		bad("On", fmt.Sprintf("the handler %s is nil: pass a function", s.Name))
	case s.Types != nil && len(s.Types) == 0 || slices.Contains(s.Types, ""):
		bad("WithTypes", "it names no type: leave it out, and all come")
	case own != nil && !slices.Equal(slices.Compact(slices.Sorted(slices.Values(s.Types))), own):
		bad("WithTypes", fmt.Sprintf("a handler of On for %s gets no other type: leave the option out, or use OnRaw", own[0]))
	}
	if s.Queue < 0 {
		bad("WithQueue", fmt.Sprintf("%d: use 1 or more, or 0 for the default", s.Queue))
	}
	if s.Overflow == bus.Coalesce && s.KeyOf == nil {
		bad("WithOverflow", "CoalesceBy has no function that tells the key")
	}
	if s.Workers < 0 || s.Workers > maxWorkers {
		bad("WithWorkers", fmt.Sprintf("%d: use 1 to %d, or 0 for the default", s.Workers, maxWorkers))
	}
	if problems != nil {
		m.mistaken(problems)
		return func() {}
	}
	m.warnUnfed(s.Types)
	return m.bus.Subscribe(s)
}

// mistaken takes note of what is wrong with a handler, for Start, which tells.
func (m *Manager) mistaken(problems []error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.phase == PhaseNotStarted {
		m.mistakes = append(m.mistakes, problems...)
		return
	}
	m.log.Error("handler not subscribed", zap.Error(errors.Join(problems...)))
}

// secrets are what no log may show of a shard.
func (m *Manager) secrets(key actors.Key) []string {
	all := []string{m.cfg.identify.Token.Reveal()}
	m.mu.Lock()
	shards := m.shards
	m.mu.Unlock()
	if shards != nil {
		snapshot, _, _ := shards.Session(key)
		all = append(all, snapshot.SessionID, snapshot.ResumeURL)
	}
	return all
}

func (m *Manager) newBus() *bus.Bus {
	return bus.New(bus.Config{
		HighWater: highWater,
		LowWater:  lowWater,
		Panicked: func(handler string, raw *events.Raw, meta events.Meta, value any) {
			stack := debug.Stack()
			m.log.Error("handler panicked", zap.String("handler", handler), zap.Int("shard", meta.Shard.Index), zap.String("type", printable(raw.Type)),
				zap.Int64("seq", meta.Seq), zap.String("panic", foreign.TextWithout(value, m.secrets(meta.Key())...)), zap.ByteString("stack", stack))
			told := HandlerPanic{handler, raw.Type, meta, value, stack} // what raw points to is another event's soon
			actors.Tell(m.observers, func(h HookHandlerPanic) { h.OnHandlerPanic(told) })
		},
		Failed: m.undecoded,
		Shed:   m.shed,

		Count:          m.cfg.count(),
		Tracer:         m.cfg.busTracer(),
		TracerPanicked: m.tracerPanicked,
	})
}

// printable is an event's name, of which the gateway decides, fit for a log.
func printable(t events.Type) string {
	if _, known := events.New(t); known {
		return string(t)
	}
	return fmt.Sprintf("%.64q", string(t))
}
