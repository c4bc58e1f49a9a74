package actors_test

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// What this package relies on in protoactor-go, one test for each; docs/adr/0008-protoactor-revision.md lists them.

// recorder is an actor that keeps what happens to it, by its words; a func is called.
type recorder struct {
	seen []string
	gone chan struct{} // what its Stopping waits for; nil: nothing
}

func (r *recorder) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		r.seen = append(r.seen, "started")
	case *actor.Restarting:
		r.seen = append(r.seen, "restarting")
	case *actor.Stopping:
		r.seen = append(r.seen, "stopping")
		if r.gone != nil {
			<-r.gone
		}
	case *actor.Stopped:
		r.seen = append(r.seen, "stopped")
	case string:
		r.seen = append(r.seen, m)
		ctx.Respond("answer to " + m)
	case func():
		m()
	case func(actor.Context):
		m(ctx)
	}
}

func (r *recorder) props(opts ...actor.PropsOption) *actor.Props {
	return actor.PropsFromProducer(func() actor.Actor { return r }, opts...)
}

func (r *recorder) want(t *testing.T, seen ...string) {
	t.Helper()
	pass(0)
	if !slices.Equal(r.seen, seen) {
		t.Errorf("it saw %q, want %q", r.seen, seen)
	}
}

// TestForwardKeepsTheSender: the answer comes to who asked, and not to who forwarded.
func TestForwardKeepsTheSender(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t)
		p, last := h.probe(), h.spawn(new(recorder).props())
		between := h.spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(string); ok {
				ctx.Forward(last)
			}
		}))
		p.ask(between, "question")
		if answer := expect[string](p, time.Second); answer != "answer to question" {
			t.Errorf("the answer: %q", answer)
		}
	})
}

// TestStopOvertakesTheMailbox: what is queued is dropped, and whoever asked by it is told nothing, ever. A future ends by
// its own time, which is virtual.
func TestStopOvertakesTheMailbox(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t)
		r, p, gate := &recorder{}, h.probe(), make(chan struct{})
		pid := h.spawn(r.props())
		p.watch(pid)
		h.system.Root.Send(pid, func() { <-gate })
		p.ask(pid, "question")
		future := h.system.Root.RequestFuture(pid, "another", time.Hour)
		h.system.Root.Stop(pid)
		close(gate)
		expect[*actor.Terminated](p, time.Second)
		begin := time.Now()
		if _, err := future.Result(); !errors.Is(err, actor.ErrTimeout) || time.Since(begin) < 59*time.Minute {
			t.Errorf("the future ended after %v: %v", time.Since(begin), err)
		}
		p.expectNone(time.Hour)
		r.want(t, "started", "stopping", "stopped")
	})
}

// TestPoisonWaitsForTheMailbox: what was queued before is handled and answered, what comes after it is not.
func TestPoisonWaitsForTheMailbox(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t)
		r, p, gate := &recorder{}, h.probe(), make(chan struct{})
		pid := h.spawn(r.props())
		h.system.Root.Send(pid, func() { <-gate })
		p.ask(pid, "before")
		h.system.Root.Poison(pid)
		p.ask(pid, "after")
		close(gate)
		expect[string](p, time.Second)
		p.expectNone(time.Hour)
		r.want(t, "started", "before", "stopping", "stopped")
	})
}

// TestNameIsTakenUntilTerminated: an actor that is still stopping has its name.
func TestNameIsTakenUntilTerminated(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t)
		p, old := h.probe(), &recorder{gone: make(chan struct{})}
		pid, err := h.system.Root.SpawnNamed(old.props(), "name")
		if err != nil {
			t.Fatal(err)
		}
		p.watch(pid)
		h.system.Root.Stop(pid)
		p.expectNone(time.Hour)
		if _, err := h.system.Root.SpawnNamed(new(recorder).props(), "name"); !errors.Is(err, actor.ErrNameExists) {
			t.Errorf("while the old one stops: %v", err)
		}
		close(old.gone)
		expect[*actor.Terminated](p, time.Second)
		if pid, err = h.system.Root.SpawnNamed(new(recorder).props(), "name"); err != nil {
			t.Fatalf("after Terminated: %v", err)
		}
		h.stop(pid)
	})
}

