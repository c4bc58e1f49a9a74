package shardmanager_test

import (
	"context"
	"math"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// BenchmarkMemory is what shards at rest take of the heap and of stacks, without compression, whose memory is the connection's: those of one
// manager, of two generations in one manager, which are asked to take no more than two managers, and of two managers.
func BenchmarkMemory(b *testing.B) {
	const total = 1000
	for _, of := range []struct {
		name                  string
		managers, generations uint64
	}{{"one generation", 1, 1}, {"two generations", 1, 2}, {"two managers", 2, 1}} {
		b.Run(of.name, func(b *testing.B) {
			for b.Loop() {
				before := memory()
				var close []func()
				for range of.managers {
					m := resting(b, total)
					for generation := uint64(1); generation < of.generations; generation++ {
						warm(b, m, generation, total)
					}
					awaitReady(b, m, total*int(of.generations))
					close = append(close, func() { _ = m.Close(context.Background()) })
				}
				after := memory()
				shards := float64(total * of.managers * of.generations)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/shards, "heap-B/shard")
				b.ReportMetric(float64(after.StackInuse)/shards-float64(before.StackInuse)/shards, "stack-B/shard")
				b.ReportMetric((float64(after.HeapAlloc+after.StackInuse)-float64(before.HeapAlloc+before.StackInuse))/shards, "B/shard")
				for _, f := range close {
					f()
				}
			}
		})
	}
}

// resting is a manager of shards whose connections cost next to nothing.
func resting(b *testing.B, total int) *shardmanager.Manager {
	b.Helper()
	m, err := shardmanager.New("token", shardmanager.WithShards(total), shardmanager.WithCompression(events.CompressionNone),
		shardmanager.WithRateLimiter(&countingLimiter{}), shardmanager.WithDialRate(math.MaxInt32), shardmanager.WithAPIURL("http://127.0.0.1"),
		shardmanager.WithHTTPClient(&http.Client{Transport: discovery{}}),
		shardmanager.WithNetDial(func(context.Context, string, string) (net.Conn, error) { return newPlayer(), nil }))
	if err != nil {
		b.Fatal(err)
	}
	if err := m.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	return m
}

// warm has one generation more run beside that which serves.
func warm(b testing.TB, m *shardmanager.Manager, generation uint64, total int) {
	b.Helper()
	ask := func(message any) any {
		answer, err := m.System().Root.RequestFuture(m.Supervisor(), message, time.Minute).Result()
		if err != nil {
			b.Fatal(err)
		}
		return answer
	}
	change := make(map[actors.Key]actors.Want, total)
	for index := range total {
		change[actors.Key{Generation: generation, Shard: events.ShardID{Index: index, Total: total}}] = actors.Want{Role: actors.Warming}
	}
	plan := ask(actors.GetPlan{}).(*actors.Plan)
	if set, ok := ask(actors.SetPlan{From: plan.Version, Change: change}).(*actors.PlanSet); !ok {
		b.Fatalf("%+v", set)
	}
}

func awaitReady(b *testing.B, m *shardmanager.Manager, shards int) {
	b.Helper()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		ready := 0
		for _, s := range m.Status().Shards {
			if s.State == session.Ready {
				ready++
			}
		}
		if ready == shards {
			return
		}
		if time.Since(began) > time.Minute {
			b.Fatalf("%d of %d shards are ready", ready, shards)
		}
	}
}

// memory is what is in use once all that is not has been given up.
func memory() (stats runtime.MemStats) {
	for range 4 { // what pools keep goes with the second, and stacks shrink by half each time
		runtime.GC()
	}
	runtime.ReadMemStats(&stats)
	return stats
}
