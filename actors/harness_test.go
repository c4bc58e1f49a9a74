package actors_test

import (
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// The harness of this package: actors in virtual time. The library's own testkit is not used: its probe's Receive waits
// when 100 messages are there, it gives an actor's context to other goroutines, and it cannot watch.

// bubble runs f in virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

// pass lets virtual time pass, and all that happens in it come to rest.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// harness is an actor system of one test, without a log. What was spawned through it is stopped when the test ends.
type harness struct {
	t      *testing.T
	system *actor.ActorSystem
}

func silentSystem() *actor.ActorSystem {
	return actor.NewActorSystem(actor.WithDeadLetterThrottleInterval(time.Millisecond),
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	h := &harness{t, silentSystem()}
	t.Cleanup(func() {
		h.system.Shutdown()
		time.Sleep(time.Second) // the throttle of dead letters has a goroutine for that long
	})
	return h
}

// spawn starts an actor.
func (h *harness) spawn(props *actor.Props) *actor.PID {
	h.t.Helper()
	pid := h.system.Root.Spawn(props)
	h.t.Cleanup(func() { h.stop(pid) })
	return pid
}

// stop stops an actor, and returns when it has ended.
func (h *harness) stop(pid *actor.PID) {
	h.t.Helper()
	if err := h.system.Root.StopFuture(pid).Wait(); err != nil {
		h.t.Errorf("%v does not stop: %v", pid, err)
	}
}

// probe is an actor that keeps what it is sent, for the test to look at in order.
type probe struct {
	*harness
	pid *actor.PID

	mu      sync.Mutex
	got     []any
	arrived chan struct{} // of capacity 1
}

type watch struct{ pid *actor.PID }

func (h *harness) probe() *probe {
	p := &probe{harness: h, arrived: make(chan struct{}, 1)}
	p.pid = h.spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *actor.Started, *actor.Stopping, *actor.Stopped:
		case watch:
			ctx.Watch(m.pid)
		default:
			p.mu.Lock()
			p.got = append(p.got, ctx.Message())
			p.mu.Unlock()
			select {
			case p.arrived <- struct{}{}:
			default:
			}
		}
	}))
	return p
}

// ask sends a message whose answer comes to the probe.
func (p *probe) ask(to *actor.PID, message any) {
	p.system.Root.RequestWithCustomSender(to, message, p.pid)
}

// watch has the probe sent *actor.Terminated when an actor ends.
func (p *probe) watch(pid *actor.PID) {
	p.system.Root.Send(p.pid, watch{pid})
	synctest.Wait()
}

// next takes the next message. nil: none came in time.
func (p *probe) next(within time.Duration) any {
	timeout := time.After(within)
	for {
		p.mu.Lock()
		if len(p.got) > 0 {
			first := p.got[0]
			p.got = p.got[1:]
			p.mu.Unlock()
			return first
		}
		p.mu.Unlock()
		select {
		case <-p.arrived:
		case <-timeout:
			return nil
		}
	}
}

// expect takes the next message, which must come in time and be a T.
func expect[T any](p *probe, within time.Duration) (message T) {
	p.t.Helper()
	got := p.next(within)
	if got == nil {
		p.t.Fatalf("no %T came within %v", message, within)
	}
	message, ok := got.(T)
	if !ok {
		p.t.Fatalf("a %T came, want %T: %+v", got, message, got)
	}
	return message
}

// expectNone lets time pass, in which no message may come.
func (p *probe) expectNone(during time.Duration) {
	p.t.Helper()
	pass(during)
	if got := p.next(0); got != nil {
		p.t.Fatalf("a %T came: %+v", got, got)
	}
}
