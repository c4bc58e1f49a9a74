package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
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

// TestStartThatFailsBeforeAReshardGoesOnEnds: what was begun for the reshard ends as well, and nothing waits for it.
func TestStartThatFailsBeforeAReshardGoesOnEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guildIDs(4)...), gatewaytest.WithMaxConcurrency(16))
		store := session.NewMemoryStore()
		note := `{"Version":1,"From":{"Total":2},"To":{"Total":3,"Generation":1},"Cuts":[{"G":"1","O":1,"N":1}]}`
		if err := store.(session.Notebook).SaveNote(t.Context(), []byte(note)); err != nil {
			t.Fatal(err)
		}
		m := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithPlace(&lostSpot{spot: new(meeting).spot(), deaf: true}))
		ended := make(chan error, 1)
		go func() { ended <- m.Start(t.Context()) }()
		pass(time.Minute)
		select {
		case err := <-ended:
			if !errors.Is(err, errDisk) {
				t.Errorf("Start: %v", err)
			}
		default:
			t.Errorf("Start has not returned; phase %v", m.Phase())
		}
	})
}

// forgetful is a store that does not keep for a while that a reshard is over.
type forgetful struct {
	session.Store
	fails atomic.Bool
}

func (f *forgetful) LoadNote(ctx context.Context) ([]byte, error) {
	return f.Store.(session.Notebook).LoadNote(ctx)
}

func (f *forgetful) SaveNote(ctx context.Context, note []byte) error {
	if f.fails.Load() && strings.Contains(string(note), `"Done":true`) {
		return errDisk
	}
	return f.Store.(session.Notebook).SaveNote(ctx, note)
}

// TestReshardIsNotedAsOverWhenTheNotebookIsBack: the process that follows does not go on with what ended an hour ago.
func TestReshardIsNotedAsOverWhenTheNotebookIsBack(t *testing.T) {
	for name, within := range map[string]time.Duration{"an hour before the end": time.Hour, "as it ends": 0} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guildIDs(6)...), gatewaytest.WithMaxConcurrency(16))
				store := &forgetful{Store: session.NewMemoryStore()}
				store.fails.Store(true)
				m := newManager(t, g, shardmanager.WithShards(2), shardmanager.WithSessionStore(store))
				start(t, m)
				if err := m.Reshard(t.Context(), 3); err != nil {
					t.Fatal(err)
				}
				store.fails.Store(false)
				pass(within)
				closeNow(t, m)
				spent := g.Stats().Identifies
				next := newManager(t, g, shardmanager.WithSessionStore(store))
				start(t, next)
				pass(time.Minute)
				p, begun := next.Resharding()
				if s := g.Stats(); begun || next.Status().Total != 3 || s.Identifies != spent {
					t.Errorf("it reshards: %v, %v; %d shards, %d identifies", begun, p, next.Status().Total, s.Identifies-spent)
				}
			})
		})
	}
}

// slowAnswers is an HTTP client whose answers take a while.
type slowAnswers struct{ http.RoundTripper }

func (s slowAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(2 * time.Second)
	return s.RoundTripper.RoundTrip(r)
}

// TestWaitReadyWaitsForTheHandOverThatIsNotBegunYet: asked while Start goes on, it waits for all shards all the same.
func TestWaitReadyWaitsForTheHandOverThatIsNotBegunYet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := followedGateway(t)
		store := shardmanager.WithSessionStore(session.NewMemoryStore())
		at := new(meeting)
		old := newManager(t, g, store, shardmanager.WithPlace(at.spot()))
		shardmanager.OnRaw(old, func(context.Context, events.Raw, events.Meta) { time.Sleep(4 * time.Second) }, shardmanager.WithTypes("X"))
		start(t, old)
		client := *g.Client()
		client.Transport = slowAnswers{client.Transport}
		next := newManager(t, g, store, shardmanager.WithPlace(at.spot()), shardmanager.WithHTTPClient(&client))
		began := make(chan error, 1)
		go func() { began <- next.Start(t.Context()) }()
		pass(time.Second)
		time.AfterFunc(900*time.Millisecond, func() { g.Shard(5).Dispatch("X", 1) })
		if err := next.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := next.Status().Ready(); n != followed {
			t.Errorf("%d of %d are ready", n, followed)
		}
		if err := <-began; err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
	})
}

