package shardmanager_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// misbehave is what code of the user's may do instead of returning, while it is armed.
type misbehave struct {
	armed atomic.Bool
	how   func()
	calls atomic.Int64
}

func (m *misbehave) maybe() {
	if m.armed.Load() {
		m.calls.Add(1)
		m.how()
	}
}

const secretPanic = "a bug that quotes token-of-the-bot"

// eachWay runs f with each way of not returning.
func eachWay(t *testing.T, f func(t *testing.T, bad *misbehave)) {
	t.Helper()
	for name, how := range map[string]func(){"panics": func() { panic(secretPanic) }, "calls Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { f(t, &misbehave{how: how}) })
		})
	}
}

// requirePanicError fails unless err says what has panicked, and not with what.
func requirePanicError(t *testing.T, err error, what string) {
	t.Helper()
	var panicked *shardmanager.PanicError
	if !errors.As(err, &panicked) || !strings.Contains(panicked.What, what) || strings.Contains(err.Error(), "token-of-the-bot") {
		t.Errorf("%v does not say that %q panicked, or says too much", err, what)
	}
}

type badStore struct {
	session.Store
	load, save, del *misbehave
}

func (s badStore) Load(ctx context.Context, id events.ShardID) (session.Snapshot, error) {
	s.load.maybe()
	return s.Store.Load(ctx, id)
}

func (s badStore) Save(ctx context.Context, all ...session.Snapshot) error {
	s.save.maybe()
	return s.Store.Save(ctx, all...)
}

func (s badStore) Delete(ctx context.Context, id events.ShardID) error {
	s.del.maybe()
	return s.Store.Delete(ctx, id)
}

// TestStoreThatDoesNotReturnCostsThatCall: it is told as a failure of the store, and what was not saved is saved later.
func TestStoreThatDoesNotReturnCostsThatCall(t *testing.T) {
	for _, what := range []string{"Save", "Delete"} {
		t.Run(what, func(t *testing.T) {
			eachWay(t, func(t *testing.T, bad *misbehave) {
				g := newGateway(t)
				store := badStore{session.NewMemoryStore(), new(misbehave), new(misbehave), new(misbehave)}
				if what == "Save" {
					store.save = bad
				} else {
					store.del = bad
				}
				m := newManager(t, g, shardmanager.WithShards(1), shardmanager.WithSessionStore(store))
				start(t, m)
				pass(2 * time.Second)
				bad.armed.Store(true)
				if what == "Save" {
					g.Shard(0).Drop()
				} else {
					g.Shard(0).InvalidSession(false)
					pass(10 * time.Millisecond)
					g.Outage(true)
				}
				pass(10 * time.Second)
				if bad.calls.Load() == 0 {
					t.Fatal("the store was not called")
				}
				requirePanicError(t, m.Persistence().Err, what)
				bad.armed.Store(false)
				g.Outage(false)
				pass(10 * time.Second)
				if p := m.Persistence(); p.Err != nil || time.Since(p.SavedAt) > 5*time.Second {
					t.Errorf("the store is not written to any more: %+v", p)
				}
			})
		})
	}
}

// TestStartThatMeetsAPanicEndsTheManager: the error says what panicked, and Close and Done do not wait for ever.
func TestStartThatMeetsAPanicEndsTheManager(t *testing.T) {
	eachWay(t, func(t *testing.T, bad *misbehave) {
		g := newGateway(t)
		bad.armed.Store(true)
		m := newManager(t, g, shardmanager.WithShards(1),
			shardmanager.WithSessionStore(badStore{session.NewMemoryStore(), bad, new(misbehave), new(misbehave)}))
		requirePanicError(t, m.Start(t.Context()), "Load")
		closeNow(t, m)
		<-m.Done()
	})
}

// TestActorPropsThatDoNotReturnEndStart: those of the supervisor are asked for by Start.
func TestActorPropsThatDoNotReturnEndStart(t *testing.T) {
	eachWay(t, func(t *testing.T, bad *misbehave) {
		g := newGateway(t)
		bad.armed.Store(true)
		m := newManager(t, g, shardmanager.WithShards(1), shardmanager.WithActorProps(func(key actors.Key) []actor.PropsOption {
			bad.maybe()
			return nil
		}))
		requirePanicError(t, m.Start(t.Context()), "WithActorProps")
		closeNow(t, m)
	})
}

type badTransport struct {
	http.RoundTripper
	bad *misbehave
}

func (b badTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	b.bad.maybe()
	return b.RoundTripper.RoundTrip(r)
}

