package shardmanager_test

import (
	"context"
	"os"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/otel"
)

// BenchmarkTraces is BenchmarkDispatch, of raw events, and BenchmarkSend, one after another, with a tracer: none; one whose sampler keeps one in a hundred
// events; one that chooses each hundredth before the sampler is asked; and one that keeps all.
func BenchmarkTraces(b *testing.B) {
	tracer := func(share float64, opts ...otel.Option) shardmanager.Option {
		return shardmanager.WithTracer(otel.New(sdk.NewTracerProvider(sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(share)))), opts...))
	}
	for _, c := range []struct {
		name   string
		option func() shardmanager.Option
	}{
		{"off", func() shardmanager.Option { return shardmanager.WithTracer(nil) }},
		{"each 100th", func() shardmanager.Option { return tracer(1, otel.WithEvery(100)) }},
		{"sampled 1 percent", func() shardmanager.Option { return tracer(0.01) }},
		{"all", func() shardmanager.Option { return tracer(1) }},
	} {
		b.Run("dispatch/"+c.name, func(b *testing.B) {
			m, p := played(b, c.option())
			var n int
			done := make(chan struct{})
			shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) {
				if n++; n == b.N {
					close(done)
				}
			}, shardmanager.WithTypes(events.TypeMessageCreate))
			b.ReportAllocs()
			b.SetBytes(int64(len(event)))
			b.ResetTimer()
			p.play(b.N)
			select {
			case <-done:
			case <-time.After(time.Minute):
				b.Fatal(os.ErrDeadlineExceeded)
			}
		})
		b.Run("send/"+c.name, func(b *testing.B) {
			m, _ := played(b, c.option())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := (events.Heartbeat{}).SendEvent(b.Context(), m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
