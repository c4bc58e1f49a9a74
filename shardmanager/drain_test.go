package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// busy starts a manager one of whose handlers, "archive", takes so long for each of so many events.
func busy(t *testing.T, g *gatewaytest.Server, each time.Duration, n int, opts ...shardmanager.Option) (*shardmanager.Manager, *[]int64) {
	t.Helper()
	m, handled := newManager(t, g, opts...), new([]int64)
	shardmanager.OnRaw(m, func(_ context.Context, _ events.Raw, at events.Meta) {
		time.Sleep(each)
		*handled = append(*handled, at.Seq)
	}, shardmanager.WithName("archive"), shardmanager.WithTypes("X"))
	start(t, m)
	for i := range n {
		g.Shard(0).Dispatch("X", i)
	}
	pass(time.Millisecond)
	return m, handled
}

// TestCloseDrains for ten seconds, or as long as WithDrain or the context's time allow, and counts and names what it had to cut off. What it cut
// off comes again.
func TestCloseDrains(t *testing.T) {
	for name, c := range map[string]struct {
		opts    []shardmanager.Option
		each    time.Duration
		timeout time.Duration // of Close's context; 0: none
		cut     string        // "": nothing
		within  time.Duration
	}{
		"in time":              {nil, time.Second, 0, "", 6 * time.Second},
		"by default":           {nil, 3 * time.Second, 0, "[{archive 1 1}]", 11 * time.Second},
		"WithDrain, longer":    {[]shardmanager.Option{shardmanager.WithDrain(time.Minute)}, 3 * time.Second, 0, "", 16 * time.Second},
		"WithDrain, shorter":   {[]shardmanager.Option{shardmanager.WithDrain(2 * time.Second)}, 3 * time.Second, 0, "[{archive 1 4}]", 3 * time.Second},
		"WithDrain(0)":         {[]shardmanager.Option{shardmanager.WithDrain(0)}, 3 * time.Second, 0, "[{archive 1 4}]", time.Second},
		"a context's deadline": {nil, 3 * time.Second, 6 * time.Second, "[{archive 1 3}]", 5 * time.Second},
		"a short deadline":     {nil, 3 * time.Second, time.Second, "[{archive 1 4}]", 900 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g, store := newGateway(t), session.NewMemoryStore()
				m, handled := busy(t, g, c.each, 5, append(c.opts, shardmanager.WithSessionStore(store))...)
				ctx, cancel := context.WithCancel(t.Context())
				if c.timeout > 0 {
					ctx, cancel = context.WithTimeout(t.Context(), c.timeout)
				}
				defer cancel()
				begun := time.Now()
				err := m.Close(ctx)
				if took := time.Since(begun); took > c.within || c.cut != "" && took < c.within-1500*time.Millisecond {
					t.Errorf("it took %v", took)
				}
				var cut *shardmanager.CutOffError
				if c.cut == "" {
					if err != nil || len(*handled) != 5 {
						t.Errorf("%d handled, %v", len(*handled), err)
					}
				} else if !errors.As(err, &cut) || fmt.Sprint(cut.Handlers) != c.cut || cut.Err != nil || !strings.Contains(err.Error(), "archive") || !strings.Contains(err.Error(), "WithDrain") {
					t.Errorf("%v", err)
				}
				if again := m.Close(t.Context()); again != nil != (err != nil) || err != nil && again.Error() != err.Error() {
					t.Errorf("Close again: %v", again)
				}
				pass(time.Minute)
				if saved, err := store.Load(t.Context(), events.ShardID{Total: 1}); err != nil || c.cut == "" && saved.Seq != 6 || c.cut != "" && saved.Seq >= 6 {
					t.Errorf("saved: %v, %v", saved, err)
				}
			})
		})
	}
}

// TestHandlersAreToldFirst: their context ends when Close begins, with the reason, and then they are waited for.
func TestHandlersAreToldFirst(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *gatewaytest.Server, *shardmanager.Manager) error{
		"Close":  func(t *testing.T, _ *gatewaytest.Server, m *shardmanager.Manager) error { return m.Close(t.Context()) },
		"Logout": func(t *testing.T, _ *gatewaytest.Server, m *shardmanager.Manager) error { return m.Logout(t.Context()) },
		"a fatal end": func(t *testing.T, g *gatewaytest.Server, m *shardmanager.Manager) error {
			g.Shard(0).Close(events.CloseAuthenticationFailed)
			<-m.Done()
			return m.Close(t.Context())
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				m := newManager(t, g)
				var told time.Time
				var why error
				done := false
				shardmanager.OnRaw(m, func(ctx context.Context, _ events.Raw, _ events.Meta) {
					<-ctx.Done()
					told, why = time.Now(), context.Cause(ctx)
					time.Sleep(5 * time.Second) // what it has begun
					done = true
				}, shardmanager.WithTypes("X"))
				start(t, m)
				g.Shard(0).Dispatch("X", 1)
				pass(time.Second)
				begun := time.Now()
				if err := end(t, g, m); err != nil || !done || told.Sub(begun) > 100*time.Millisecond {
					t.Errorf("%v, told after %v, done: %v", err, told.Sub(begun), done)
				}
				if !errors.Is(why, shardmanager.ErrClosed) || errors.Is(why, shardmanager.ErrAuthentication) != (name == "a fatal end") {
					t.Errorf("told why: %v", why)
				}
			})
		})
	}
}

