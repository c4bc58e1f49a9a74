package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// brokenNotebook keeps sessions and no note.
type brokenNotebook struct {
	session.Store
	save func() error
}

func (b *brokenNotebook) LoadNote(context.Context) ([]byte, error)      { return nil, nil }
func (b *brokenNotebook) SaveNote(_ context.Context, note []byte) error { return b.save() }

// TestNotebookThatFailsHoldsUpTheFirstCutAlone: for half a minute, in the hope that it will do. Then guilds are cut without it.
func TestNotebookThatFailsHoldsUpTheFirstCutAlone(t *testing.T) {
	for what, save := range map[string]func(let chan struct{}) error{
		"fails": func(chan struct{}) error { return errors.New("no disk") },
		"hangs": func(let chan struct{}) error { <-let; return nil },
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				let := make(chan struct{})
				defer func() { close(let); pass(time.Minute) }()
				g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guildIDs(30)...), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithHeartbeatInterval(time.Second))
				var asked, flows time.Time
				store := &brokenNotebook{session.NewMemoryStore(), func() error {
					if asked.IsZero() {
						asked = time.Now()
					}
					return save(let)
				}}
				m := newManager(t, g, shardmanager.WithShards(2), shardmanager.WithSessionStore(store))
				start(t, m)
				began := time.Now()
				err := m.Reshard(t.Context(), 3, shardmanager.WithReshardProgress(func(p shardmanager.ReshardProgress) {
					if p.Cut > 0 && flows.IsZero() {
						flows = time.Now()
					}
				}))
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if held := flows.Sub(asked); held < 29*time.Second || held > 35*time.Second {
					t.Errorf("the first cut was held up for %v", held)
				}
				if took := time.Since(began); took > 2*time.Minute {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// TestGuildThatIsJoinedAsTheNewShardsTakeTheirPlaceLosesNothing, though what the old shard has told of it is handled minutes later.
func TestGuildThatIsJoinedAsTheNewShardsTakeTheirPlaceLosesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		guilds, late := guildIDs(4), events.Snowflake(77<<22)
		g := newGateway(t, gatewaytest.WithShards(1), gatewaytest.WithGuilds(guilds...), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithHeartbeatInterval(time.Second))
		joined := make(chan struct{})
		m := newManager(t, g, shardmanager.WithShards(1), shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages|events.IntentMessageContent),
			shardmanager.WithActorProps(func(actors.Key) []actor.PropsOption {
				return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
					return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
						if fmt.Sprintf("%T", e.Message) == "actors.sayVoices" {
							close(joined)
							time.Sleep(time.Second)
						}
						next(ctx, e)
					}
				})}
			}))
		all := hear(m)
		shardmanager.On(m, func(_ context.Context, e *events.GuildCreate, _ events.Meta) {
			if e.Guild.ID == late {
				time.Sleep(3 * time.Minute)
			}
		})
		start(t, m)
		stop, said := make(chan struct{}), make(chan map[events.Snowflake]int)
		go func() {
			<-joined
			g.World().AddGuild(late, nil)
			count := chat(g.World(), []events.Snowflake{late}, stop)
			time.Sleep(8 * time.Minute)
			close(stop)
			said <- count()
		}()
		if err := m.Reshard(t.Context(), 2, shardmanager.WithRetirement(0)); err != nil {
			t.Fatal(err)
		}
		counts := <-said
		time.Sleep(5 * time.Second)
		all.inOrder(t, counts)
	})
}

// TestPlanSaysHowMuchMemoryTheNewSessionsTake, by how the gateway compresses.
func TestPlanSaysHowMuchMemoryTheNewSessionsTake(t *testing.T) {
	for compression, kib := range map[events.Compression]int{"": 704, events.CompressionZlib: 160, events.CompressionNone: 64, events.CompressionPayload: 64} {
		t.Run(string(compression), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(1))
				m := newManager(t, g, shardmanager.WithShards(1), shardmanager.WithCompression(compression))
				start(t, m)
				if plan, err := m.PlanReshard(t.Context(), 10); err != nil || plan.Memory != 10*kib<<10 {
					t.Errorf("%d bytes, %v", plan.Memory, err)
				}
			})
		})
	}
}

// TestReshardWhoseIdentifiesAreSpentByOthersEnds: what was enough when it began is not any more, and a day is too long to wait.
func TestReshardWhoseIdentifiesAreSpentByOthersEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2, gatewaytest.WithSessionStarts(100, 17, 20*time.Hour), gatewaytest.WithMaxConcurrency(1))
		time.AfterFunc(7*time.Second, func() { b.Shard(0).InvalidSession(false) })
		began := time.Now()
		failed := reshardError(t, b.m.Reshard(t.Context(), 5))
		var poor *ratelimit.BudgetError
		if !errors.As(failed, &poor) || failed.Cut || failed.Phase != shardmanager.ReshardWarming || time.Since(began) > 5*time.Minute {
			t.Errorf("after %v: %v", time.Since(began), failed)
		}
		pass(time.Minute)
		b.serve(t, 2)
	})
}

// TestCloseDoesNotWaitForANotebookThatHangs for longer than for any other store.
func TestCloseDoesNotWaitForANotebookThatHangs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		let := make(chan struct{})
		defer func() { close(let); pass(time.Minute) }()
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guildIDs(30)...), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithHeartbeatInterval(time.Second))
		asked := make(chan struct{}, 100)
		m := newManager(t, g, shardmanager.WithShards(2), shardmanager.WithSessionStore(&brokenNotebook{session.NewMemoryStore(), func() error { asked <- struct{}{}; <-let; return nil }}))
		start(t, m)
		over := make(chan error, 1)
		go func() { over <- m.Reshard(t.Context(), 3) }()
		<-asked
		began := time.Now()
		if err := m.Close(t.Context()); err != nil || time.Since(began) > 5*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if err := <-over; err == nil {
			t.Error("the reshard has succeeded")
		}
	})
}
