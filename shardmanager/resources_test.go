package shardmanager_test

import (
	"flag"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

var reconnects = flag.Int("reconnects", 1000, "how many times TestReconnectsLeakNothing cuts the connection")

// resources are what a process may run out of.
type resources struct {
	goroutines, actors, files int
	heap                      uint64
}

func count(t *testing.T, m *shardmanager.Manager) (r resources) {
	t.Helper()
	r.goroutines = runtime.NumGoroutine()
	registry := m.System().ProcessRegistry.LocalPIDs
	for i := range registry.LocalPIDs {
		r.actors += registry.LocalPIDs[i].Count()
	}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil { // elsewhere they are not counted
		r.files = len(open)
	}
	var stats runtime.MemStats
	for range 2 { // what a pool holds is freed by the second
		runtime.GC()
	}
	runtime.ReadMemStats(&stats)
	r.heap = stats.HeapAlloc
	return r
}

// TestReconnectsLeakNothing is not parallel: it counts what the process has. A timer that stays is
// found on the heap, or when the bubble ends.
//
// Failures: F139.
func TestReconnectsLeakNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithResumeTimeout(time.Hour), gatewaytest.WithReplayBuffer(100))
		m := newManager(t, g)
		start(t, m)
		pass(time.Minute)
		cut := func(n int) {
			for range n {
				g.Shard(0).Drop()
				pass(90 * time.Second)
			}
			pass(time.Minute)
		}
		warm := max(100, min(*reconnects, 10_000)) // by when the simulated gateway's logs have their full size
		cut(warm)
		before := count(t, m)
		cut(*reconnects)
		after := count(t, m)
		t.Logf("%d reconnects: before %+v, after %+v", *reconnects, before, after)
		// A few goroutines come and go with the runtime and with mailboxes that have work at this very moment.
		if after.goroutines > before.goroutines+5 || after.actors != before.actors || after.files > before.files {
			t.Errorf("before %+v, after %+v", before, after)
		}
		if after.heap > before.heap+before.heap/100+4<<20 { // the simulated gateway's log of frames goes up and down by 3 MiB
			t.Errorf("the heap went from %d to %d KiB", before.heap>>10, after.heap>>10)
		}
		if s := g.Stats(); s.Resumes != warm+*reconnects || s.Identifies != 1 || s.Live != 1 {
			t.Errorf("resumes %d, identifies %d, live %d", s.Resumes, s.Identifies, s.Live)
		}
		g.RequireNoViolations(t)
	})
}

// TestRestartsLeakNothing: what has seen to the end of a call ends with it. It is not parallel, since it counts goroutines.
func TestRestartsLeakNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		restart := func(n int) {
			for range n {
				if err := m.Restart(t.Context(), 0); err != nil {
					t.Fatal(err)
				}
				pass(10 * time.Second)
			}
		}
		restart(3)
		before := runtime.NumGoroutine()
		restart(30)
		if after := runtime.NumGoroutine(); after > before+5 {
			t.Errorf("%d goroutines before, %d after", before, after)
		}
	})
}