// TestShutdownStopsNoActor, which is why a system's actors are stopped before it. Its second call panics.
func TestShutdownStopsNoActor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		system := silentSystem()
		r := &recorder{}
		pid := system.Root.Spawn(r.props())
		system.Shutdown()
		system.Root.Send(pid, "hello")
		r.want(t, "started", "hello")
		func() {
			defer func() {
				if recover() == nil {
					t.Error("its second call did not panic")
				}
			}()
			system.Shutdown()
		}()
		_ = system.Root.StopFuture(pid).Wait() // the test is over either way
		pass(time.Minute)
	})
}

// shuffled is a dispatcher that runs what is ready in an order that a seed decides.
type shuffled struct {
	random *rand.Rand
	ready  []func()
}

func (s *shuffled) Schedule(run func()) { s.ready = append(s.ready, run) }
func (s *shuffled) Throughput() int     { return 300 }

func (s *shuffled) run() {
	for len(s.ready) > 0 {
		i := s.random.IntN(len(s.ready))
		next := s.ready[i]
		s.ready = slices.Delete(s.ready, i, i+1)
		next()
	}
}

// TestSeededDispatcherRepeatsAnInterleaving: with one dispatcher for all actors nothing else decides about their order.
func TestSeededDispatcherRepeatsAnInterleaving(t *testing.T) {
	bubble(t, func(t *testing.T) {
		trace := func(seed uint64) (order []int) {
			h, d := newHarness(t), &shuffled{random: rand.New(rand.NewPCG(seed, 0))}
			var all [4]*actor.PID
			for i := range all {
				all[i] = h.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
					if left, ok := ctx.Message().(int); ok && left > 0 {
						order = append(order, i)
						ctx.Send(all[(i+1)%len(all)], left-1)
						ctx.Send(all[(i+2)%len(all)], left-1)
					}
				}, actor.WithDispatcher(d)))
			}
			h.system.Root.Send(all[0], 6)
			d.run()
			for _, pid := range all {
				h.system.Root.Stop(pid)
			}
			d.run()
			return order
		}
		first := trace(1)
		if len(first) != 63 || !slices.Equal(first, trace(1)) {
			t.Errorf("one seed gave two orders; the first: %v", first)
		}
		if slices.Equal(first, trace(2)) {
			t.Error("another seed gave the same order")
		}
	})
}

// TestIdleActorCostsNoGoroutine, and a kilobyte at the most. It runs alone, since it counts those of the process.
func TestIdleActorCostsNoGoroutine(t *testing.T) {
	synctest.Test(t, idleActors)
}

func idleActors(t *testing.T) {
	h := newHarness(t)
	measure := func() (goroutines int, bytes int64) {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return runtime.NumGoroutine(), int64(stats.HeapAlloc)
	}
	const many = 10_000
	all := make([]*actor.PID, many)
	goroutines, bytes := measure()
	var started sync.WaitGroup
	started.Add(many)
	props := actor.PropsFromFunc(func(ctx actor.Context) {
		if _, ok := ctx.Message().(*actor.Started); ok {
			started.Done()
		}
	})
	for i := range all {
		all[i] = h.system.Root.Spawn(props)
		if i%100 == 0 { // or a busy machine begins thousands of goroutines at once, and the runtime keeps what it has made for them
			synctest.Wait()
		}
	}
	started.Wait()
	synctest.Wait() // until the goroutines that have started them have ended
	nowGoroutines, nowBytes := measure()
	if more, each := nowGoroutines-goroutines, (nowBytes-bytes)/many; more > many/100 || each > 1024 {
		t.Errorf("%d idle actors have %d goroutines, and %d bytes each", many, more, each)
	}
	for _, pid := range all {
		h.system.Root.Stop(pid)
	}
}
