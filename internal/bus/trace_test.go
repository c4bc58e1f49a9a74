package bus_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
)

type mark struct{}

// tracer notes what it is told. What it does beside that, a test says.
type tracer struct {
	mu   sync.Mutex
	said []string

	receive, handle, end func()
	skips, plain         bool
}

func (r *tracer) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func do(f func()) {
	if f != nil {
		f()
	}
}

func (r *tracer) Receive(ctx context.Context, t events.Type, meta events.Meta) context.Context {
	r.say("receive %s %d", t, meta.Seq)
	do(r.receive)
	if r.skips {
		return nil
	}
	return context.WithValue(ctx, mark{}, "event")
}

func (r *tracer) Handle(ctx context.Context, handler string, _ events.Type, meta events.Meta) (context.Context, func(bool)) {
	r.say("handle %d by %s in %v", meta.Seq, handler, ctx.Value(mark{}))
	do(r.handle)
	if r.plain {
		return nil, nil
	}
	return context.WithValue(ctx, mark{}, handler), func(panicked bool) {
		r.say("end %d by %s %v", meta.Seq, handler, panicked)
		do(r.end)
	}
}

// TestFollowedToEachHandler: an event is received once for all its handlers, and each has its own context and end.
func TestFollowedToEachHandler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg, r := silent(), new(tracer)
		cfg.Tracer = r
		b := bus.New(cfg)
		for _, name := range []string{"a", "b"} {
			b.Subscribe(bus.Subscription{Name: name, Handle: func(ctx context.Context, _ any, m events.Meta) {
				r.say("%s has %v", name, ctx.Value(mark{}))
				if m.Seq == 2 && name == "b" {
					panic("boom")
				}
				if m.Seq == 3 && name == "b" {
					runtime.Goexit()
				}
			}})
		}
		for seq := range int64(3) {
			post(b, events.Raw{Type: "X"}, at(0, seq+1))
			synctest.Wait()
		}
		if cut := b.Close(t.Context()); cut != nil {
			t.Error(cut)
		}
		slices.Sort(r.said)
		want := []string{
			"a has a", "a has a", "a has a", "b has b", "b has b", "b has b",
			"end 1 by a false", "end 1 by b false", "end 2 by a false", "end 2 by b true", "end 3 by a false", "end 3 by b true",
			"handle 1 by a in event", "handle 1 by b in event", "handle 2 by a in event", "handle 2 by b in event", "handle 3 by a in event", "handle 3 by b in event",
			"receive X 1", "receive X 2", "receive X 3",
		}
		if !slices.Equal(r.said, want) {
			t.Errorf("got  %q\nwant %q", r.said, want)
		}
		if session, seq := settled(b, 0); session != 1 || seq != 3 {
			t.Errorf("settled: session %d up to %d", session, seq)
		}
	})
}

// TestWhatIsNotFollowedIsHandled: with a context that no tracer has seen.
func TestWhatIsNotFollowedIsHandled(t *testing.T) {
	t.Parallel()
	cfg, r := silent(), &tracer{skips: true}
	cfg.Tracer = r
	b := bus.New(cfg)
	handled := 0
	b.Subscribe(bus.Subscription{Handle: func(ctx context.Context, _ any, _ events.Meta) {
		if handled++; ctx.Value(mark{}) != nil {
			t.Error("the context is a tracer's")
		}
	}})
	for seq := range int64(3) {
		post(b, events.Raw{Type: "X"}, at(0, seq+1))
	}
	if cut := b.Close(t.Context()); cut != nil || handled != 3 {
		t.Error(cut, handled)
	}
	if want := []string{"receive X 1", "receive X 2", "receive X 3"}; !slices.Equal(r.said, want) {
		t.Errorf("%q", r.said)
	}
}

