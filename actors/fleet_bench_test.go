package actors_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// hollow is a supervisor whose shards' dials never end. It runs in real time.
type hollow struct {
	testing.TB
	*actors.Supervisor
	system     *actor.ActorSystem
	supervisor *actor.PID
}

func newHollow(tb testing.TB) *hollow {
	tb.Helper()
	s, err := actors.NewSupervisor(actors.SupervisorConfig{
		Identify: events.Identify{Token: "token"}, URL: "wss://gateway.discord.gg",
		NetDial: func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() },
		Limiter: ratelimit.Local(ratelimit.SessionStart{Total: 1000, Remaining: 1000, MaxConcurrency: 16, ResetAfter: time.Hour}),
	})
	if err != nil {
		tb.Fatal(err)
	}
	system := silentSystem()
	h := &hollow{tb, s, system, system.Root.Spawn(s.Props())}
	tb.Cleanup(func() {
		if err := system.Root.StopFuture(h.supervisor).Wait(); err != nil {
			tb.Error(err)
		}
		s.Wait()
		system.Shutdown()
	})
	return h
}

// ask asks the supervisor, and returns when so many shards are open.
func (h *hollow) ask(message any, open int) {
	h.Helper()
	if _, err := h.system.Root.RequestFuture(h.supervisor, message, time.Minute).Result(); err != nil {
		h.Fatal(err)
	}
	if err := h.Board().Wait(h.Context(), func(t actors.Tally) bool { return t.Open == open }); err != nil {
		h.Fatal(err)
	}
}

// TestStoppingCostsEachShardTheSame in a small fleet and in a large one. What it costs is told by the memory that it takes. It is not
// parallel, so that nothing else takes any.
func TestStoppingCostsEachShardTheSame(t *testing.T) {
	cost := func(total int) uint64 {
		h := newHollow(t)
		h.ask(actors.StartShards{Total: total}, total)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		h.ask(actors.StopShards{}, 0)
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / uint64(total)
	}
	few, many := cost(200), cost(4000)
	t.Logf("bytes a shard: %d of 200, %d of 4,000", few, many)
	if many > 2*few {
		t.Errorf("a shard of 4,000 costs %d bytes, one of 200 costs %d", many, few)
	}
}

// BenchmarkFleetStartsAndStops is of all shards at once, without a gateway.
func BenchmarkFleetStartsAndStops(b *testing.B) {
	for _, total := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(total), func(b *testing.B) {
			h := newHollow(b)
			for b.Loop() {
				h.ask(actors.StartShards{Total: total}, total)
				h.ask(actors.StopShards{}, 0)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*total), "ns/shard")
		})
	}
}
