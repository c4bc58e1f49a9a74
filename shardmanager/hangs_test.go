package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestCloseEndsThoughWhatIsTheUsersHangs: a NetDial, and an HTTP transport, that heed no context are left behind.
func TestCloseEndsThoughWhatIsTheUsersHangs(t *testing.T) {
	for _, what := range []string{"NetDial", "the HTTP transport"} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				var hangs atomic.Bool
				let := make(chan struct{})
				t.Cleanup(func() { close(let); pass(time.Minute) })
				hang := func(of string) {
					if hangs.Load() && of == what {
						<-let
					}
				}
				m := newManager(t, g, shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
					hang("NetDial")
					return g.DialContext(ctx, network, addr)
				}), shardmanager.WithHTTPClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					hang("the HTTP transport")
					return g.Client().Transport.RoundTrip(r)
				})}))
				start(t, m)
				hangs.Store(true)
				g.ForgetSessions()
				g.Shard(0).Drop()
				pass(2 * time.Minute) // it dials, or asks where to
				began := time.Now()
				if err := m.Close(t.Context()); err != nil || time.Since(began) > 5*time.Second {
					t.Errorf("Close took %v: %v", time.Since(began), err)
				}
			})
		})
	}
}

// TestCloseEndsThoughACallbackHangs: one that the library calls on a shard's way, or beside it.
func TestCloseEndsThoughACallbackHangs(t *testing.T) {
	for _, what := range []string{"CoalesceBy", "a hook", "middleware", "a logger"} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				var hangs atomic.Bool
				let := make(chan struct{})
				t.Cleanup(func() { close(let); pass(time.Minute) })
				hang := func(of string) {
					if hangs.Load() && of == what {
						<-let
					}
				}
				core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), stuckSink(func() { hang("a logger") }), zap.DebugLevel)
				m := newManager(t, g, shardmanager.WithShards(1), shardmanager.WithLogger(zap.New(core)),
					shardmanager.WithHooks(changes(func(shardmanager.Change) { hang("a hook") })),
					shardmanager.WithActorProps(func(actors.Key) []actor.PropsOption {
						return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
							return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) { hang("middleware"); next(ctx, e) }
						})}
					}))
				shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) {},
					shardmanager.WithOverflow(shardmanager.CoalesceBy(func(events.Raw) string { hang("CoalesceBy"); return "" })))
				start(t, m)
				hangs.Store(true)
				g.Shard(0).Dispatch("X", 1)
				pass(time.Minute)
				begun := time.Now()
				if err := m.Close(t.Context()); err != nil || time.Since(begun) > 5*time.Second {
					t.Errorf("Close took %v: %v", time.Since(begun), err)
				}
			})
		})
	}
}

type stuckSink func()

func (s stuckSink) Write(p []byte) (int, error) { s(); return len(p), nil }
func (s stuckSink) Sync() error                 { return nil }

type roundTrip func(*http.Request) (*http.Response, error)

func (r roundTrip) RoundTrip(q *http.Request) (*http.Response, error) { return r(q) }

// TestStartEndsThoughTheClientHangs: a client that heeds no context is left behind, when Start's time is up and when Close is called.
func TestStartEndsThoughTheClientHangs(t *testing.T) {
	for _, closes := range []bool{false, true} {
		t.Run(fmt.Sprint(closes), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				let := make(chan struct{})
				t.Cleanup(func() { close(let); pass(time.Minute) })
				m := newManager(t, newGateway(t), shardmanager.WithHTTPClient(&http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
					<-let
					return nil, io.ErrUnexpectedEOF
				})}))
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				ended := make(chan error, 1)
				go func() { ended <- m.Start(ctx) }()
				began := time.Now()
				if closes {
					pass(time.Second)
					if err := m.Close(t.Context()); err != nil || time.Since(began) > 6*time.Second {
						t.Errorf("Close after %v: %v", time.Since(began), err)
					}
				}
				select {
				case err := <-ended:
					if closes != errors.Is(err, shardmanager.ErrClosed) || err == nil {
						t.Errorf("Start: %v", err)
					}
				case <-time.After(time.Minute):
					t.Error("Start hangs")
				}
			})
		})
	}
}

// TestCloseEndsThoughPropsHangInStart.
func TestCloseEndsThoughPropsHangInStart(t *testing.T) {
	for _, of := range []int{-1, 0} {
		t.Run(fmt.Sprint(of), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				let := make(chan struct{})
				t.Cleanup(func() { close(let); pass(time.Minute) })
				m := newManager(t, newGateway(t), shardmanager.WithActorProps(func(key actors.Key) []actor.PropsOption {
					if indexOf(key) == of {
						<-let
					}
					return nil
				}))
				ended := make(chan error, 1)
				go func() { ended <- m.Start(t.Context()) }()
				pass(time.Second)
				began := time.Now()
				closed := make(chan error, 1)
				go func() { closed <- m.Close(t.Context()) }()
				select {
				case err := <-closed:
					if err != nil || time.Since(began) > 16*time.Second {
						t.Errorf("Close after %v: %v", time.Since(began), err)
					}
				case <-time.After(time.Minute):
					t.Error("Close hangs")
				}
			})
		})
	}
}

// TestCloseWaitsForDialsThatEnd: a NetDial that takes a moment to give up has returned when Close has.
func TestCloseWaitsForDialsThatEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var dials, returned atomic.Int64
		m := newManager(t, newGateway(t), shardmanager.WithNetDial(func(ctx context.Context, _, _ string) (net.Conn, error) {
			dials.Add(1)
			<-ctx.Done()
			time.Sleep(time.Second)
			returned.Add(1)
			return nil, ctx.Err()
		}))
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		closeNow(t, m)
		if dials.Load() == 0 || returned.Load() != dials.Load() {
			t.Errorf("of %d dials %d have returned", dials.Load(), returned.Load())
		}
	})
}