// TestHandlerHasTheContextOfItsEvent, where the tracer has none for it alone, or fails before it does.
func TestHandlerHasTheContextOfItsEvent(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*tracer{
		"none for the handler": {plain: true},
		"panics":               {handle: func() { panic("boom") }},
		"ends its goroutine":   {handle: runtime.Goexit},
	} {
		cfg := silent()
		cfg.Tracer, cfg.TracerPanicked = r, func(error) {}
		b := bus.New(cfg)
		for _, handler := range []string{"a", "b"} {
			b.Subscribe(bus.Subscription{Name: handler, Handle: func(ctx context.Context, _ any, _ events.Meta) {
				r.say("%s has %v", handler, ctx.Value(mark{}))
			}})
		}
		post(b, events.Raw{Type: "X"}, at(0, 1))
		if cut := b.Close(t.Context()); cut != nil {
			t.Error(cut)
		}
		slices.Sort(r.said)
		if want := []string{"a has event", "b has event", "handle 1 by a in event", "handle 1 by b in event", "receive X 1"}; !slices.Equal(r.said, want) {
			t.Errorf("%s: %q, want %q", name, r.said, want)
		}
	}
}

// TestTracerCostsNoHandlerItsEvent, whatever it does, and where: each event is handled once, and none is said to have panicked.
func TestTracerCostsNoHandlerItsEvent(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"receive", "handle", "end"} {
		for what, do := range map[string]func(){"panics": func() { panic("boom") }, "ends its goroutine": runtime.Goexit} {
			for _, workers := range []int{1, 4} {
				t.Run(fmt.Sprintf("%s %s, %d workers", where, what, workers), func(t *testing.T) {
					t.Parallel()
					cfg, r := silent(), new(tracer)
					switch where {
					case "receive":
						r.receive = do
					case "handle":
						r.handle = do
					case "end":
						r.end = do
					}
					var mu sync.Mutex
					failed, handled := 0, make(map[int64]int)
					cfg.Tracer = r
					cfg.TracerPanicked = func(error) { mu.Lock(); failed++; mu.Unlock() }
					cfg.Panicked = func(handler string, _ *events.Raw, m events.Meta, value any) {
						t.Errorf("%s, %d: %v", handler, m.Seq, value)
					}
					b := bus.New(cfg)
					b.Subscribe(bus.Subscription{Workers: workers, Handle: func(_ context.Context, _ any, m events.Meta) {
						if !bus.InHandler() {
							t.Error("the handler is called by nobody")
						}
						mu.Lock()
						handled[m.Seq]++
						mu.Unlock()
					}})
					const n = 50
					for seq := range int64(n) {
						post(b, events.Raw{Type: "X"}, at(0, seq+1))
					}
					if cut := b.Close(t.Context()); cut != nil {
						t.Error(cut)
					}
					for seq := range int64(n) {
						if handled[seq+1] != 1 {
							t.Errorf("event %d handled %d times", seq+1, handled[seq+1])
						}
					}
					if _, seq := settled(b, 0); failed != n || seq != n {
						t.Errorf("%d failures, settled up to %d", failed, seq)
					}
				})
			}
		}
	}
}

// TestHandlerPanicsAfterATracer: what a handler panics with is told as ever, also where the tracer has ended the goroutine before.
func TestHandlerPanicsAfterATracer(t *testing.T) {
	t.Parallel()
	for what, do := range map[string]func(){"nothing": nil, "panics": func() { panic("the tracer's") }, "ends its goroutine": runtime.Goexit} {
		cfg := silent()
		var values []any
		cfg.Tracer, cfg.TracerPanicked = &tracer{handle: do}, func(error) {}
		cfg.Panicked = func(_ string, _ *events.Raw, _ events.Meta, value any) { values = append(values, value) }
		b := bus.New(cfg)
		b.Subscribe(bus.Subscription{Handle: func(context.Context, any, events.Meta) { panic("the handler's") }})
		for seq := range int64(3) {
			post(b, events.Raw{Type: "X"}, at(0, seq+1))
		}
		if cut := b.Close(t.Context()); cut != nil || !slices.Equal(values, []any{"the handler's", "the handler's", "the handler's"}) {
			t.Errorf("%s: %v, %v", what, cut, values)
		}
	}
}