// TestHTTPClientThatDoesNotReturnCostsThatQuestion: shards go on with what discovery said before.
func TestHTTPClientThatDoesNotReturnCostsThatQuestion(t *testing.T) {
	eachWay(t, func(t *testing.T, bad *misbehave) {
		g := newGateway(t)
		client := *g.Client()
		client.Transport = badTransport{client.Transport, bad}
		m := newManager(t, g, shardmanager.WithShards(1), shardmanager.WithHTTPClient(&client))
		start(t, m)
		bad.armed.Store(true)
		g.OutageAt(g.ResumeURL, true)
		g.DropAll()
		pass(5 * time.Minute)
		if bad.calls.Load() < 2 {
			t.Errorf("it was asked %d times: the refresher has ended", bad.calls.Load())
		}
		g.OutageAt(g.ResumeURL, false)
		pass(time.Minute)
		if m.Status().Ready() != 1 {
			t.Errorf("%+v", m.Status())
		}
	})
}

// TestHTTPClientThatDoesNotReturnIsToldByStart: when Start has no more time.
func TestHTTPClientThatDoesNotReturnIsToldByStart(t *testing.T) {
	eachWay(t, func(t *testing.T, bad *misbehave) {
		g := newGateway(t)
		client := *g.Client()
		client.Transport = badTransport{client.Transport, bad}
		bad.armed.Store(true)
		m := newManager(t, g, shardmanager.WithShards(1), shardmanager.WithHTTPClient(&client))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := m.Start(ctx)
		requirePanicError(t, err, "WithHTTPClient")
		if bad.calls.Load() < 2 {
			t.Errorf("it was asked %d times", bad.calls.Load())
		}
	})
}

// TestNetDialThatDoesNotReturnCostsThatDial: the shard dials again, and the change of state says why.
func TestNetDialThatDoesNotReturnCostsThatDial(t *testing.T) {
	eachWay(t, func(t *testing.T, bad *misbehave) {
		g := newGateway(t)
		m := newManager(t, g, shardmanager.WithShards(1), shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			bad.maybe()
			return g.DialContext(ctx, network, addr)
		}))
		start(t, m)
		bad.armed.Store(true)
		g.Shard(0).Drop()
		pass(10 * time.Second)
		requirePanicError(t, m.Status().Shards[0].Cause, "NetDial")
		bad.armed.Store(false)
		pass(time.Minute)
		if m.Status().Ready() != 1 {
			t.Errorf("%+v", m.Status())
		}
	})
}

// badConn is a connection of the user's.
type badConn struct {
	net.Conn
	read, write, end *misbehave
}

func (c badConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.maybe()
	return n, err
}

func (c badConn) Write(p []byte) (int, error) {
	c.write.maybe()
	return c.Conn.Write(p)
}

func (c badConn) Close() error {
	err := c.Conn.Close()
	c.end.maybe()
	return err
}

// TestConnectionThatDoesNotReturnIsLost: a connection that NetDial returned, and whose methods panic, costs itself: the session resumes on another.
func TestConnectionThatDoesNotReturnIsLost(t *testing.T) {
	for _, what := range []string{"Read", "Write", "Close"} {
		t.Run(what, func(t *testing.T) {
			eachWay(t, func(t *testing.T, bad *misbehave) {
				g := newGateway(t)
				m := newManager(t, g, shardmanager.WithShards(2), shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
					raw, err := g.DialContext(ctx, network, addr)
					c := badConn{raw, new(misbehave), new(misbehave), new(misbehave)}
					switch what {
					case "Read":
						c.read = bad
					case "Write":
						c.write = bad
					case "Close":
						c.end = bad
					}
					return c, err
				}))
				start(t, m)
				bad.armed.Store(true)
				g.DropAll()
				pass(2 * time.Minute)
				if bad.calls.Load() == 0 {
					t.Fatal("it was not called")
				}
				bad.armed.Store(false)
				pass(5 * time.Minute)
				if m.Status().Ready() != 2 {
					t.Errorf("%+v", m.Status())
				}
			})
		})
	}
}

// TestKeyOfCoalesceThatDoesNotReturnCostsTheKey: the event is handled, and the connection goes on.
func TestKeyOfCoalesceThatDoesNotReturnCostsTheKey(t *testing.T) {
	eachWay(t, func(t *testing.T, bad *misbehave) {
		g := newGateway(t)
		m := newManager(t, g, shardmanager.WithShards(1))
		var handled atomic.Int64
		shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) { handled.Add(1) },
			shardmanager.WithOverflow(shardmanager.CoalesceBy(func(events.Raw) string { bad.maybe(); return "key" })))
		start(t, m)
		pass(time.Second)
		before := handled.Load()
		bad.armed.Store(true)
		for range 10 {
			g.Shard(0).Dispatch(events.TypeTypingStart, struct{}{})
		}
		pass(time.Second)
		if n := handled.Load() - before; bad.calls.Load() != 10 || n != 10 || g.Stats().Connections != 1 {
			t.Errorf("of 10 events, with %d calls for a key, %d were handled, on %d connections", bad.calls.Load(), n, g.Stats().Connections)
		}
	})
}
