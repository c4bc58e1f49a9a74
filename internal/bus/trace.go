package bus

import (
	"context"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/foreign"
)

// Tracer follows events to their handlers. It is called on the goroutines of handlers. What it panics with costs what it would have
// told, and no handler anything.
type Tracer interface {
	// Receive is called once for an event, before the first of its handlers. nil: the event is not followed.
	Receive(ctx context.Context, t events.Type, meta events.Meta) context.Context
	// Handle is called before each handler of an event that is followed, with what Receive returned. nil for the context: that
	// of Receive; for the function: nobody hears of the handler's end.
	Handle(ctx context.Context, handler string, t events.Type, meta events.Meta) (context.Context, func(panicked bool))
}

// traced has an event handled that the tracer may follow. handled is true as soon as the handler has returned.
func (l *lane) traced(b *Bus, it *item, event any, handled *bool) {
	ctx := b.ctx
	var end func(panicked bool)
	defer func() { // and not behind the tracer's turn: if it has ended the goroutine (runtime.Goexit), the event is handled all the same
		if end != nil {
			defer func() { b.endTrace(end, !*handled) }()
		}
		l.sub.Handle(ctx, event, it.meta)
		*handled = true
	}()
	b.beginTrace(it, l.sub.Handler, &ctx, &end)
}

// beginTrace has the tracer follow an event to a handler.
func (b *Bus) beginTrace(it *item, handler string, ctx *context.Context, end *func(bool)) {
	returned := false
	defer func() {
		if reason := recover(); !returned {
			b.cfg.TracerPanicked(foreign.Panicked("the tracer", reason))
		}
	}()
	if received := it.received(b); received != nil {
		*ctx = received
		inner, then := b.cfg.Tracer.Handle(received, handler, it.raw.Type, it.meta)
		if *end = then; inner != nil {
			*ctx = inner
		}
	}
	returned = true
}

// endTrace tells the tracer that a handler has ended.
func (b *Bus) endTrace(end func(bool), panicked bool) {
	returned := false
	defer func() {
		if reason := recover(); !returned {
			b.cfg.TracerPanicked(foreign.Panicked("the tracer", reason))
		}
	}()
	end(panicked)
	returned = true
}

// received asks the tracer about an event, once.
func (it *item) received(b *Bus) context.Context {
	it.mu.Lock()
	defer it.mu.Unlock()
	if !it.asked {
		it.asked = true
		it.trace = b.cfg.Tracer.Receive(b.ctx, it.raw.Type, it.meta)
	}
	return it.trace
}
