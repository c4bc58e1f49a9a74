package actors_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// TestStatusSaysHowLongAShardWaits: its place among those of its key, and when it may Identify; nothing of that is left when it may.
func TestStatusSaysHowLongAShardWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newFleet(t, func(cfg *actors.SupervisorConfig) { observe(cfg, 2, func(string) {}) })
		h.ask(actors.StartShards{Total: 8})
		pass(3 * time.Second)
		expected := make(map[int]time.Time)
		for _, shard := range h.status().Shards {
			index := shard.Shard.Index
			if index < 2 {
				if shard.State != session.Ready || shard.Place != 0 || !shard.Expected.IsZero() {
					t.Errorf("shard %d is %v, place %d, expected %v", index, shard.State, shard.Place, shard.Expected)
				}
				continue
			}
			if shard.State != session.Queued || shard.Place != index/2 {
				t.Errorf("shard %d is %v, place %d", index, shard.State, shard.Place)
			}
			expected[index] = shard.Expected
		}
		pass(time.Minute)
		for _, shard := range h.status().Shards {
			if at, ok := expected[shard.Shard.Index]; ok {
				if late := shard.Since.Sub(at); shard.State != session.Ready || shard.Place != 0 || late < 0 || late > time.Second {
					t.Errorf("shard %d is %v, %v after it was expected", shard.Shard.Index, shard.State, late)
				}
			}
		}
	})
}

// TestLimiterThatPanicsCostsACall: the supervisor goes on, and what the call was for comes about a little later.
func TestLimiterThatPanicsCostsACall(t *testing.T) {
	for _, call := range []string{"Identify", "Connection", "Ask", "Withdraw", "Used", "Decide", "Update", "Work", "Forecasts", "Take", "Wrote", "Return"} {
		t.Run(call, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var begun atomic.Int64
				var times atomic.Int64
				var untold atomic.Bool
				h := newFleet(t, func(cfg *actors.SupervisorConfig) {
					observe(cfg, 1, func(called string) {
						if called == call && times.Add(1) <= 2 {
							untold.Store(call == "Update")
							panic("a bug in the limiter")
						}
						if called == "Decide" && untold.Load() {
							t.Error("it decides by what it was not told")
						}
						if called == "Update" {
							untold.Store(false)
						}
					})
					cfg.ShardProps = onShards(func(message string) {
						if message == "actors.admitted" {
							time.Sleep(10 * time.Millisecond)
						}
					})
				}, actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
					return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
						if _, ok := e.Message.(*actor.Started); ok {
							begun.Add(1)
						}
						next(ctx, e)
					}
				}))
				h.ask(actors.StartShards{Total: 3})
				pass(3 * time.Second)
				h.gateway.DropAll() // two of them wait
				pass(2 * time.Minute)
				p := h.probe()
				for index := range 3 {
					p.ask(h.supervisor, actors.SendEvent{Shard: h.id(index), Op: events.OpHeartbeat, Deadline: time.Now().Add(5 * time.Millisecond)})
				}
				for range 3 {
					expect[*actors.SendFailed](p, 5*time.Second)
				}
				for id := range uint64(3) {
					p.ask(h.supervisor, actors.SendEvent{ID: id, Shard: h.id(int(id)), Op: events.OpHeartbeat})
				}
				for range 3 {
					expect[*actors.EventSent](p, 5*time.Second)
				}
				pass(time.Second) // what was written is told a little later
				if times.Load() == 0 {
					t.Error("it was not called")
				}
				if s := h.gateway.Stats(); begun.Load() != 1 || h.status().Ready() != 3 || s.Identifies != 3 {
					t.Errorf("the supervisor began %d times, %d shards are ready, %+v", begun.Load(), h.status().Ready(), s)
				}
				h.gateway.RequireNoViolations(t)
			})
		})
	}
}

// TestNothingAskedForIsLostWithTheSupervisor: it crashes on a message about Identifies, and is resumed or restarted; all shards identify, each once.
func TestNothingAskedForIsLostWithTheSupervisor(t *testing.T) {
	for name, opts := range map[string][]actor.PropsOption{"resumed": {actor.WithGuardian(actors.Guardian())}, "restarted": nil} {
		for _, message := range []string{"actors.askIdentify", "actors.withdrawIdentify", "actors.identified", "actors.identifyNews", "actors.dueTick", "actors.shardUp"} {
			t.Run(name+" after "+message, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					var armed atomic.Bool
					var limiter *observed
					h := newFleet(t, func(cfg *actors.SupervisorConfig) { limiter = observe(cfg, 1, func(string) {}) }, append(opts, crashesOn(&armed, message))...)
					h.ask(actors.StartShards{Total: 3})
					armed.Store(message != "actors.withdrawIdentify")
					pass(3 * time.Second)
					armed.Store(armed.Load() || message == "actors.withdrawIdentify")
					if message == "actors.withdrawIdentify" {
						h.gateway.DropAll() // two of them wait
					}
					pass(17 * time.Second)
					if ready := h.status().Ready(); name == "resumed" && message != "actors.withdrawIdentify" && ready != 3 {
						t.Errorf("%d are ready when they might all be", ready)
					}
					pass(3 * time.Minute)
					ready, s, q := h.status().Ready(), h.gateway.Stats(), limiter.stats()
					most := map[string]int{"resumed": 3, "restarted": 4}[name] // it ends a shard that has no READY yet
					if armed.Load() || ready != 3 || s.Identifies < 3 || s.Identifies > most || q.Waiting != 0 || q.Outstanding != 0 {
						t.Errorf("%d are ready, %d Identifies, %+v; armed: %v", ready, s.Identifies, q, armed.Load())
					}
					if q.Spent != s.Identifies {
						t.Errorf("of %d Identifies %d are counted", s.Identifies, q.Spent)
					}
					h.gateway.RequireNoViolations(t)
				})
			})
		}
	}
}

// onShards is middleware of the shards' actors.
func onShards(before func(message string)) func(actors.Key) []actor.PropsOption {
	return func(actors.Key) []actor.PropsOption {
		return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
			return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
				before(fmt.Sprintf("%T", e.Message))
				next(ctx, e)
			}
		})}
	}
}

// TestIdentifyThatMayBeWrittenCounts: the shard crashes in the middle of the write.
func TestIdentifyThatMayBeWrittenCounts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed, done atomic.Bool
		var limiter *observed
		h := newFleet(t, func(cfg *actors.SupervisorConfig) {
			limiter = observe(cfg, 1, func(string) {})
			dial := cfg.NetDial
			cfg.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := dial(ctx, network, addr)
				return breaking{conn, &armed}, err
			}
			cfg.ShardProps = onShards(func(message string) { armed.Store(message == "actors.granted" && done.CompareAndSwap(false, true)) })
		})
		h.ask(actors.StartShards{Total: 1})
		pass(400 * time.Millisecond)
		if q := limiter.stats(); q.Spent != 1 || q.Outstanding != 0 || h.status().Shards[0].Crashes != 1 {
			t.Errorf("%+v, %+v", q, h.status())
		}
		pass(time.Minute)
		if q := limiter.stats(); q.Spent != 2 || h.status().Ready() != 1 {
			t.Errorf("in the end %+v, %+v", q, h.status())
		}
	})
}

// breaking ends the goroutine that writes to it, when armed: a crash of the actor, where a panic would be an error of the connection.
type breaking struct {
	net.Conn
	armed *atomic.Bool
}

func (b breaking) Write(p []byte) (int, error) {
	if b.armed.CompareAndSwap(true, false) {
		runtime.Goexit()
	}
	return b.Conn.Write(p)
}
