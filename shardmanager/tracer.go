package shardmanager

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
	"github.com/signalbox-go/signalbox/internal/foreign"
)

// Tracer follows events from the socket to their handlers, and send events to their answers. Package shardmanager/otel has one that makes
// spans of OpenTelemetry. What it returns as a context, handlers and sends get; it must be made from the context that it was given.
//
// It is called on the goroutines of handlers and senders, several at a time, so what it is slow for they wait for: it should take a
// microsecond, and never block. What it does not follow it should say so by nil, which costs least. If it panics or ends its goroutine,
// that is logged, and costs what it would have told: the event is handled and the send event sent all the same.
type Tracer interface {
	// Receive is called once for an event, before the first of its handlers. All of them get the context. nil: the event is not followed, and Handle
	// is not called for it.
	Receive(ctx context.Context, e Received) context.Context
	// Handle is called before each handler of an event that Receive follows. end is called when the handler has ended; nil: it is not.
	Handle(ctx context.Context, h Handling) (inner context.Context, end func(panicked bool))
	// Send is called before a send event is asked for, with the context of whoever sends: a handler's, if it passes its own on.
	// end is called when its outcome is known; nil: it is not.
	Send(ctx context.Context, s Sending) (inner context.Context, end func(SendEnd))
}

// Received is an event that has come.
type Received struct {
	Type events.Type
	Meta events.Meta // Meta.Received is when its last byte was read
}

// Handling is a handler that is about to be called.
type Handling struct {
	Received
	Handler string // as in HandlerPanic
}

// Sending is a send event that somebody asks for.
type Sending struct {
	Op       events.Opcode // 0: there is no event, or it is not valid
	Shard    int           // the index of the Shard that is to send it; -1: it goes to the shard of its guild, to the lowest, or to several
	Priority Priority
}

// SendEnd is how a send event has ended.
type SendEnd struct {
	events.Receipt     // the zero value: it failed; of several shards, that of the slowest
	Events         int // that the answer has; of Stream those that nobody took
	// Err is what the sender gets: an *actors.SendError, or several joined. It may hold a cause of the sender's own, with any text: see context.Cause.
	Err error
}

// WithTracer sets who follows events and send events. The default, or nil, is nobody, which costs nothing: no call and no memory. Actors that
// get events by message, and send events that are asked for by message, are not followed, for they have no context.
func WithTracer(tracer Tracer) Option { return func(c *config) { c.tracer = tracer } }

// busTracer is the Tracer as the bus calls it; nil: there is none.
func (c *config) busTracer() bus.Tracer {
	if c.tracer == nil {
		return nil
	}
	return busTracer{c.tracer}
}

type busTracer struct{ Tracer }

func (t busTracer) Receive(ctx context.Context, of events.Type, meta events.Meta) context.Context {
	return t.Tracer.Receive(ctx, Received{of, meta})
}

func (t busTracer) Handle(ctx context.Context, handler string, of events.Type, meta events.Meta) (context.Context, func(bool)) {
	return t.Tracer.Handle(ctx, Handling{Received{of, meta}, handler})
}

func (m *Manager) tracerPanicked(err error) { m.log.Error("tracer panicked", zap.Error(err)) }

// errNotReturned is for the Tracer alone: the sender's goroutine is gone, or its panic goes on.
var errNotReturned = errors.New("shardmanager: the function that takes the answer's parts has not returned")

// follow sends an event by send, which the Tracer follows. It calls the Tracer on goroutines of their own: the sender's is not the Tracer's to end.
func (m *Manager) follow(ctx context.Context, out events.Outgoing, s Sending, send func(context.Context) (events.Answer, error)) (events.Answer, error) {
	_ = foreign.Call("Request", func() error { // it may be nil, or the user's own: who sends it tells what is wrong
		request, err := out.Request()
		s.Op = request.Op
		return err
	})
	inner := ctx
	var end func(SendEnd)
	m.askTracer(func() {
		made, then := m.cfg.tracer.Send(ctx, s)
		if made != nil {
			inner = made
		}
		end = then
	})
	if end == nil {
		return send(inner)
	}
	how := SendEnd{Err: errNotReturned}
	defer func() { m.askTracer(func() { end(how) }) }()
	answer, err := send(inner)
	how = SendEnd{answer.Receipt, len(answer.Events), err}
	return answer, err
}

func (m *Manager) askTracer(f func()) {
	if err := foreign.Call("the tracer", func() error { f(); return nil }); err != nil {
		m.tracerPanicked(err)
	}
}
