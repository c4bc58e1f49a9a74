package metrics_test

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/tap"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/metrics"
)

// calls are what hooks and handlers cost at each occurrence.
func calls(ctx context.Context) map[string]func() {
	x := metrics.New()
	all := make(map[string]func())
	at := events.Meta{Shard: events.ShardID{Total: 1}, Received: time.Now()}
	timed := metrics.Timed(x, "handler", noEvent)
	all["handler"] = func() { timed(ctx, nil, at) }
	for _, hook := range x.Hooks() {
		if h, ok := hook.(tap.Counter); ok {
			all["event"] = func() { h.Count(tap.Counted{Type: "MESSAGE_CREATE"}) }
		}
		if h, ok := hook.(shardmanager.HookFrames); ok {
			all["frames"] = func() { h.OnFrames(actors.FramesRead{At: at.Received, Frames: 3, Bytes: 1000, Wire: 200}) }
		}
		if h, ok := hook.(shardmanager.HookHeartbeat); ok {
			all["heartbeat"] = func() { h.OnHeartbeat(actors.HeartbeatAcknowledged{RoundTrip: time.Millisecond}) }
		}
		if h, ok := hook.(shardmanager.HookSend); ok {
			all["send"] = func() {
				h.OnSend(actors.SendMoved{Op: events.OpRequestGuildMembers, Stage: actors.SendEnded, RoundTrip: time.Millisecond})
			}
		}
		if h, ok := hook.(shardmanager.HookChange); ok {
			lost := shardmanager.Change{Change: session.Change{At: at.Received, From: session.Ready, To: session.Backoff, Cause: session.ErrReconnect}}
			back := shardmanager.Change{Change: session.Change{At: at.Received, From: session.Resuming, To: session.Ready}}
			all["change"] = func() { h.OnChange(lost); h.OnChange(back) }
		}
	}
	return all
}

// TestHooksAllocateNothing where they are called for each event, frame, heartbeat or send.
func TestHooksAllocateNothing(t *testing.T) {
	for name, call := range calls(t.Context()) {
		if n := testing.AllocsPerRun(100, call); n > 0 && name != "change" {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func BenchmarkHooks(b *testing.B) {
	for name, call := range calls(b.Context()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				call()
			}
		})
	}
}

func BenchmarkScrape(b *testing.B) {
	for name, opts := range map[string][]metrics.Option{"plain": nil, "per shard": {metrics.WithPerShard()}} {
		b.Run(name, func(b *testing.B) {
			r := prometheus.NewRegistry()
			r.MustRegister(metrics.New(opts...).Imagine(10000, 5))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Gather(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