// TestProcessThatIsClosedOnTheWayBackLeavesNothingToComeTwice, as one that is closed on the way there.
func TestProcessThatIsClosedOnTheWayBackLeavesNothingToComeTwice(t *testing.T) {
	for k := range 4 {
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				guilds := guildIDs(10)
				g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guilds...), gatewaytest.WithMaxConcurrency(16))
				store, came := session.NewMemoryStore(), newArrivals()
				m, _ := runProcess(t, g, store, came, 2)
				start(t, m)
				stop := make(chan struct{})
				end := sync.OnceFunc(func() { close(stop) })
				t.Cleanup(end)
				said := chat(g.World(), guilds, stop)
				done := make(chan error, 1)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				go func() { done <- m.Reshard(ctx, 3) }()
				for p, _ := m.Resharding(); p.Cut < len(guilds)/2; p, _ = m.Resharding() {
					time.Sleep(50 * time.Millisecond)
				}
				cancel()
				back := func() (n int) {
					for _, of := range guilds {
						if key, _ := m.OwnerOf(of); key.Shard.Total == 2 {
							n++
						}
					}
					return n
				}
				for back() > 0 {
					time.Sleep(50 * time.Millisecond)
				}
				for back() < len(guilds)/2 {
					time.Sleep(50 * time.Millisecond)
				}
				time.Sleep(time.Duration(450+k*90) * time.Millisecond)
				closeNow(t, m)
				if err := <-done; err == nil {
					t.Fatal("the reshard was over before")
				}
				m, _ = runProcess(t, g, store, came, 2)
				start(t, m)
				if p, goesOn := m.Resharding(); !goesOn || p.To != 2 {
					t.Errorf("it does not go on: %v", p)
				}
				pass(3 * time.Minute)
				end()
				counts := said()
				pass(10 * time.Second)
				came.once(t, counts)
				for name, n := range came.all {
					if n > 1 || came.fresh[name] != 1 {
						t.Errorf("message %s came %d times, %d of them unflagged: %v", name, n, came.fresh[name], came.how[name])
					}
				}
				closeNow(t, m)
			})
		})
	}
}

// TestPresenceThatIsSetAsTheNewShardsTakeTheirPlaceIsShown by them, though the old ones were slow to say where the bot is.
func TestPresenceThatIsSetAsTheNewShardsTakeTheirPlaceIsShown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guildIDs(8)...), gatewaytest.WithMaxConcurrency(16))
		var m *shardmanager.Manager
		var once atomic.Bool
		set := make(chan struct{})
		m = newManager(t, g, shardmanager.WithShards(2), shardmanager.WithActorProps(func(actors.Key) []actor.PropsOption {
			return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
				return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
					if fmt.Sprintf("%T", e.Message) == "actors.sayVoices" {
						if once.CompareAndSwap(false, true) {
							go func() {
								defer close(set)
								all, err := m.SetPresence(context.Background(), events.UpdatePresence{Status: events.StatusDoNotDisturb})
								if err != nil {
									t.Error(err)
								}
								for _, each := range all {
									if each.Err != nil || each.Shard.Total != 2 {
										t.Error(each)
									}
								}
							}()
							time.Sleep(time.Second)
						}
					}
					next(ctx, e)
				}
			})}
		}))
		start(t, m)
		if err := m.Reshard(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		<-set
		pass(time.Minute)
		for i := range 3 {
			if len(presencesOf(g, events.ShardID{Index: i, Total: 3})) == 0 {
				t.Errorf("shard %d of 3 does not show it", i)
			}
		}
	})
}

// TestReshardIsRefusedIfAShardWasReleasedMeanwhile, while Discord was asked for the budget: it may run elsewhere by now.
func TestReshardIsRefusedIfAShardWasReleasedMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guildIDs(8)...), gatewaytest.WithMaxConcurrency(16))
		client := *g.Client()
		client.Transport = slowAnswers{client.Transport}
		m := newManager(t, g, shardmanager.WithShards(2), shardmanager.WithHTTPClient(&client))
		start(t, m)
		spent := g.Stats().Identifies
		time.AfterFunc(time.Second, func() {
			if _, err := m.Release(context.Background(), 0); err != nil {
				t.Error(err)
			}
		})
		err := m.Reshard(t.Context(), 3)
		if !errors.Is(err, shardmanager.ErrNotAllHere) || g.Stats().Identifies != spent {
			t.Errorf("%d identifies: %v", g.Stats().Identifies-spent, err)
		}
	})
}
