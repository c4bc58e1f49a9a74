package shardmanager_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestAdoptEndsWithTheManager: also where the store does not answer, and behind that, where it waits for its turn.
func TestAdoptEndsWithTheManager(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
		gate := make(chan struct{})
		defer close(gate)
		store := newMoody()
		store.mood("Load", func() error { <-gate; return nil })
		m := standby(t, g, shardmanager.WithSessionStore(store))
		ended := make(chan error, 2)
		for index := range 2 {
			go func() {
				ended <- m.Adopt(context.Background(), session.Snapshot{Shard: events.ShardID{Index: index, Total: 2}, Fence: uint64(time.Now().UnixMicro())})
			}()
		}
		pass(time.Minute)
		closeNow(t, m)
		pass(time.Second)
		for range 2 {
			select {
			case err := <-ended:
				if !errors.Is(err, shardmanager.ErrClosed) {
					t.Errorf("Adopt: %v", err)
				}
			default:
				t.Error("Adopt has not returned, and the Manager has")
			}
		}
	})
}

// TestSnapshotIsAdoptedWhenTheSupervisorIsWell: that it has crashed on it, again and again, changes nothing, though the store was told.
func TestSnapshotIsAdoptedWhenTheSupervisorIsWell(t *testing.T) {
	for name, of := range map[string]func(session.Store) session.Store{
		"a claimer": func(s session.Store) session.Store { return s },
		"none":      func(s session.Store) session.Store { return plain{s} },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				store := of(session.NewMemoryStore())
				old := newManager(t, g, shardmanager.WithSessionStore(store))
				start(t, old)
				snapshot, err := old.Release(t.Context(), 0)
				if err != nil {
					t.Fatal(err)
				}
				var left atomic.Int32
				left.Store(3)
				next := standby(t, g, shardmanager.WithSessionStore(store), shardmanager.WithActorProps(func(actors.Key) []actor.PropsOption {
					return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
						return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
							if _, ok := e.Message.(actors.AdoptShard); ok && left.Add(-1) >= 0 {
								panic("a bug in the supervisor")
							}
							next(ctx, e)
						}
					})}
				}))
				if err := next.Adopt(t.Context(), snapshot); !errors.Is(err, actors.ErrCrashed) {
					t.Errorf("Adopt, of which nothing comes: %v", err)
				}
				pass(5 * time.Second)
				if s := g.Stats(); s.Live != 0 {
					t.Errorf("it runs: %+v", s)
				}
				if err := next.Adopt(t.Context(), snapshot); err != nil {
					t.Fatalf("Adopt: %v", err)
				}
				pass(5 * time.Second)
				if s := g.Stats(); s.Live != 1 || s.Resumes != 1 || s.Identifies != 1 || next.Persistence().Fenced != 0 {
					t.Errorf("%+v, %+v", s, next.Persistence())
				}
			})
		})
	}
}

// TestWhoCannotTakeOverEndsWithTheCause: it does not stand by as if all shards were its own, which go on where they are.
func TestWhoCannotTakeOverEndsWithTheCause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, at := newGateway(t, gatewaytest.WithShards(2)), new(meeting)
		old := newManager(t, g, shardmanager.WithPlace(at.spot()))
		start(t, old)
		next := newManager(t, g, shardmanager.WithPlace(at.spot()), shardmanager.WithActorProps(func(actors.Key) []actor.PropsOption {
			return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
				return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
					if _, ok := e.Message.(actors.AdoptShard); ok {
						panic("a bug in the supervisor")
					}
					next(ctx, e)
				}
			})}
		}))
		if err := next.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		select {
		case <-next.Done():
		case <-time.After(5 * time.Minute):
			t.Fatal("it goes on")
		}
		if err := next.Err(); err == nil || !strings.Contains(err.Error(), "0 of 2 shards were taken over") {
			t.Error(err)
		}
		if pass(time.Minute); old.Status().Ready() != 2 {
			t.Errorf("%d are ready where they were", old.Status().Ready())
		}
	})
}

// TestNoVerbRunsAShardOfAnotherProcess: it waits to be adopted, and then it can be.
func TestNoVerbRunsAShardOfAnotherProcess(t *testing.T) {
	for _, stored := range []bool{true, false} {
		for name, verb := range map[string]func(*shardmanager.Manager, context.Context, ...int) error{
			"Unpause": (*shardmanager.Manager).Unpause, "Pause": (*shardmanager.Manager).Pause, "Drain": (*shardmanager.Manager).Drain,
		} {
			t.Run(fmt.Sprintf("%s, stored %v", name, stored), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					g := newGateway(t)
					var opts []shardmanager.Option
					if stored {
						opts = append(opts, shardmanager.WithSessionStore(session.NewMemoryStore()))
					}
					old := newManager(t, g, opts...)
					start(t, old)
					pass(time.Second)
					next := standby(t, g, opts...)
					var refused *actors.PlanError
					if err := verb(next, t.Context(), 0); !errors.As(err, &refused) {
						t.Errorf("%s: %v", name, err)
					}
					pass(time.Minute)
					if s := g.Stats(); s.Connections != 1 || s.Identifies != 1 {
						t.Errorf("it runs in both: %+v", s)
					}
					snapshot, err := old.Release(t.Context(), 0)
					if err != nil {
						t.Fatal(err)
					}
					if err := next.Adopt(t.Context(), snapshot); err != nil {
						t.Errorf("Adopt: %v", err)
					}
					pass(5 * time.Second)
					if s := g.Stats(); s.Live != 1 || s.Resumes != 1 {
						t.Errorf("%+v", s)
					}
				})
			})
		}
	}
}