// TestCloseWithAContextThatEndsSaysWhatIsLeft, at once, and goes on in the background.
func TestCloseWithAContextThatEndsSaysWhatIsLeft(t *testing.T) {
	for _, wait := range []time.Duration{0, 2 * time.Second} {
		bubble2(t, func(t *testing.T) {
			g := newGateway(t)
			m, _ := busy(t, g, 30*time.Second, 5)
			why := errors.New("the operator has no time")
			ctx, leave := context.WithCancelCause(t.Context())
			if wait == 0 {
				leave(why)
			}
			defer time.AfterFunc(wait, func() { leave(why) }).Stop()
			begun := time.Now()
			err := m.Close(ctx)
			var cut *shardmanager.CutOffError
			if !errors.As(err, &cut) || !errors.Is(err, why) || fmt.Sprint(cut.Handlers) != "[{archive 1 4}]" || time.Since(begun) > wait+time.Millisecond {
				t.Errorf("%v after %v", err, time.Since(begun))
			}
			<-m.Done()
			if took := time.Since(begun); took > wait+2*time.Second {
				t.Errorf("it went on for %v", took)
			}
			pass(time.Minute)
		})
	}
}

// TestConcurrentClosesReturnTheSame.
func TestConcurrentClosesReturnTheSame(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, _ := busy(t, newGateway(t), 30*time.Second, 3)
		var mu sync.Mutex
		var all []string
		var closers sync.WaitGroup
		for range 5 {
			closers.Go(func() {
				err := m.Close(t.Context())
				mu.Lock()
				defer mu.Unlock()
				all = append(all, fmt.Sprint(err))
			})
		}
		closers.Wait()
		if all = slices.Compact(all); len(all) != 1 || !strings.Contains(all[0], "archive (1 in hand, 2 waited)") {
			t.Errorf("%q", all)
		}
		pass(time.Minute)
	})
}

// TestCloseInAHandlerDoesNotWaitForIt, with whichever context, while it waits for the others. What waits for the handler itself is told.
func TestCloseInAHandlerDoesNotWaitForIt(t *testing.T) {
	for name, with := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"its own": func(ctx context.Context) (context.Context, context.CancelFunc) { return ctx, func() {} },
		"its own, with time": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Minute)
		},
		"another": func(context.Context) (context.Context, context.CancelFunc) { return context.Background(), func() {} },
	} {
		for _, more := range []int{0, 2} {
			t.Run(fmt.Sprint(name, more), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					g := newGateway(t)
					m := newManager(t, g)
					closed := make(chan error, 1)
					others := 0
					shardmanager.OnRaw(m, func(ctx context.Context, _ events.Raw, _ events.Meta) {
						time.Sleep(time.Second)
						ctx, cancel := with(ctx)
						defer cancel()
						closed <- m.Close(ctx)
					}, shardmanager.WithTypes("X"), shardmanager.WithName("closer"))
					shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) { time.Sleep(2 * time.Second); others++ }, shardmanager.WithTypes("X"))
					start(t, m)
					for i := range 1 + more {
						g.Shard(0).Dispatch("X", i)
					}
					begun := time.Now()
					err := <-closed
					if took := time.Since(begun); took > 9*time.Second || others != 1+more {
						t.Errorf("it took %v, and the others have handled %d", took, others)
					}
					var cut *shardmanager.CutOffError
					if more == 0 && err != nil || more > 0 && (!errors.As(err, &cut) || fmt.Sprint(cut.Handlers) != "[{closer 1 2}]") {
						t.Errorf("Close: %v", err)
					}
					<-m.Done()
				})
			})
		}
	}
}

// TestCloseSaysThatSessionsWereNotSaved.
func TestCloseSaysThatSessionsWereNotSaved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := &slowStore{Store: session.NewMemoryStore()}
		m := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, m)
		store.broken.Store(true)
		pass(20 * time.Second)
		var cut *shardmanager.CutOffError
		if err := m.Close(t.Context()); !errors.As(err, &cut) || cut.Unsaved == nil || cut.Handlers != nil || !strings.Contains(err.Error(), "not saved") {
			t.Errorf("Close: %v", err)
		}
		pass(time.Minute)
	})
}

// TestEventOfTheHandlerThatClosesMayComeTwice: it was begun, and is not handled as the session is saved.
func TestEventOfTheHandlerThatClosesMayComeTwice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, store := newGateway(t), session.NewMemoryStore()
		first := newManager(t, g, shardmanager.WithSessionStore(store))
		shardmanager.OnRaw(first, func(ctx context.Context, _ events.Raw, _ events.Meta) {
			if err := first.Close(ctx); err != nil {
				t.Errorf("Close: %v", err)
			}
		}, shardmanager.WithTypes("X"))
		start(t, first)
		g.Shard(0).Dispatch("X", 1)
		<-first.Done()
		pass(time.Second)
		again := make(chan events.Meta, 1)
		second := newManager(t, g, shardmanager.WithSessionStore(store))
		shardmanager.OnRaw(second, func(_ context.Context, _ events.Raw, at events.Meta) { again <- at }, shardmanager.WithTypes("X"))
		start(t, second)
		if at := <-again; !at.Redelivered {
			t.Errorf("it comes again: %+v", at)
		}
	})
}
