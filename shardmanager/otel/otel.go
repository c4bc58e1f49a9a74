package otel

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// scope names who has made the spans.
const scope = "github.com/signalbox-go/signalbox/shardmanager/otel"

// Tracer is a shardmanager.Tracer: pass it to WithTracer. Make it with New. It is safe for concurrent use, also by several Managers.
type Tracer struct {
	spans trace.Tracer
	every uint64
	types []events.Type // nil: all
	count atomic.Uint64 // events of the types
	kinds sync.Map      // events.Type to *kind, of those that are known
	other *kind
}

// Option changes one setting of a Tracer.
type Option func(*Tracer)

// WithEvery follows each n-th event alone: of those that WithTypes chooses, counted over all shards. The sampler is not asked about the
// others. The default is 1, which is all, and so is less than that. Send events do not count: they are so few that the sampler is asked about each.
func WithEvery(n int) Option { return func(t *Tracer) { t.every = uint64(max(n, 1)) } }

// WithTypes follows events of the types alone. The default, also without any, is all types. Several options add up.
func WithTypes(types ...events.Type) Option {
	return func(t *Tracer) { t.types = append(t.types, types...) }
}

// New returns a Tracer whose spans the provider makes: one of the SDK, or the global one, which is otel.GetTracerProvider of go.opentelemetry.io/otel. It
// panics if the provider is nil. An option that is nil changes nothing.
func New(provider trace.TracerProvider, opts ...Option) *Tracer {
	if provider == nil {
		panic("otel: New: the provider is nil: pass one, such as the global one, or leave WithTracer out")
	}
	t := &Tracer{spans: provider.Tracer(scope), every: 1, other: newKind("unknown")}
	for _, opt := range opts {
		if opt != nil {
			opt(t)
		}
	}
	return t
}

// The attributes' names. Those of log entries are the same, without the prefix.
const (
	keyEvent       = attribute.Key("signalbox.event")
	keyShard       = attribute.Key("signalbox.shard")
	keyTotal       = attribute.Key("signalbox.shard_total")
	keyGeneration  = attribute.Key("signalbox.generation")
	keySession     = attribute.Key("signalbox.session")
	keySeq         = attribute.Key("signalbox.seq")
	keyReplayed    = attribute.Key("signalbox.replayed")
	keyRedelivered = attribute.Key("signalbox.redelivered")
	keyHandler     = attribute.Key("signalbox.handler")
)

// kind is what spans of one type of event have in common.
type kind struct {
	receive, process string
	attribute        attribute.KeyValue
	received         trace.SpanStartOption // for the sampler as well
}

var consumer = trace.WithSpanKind(trace.SpanKindConsumer)

func newKind(name string) *kind {
	of := keyEvent.String(name)
	return &kind{"receive " + name, "process " + name, of, trace.WithAttributes(of)}
}

// kindOf is the kind of a type. The gateway decides what types there are, so only those that the library knows have one.
func (t *Tracer) kindOf(of events.Type) *kind {
	if k, ok := t.kinds.Load(of); ok {
		return k.(*kind)
	}
	if _, known := events.New(of); !known {
		return t.other
	}
	k, _ := t.kinds.LoadOrStore(of, newKind(string(of)))
	return k.(*kind)
}

// Receive begins an event's trace, unless the event is not chosen.
func (t *Tracer) Receive(ctx context.Context, e shardmanager.Received) context.Context {
	if t.types != nil && !slices.Contains(t.types, e.Type) {
		return nil
	}
	if t.every > 1 && t.count.Add(1)%t.every != 0 {
		return nil
	}
	k := t.kindOf(e.Type)
	ctx, span := t.spans.Start(ctx, k.receive, consumer, k.received, trace.WithTimestamp(e.Meta.Received))
	if span.IsRecording() {
		span.SetAttributes(place(e.Meta)...)
	}
	span.End()
	return ctx
}

// place are the attributes that say where an event comes from.
func place(at events.Meta) []attribute.KeyValue {
	all := []attribute.KeyValue{
		keyShard.Int(at.Shard.Index), keyTotal.Int(at.Shard.Total), keyGeneration.Int64(int64(at.Generation)), keySession.Int64(int64(at.Session)), keySeq.Int64(at.Seq),
	}
	if at.Replayed {
		all = append(all, keyReplayed.Bool(true))
	}
	if at.Redelivered {
		all = append(all, keyRedelivered.Bool(true))
	}
	return all
}

// Handle begins a handler's span, if the event's trace is kept.
func (t *Tracer) Handle(ctx context.Context, h shardmanager.Handling) (context.Context, func(panicked bool)) {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx, nil
	}
	k := t.kindOf(h.Type)
	ctx, span := t.spans.Start(ctx, k.process, trace.WithAttributes(k.attribute, keyHandler.String(h.Handler), keyShard.Int(h.Meta.Shard.Index)))
	return ctx, func(panicked bool) {
		if panicked {
			span.SetStatus(codes.Error, "the handler panicked")
		}
		span.End()
	}
}