// TestShardThatWasGivenAwayByHandIsNotHandedOver: who follows takes the others, and who has it goes on.
func TestShardThatWasGivenAwayByHandIsNotHandedOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const shards = 4
		g := newGateway(t, gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(shards))
		store, at := shardmanager.WithSessionStore(session.NewMemoryStore()), new(meeting)
		old := newManager(t, g, store, shardmanager.WithPlace(at.spot()))
		start(t, old)
		pass(3 * time.Second)
		away := standby(t, g, store)
		snapshot, err := old.Release(t.Context(), 1)
		if err == nil {
			err = away.Adopt(t.Context(), snapshot)
		}
		if err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		next := newManager(t, g, store, shardmanager.WithPlace(at.spot()))
		if err := next.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if err := old.Err(); !errors.Is(err, shardmanager.ErrHandedOver) || next.Err() != nil {
			t.Errorf("who was followed ends with %v, and who follows with %v", err, next.Err())
		}
		if a, n := away.Status().Ready(), next.Status().Ready(); a != 1 || n != shards-1 || away.Persistence().Fenced != 0 {
			t.Errorf("%d are ready where one was given by hand, %+v, and %d with who follows", a, away.Persistence(), n)
		}
		if s := g.Stats(); s.Identifies != shards || s.Resumes != shards || s.Live != shards {
			t.Errorf("%+v", s)
		}
	})
}

// TestHandoverDoesNotFailByHandlersThatTakeLong, and may with WithDrain: what they have in hand comes again where the shard runs then.
func TestHandoverDoesNotFailByHandlersThatTakeLong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
		store, at := shardmanager.WithSessionStore(session.NewMemoryStore()), new(meeting)
		old := newManager(t, g, store, shardmanager.WithPlace(at.spot()), shardmanager.WithDrain(10*time.Minute))
		xsOf(old, 5*time.Minute)
		start(t, old)
		seq := g.Shard(0).Dispatch("X", 1)
		pass(time.Second)
		next := newManager(t, g, store, shardmanager.WithPlace(at.spot()))
		then := xsOf(next, 0)
		start(t, next)
		pass(10 * time.Minute)
		if err := old.Err(); !errors.Is(err, shardmanager.ErrHandedOver) {
			t.Errorf("who was followed ends with %v", err)
		}
		if then.String() != fmt.Sprint([]int64{-seq}) {
			t.Errorf("there came %v, want %d with Redelivered", then, seq)
		}
		if s := g.Stats(); s.Identifies != 2 || s.Live != 2 {
			t.Errorf("%+v", s)
		}
	})
}

// TestHandoverThatAReshardForestalls: nothing was given, so nothing is taken back; and when the reshard is over a process can follow, with as many shards.
func TestHandoverThatAReshardForestalls(t *testing.T) {
	for name, c := range map[string]struct {
		shard int // that is asked for
		over  bool
	}{"one that stays": {shard: 0}, "one that is no more then": {shard: 3}, "one that is no more": {shard: 3, over: true}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(4), gatewaytest.WithGuilds(guildIDs(6)...), gatewaytest.WithMaxConcurrency(16))
				at := new(meeting)
				old := newManager(t, g, shardmanager.WithPlace(at.spot()))
				start(t, old)
				over := make(chan struct{})
				reshard := func() {
					defer close(over)
					if err := old.Reshard(context.Background(), 2, shardmanager.WithRetirement(0)); err != nil {
						t.Error(err)
					}
				}
				if c.over {
					go reshard()
					pass(time.Minute)
				}
				conn, err := at.spot().Dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				answers := bufio.NewReader(conn)
				if offer, err := answers.ReadString('\n'); err != nil || !strings.Contains(offer, `"Shards":[0,1,2,3]`) {
					t.Fatalf("%q, %v", offer, err)
				}
				if c.over {
					<-over
				} else {
					go reshard()
				}
				pass(time.Second)
				_, _ = fmt.Fprintf(conn, `{"Kind":"take","Shard":%d}`+"\n", c.shard)
				if answer, err := answers.ReadString('\n'); err != nil || !strings.Contains(answer, `"Kind":"refusal"`) {
					t.Errorf("%q, %v", answer, err)
				}
				<-over
				pass(time.Minute)
				if s := g.Stats(); s.Resumes != 0 {
					t.Errorf("shards that were not given were away: %+v", s)
				}
				next := newManager(t, g, shardmanager.WithPlace(at.spot()))
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := next.Start(ctx); err != nil {
					t.Fatalf("nobody can follow any more: %v", err)
				}
				pass(time.Minute)
				if n := next.Status().Ready(); n != 2 || !errors.Is(old.Err(), shardmanager.ErrHandedOver) {
					t.Errorf("%d shards are ready with who follows; who was followed ends with %v", n, old.Err())
				}
			})
		})
	}
}
