package shardmanager_test

import (
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestReshardGoesToItsEndThoughTheSupervisorFails as all guilds are cut, and the new shards are to take their place: there is no way back. Nothing is lost, and nothing
// comes twice, of a guild that is joined meanwhile as well. The log says that it is tried again.
func TestReshardGoesToItsEndThoughTheSupervisorFails(t *testing.T) {
	const times = 20
	for name, fail := range map[string]func(){
		"it crashes":         func() { panic("a bug in the supervisor") },
		"it does not answer": func() { time.Sleep(11 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				guilds, late := guildIDs(8), events.Snowflake(77<<22)
				g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guilds...), gatewaytest.WithMaxConcurrency(16))
				core, logs := observer.New(zap.ErrorLevel)
				stop := make(chan struct{})
				end := sync.OnceFunc(func() { close(stop) })
				t.Cleanup(end)
				var failures atomic.Int32
				saidLate := make(chan func() map[events.Snowflake]int, 1)
				m := newManager(t, g, shardmanager.WithShards(2), shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages|events.IntentMessageContent),
					shardmanager.WithLogger(zap.New(core)), shardmanager.WithActorProps(func(actors.Key) []actor.PropsOption {
						return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
							return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
								if failures.Load() < times && retires(e.Message) {
									if failures.Add(1) == 1 {
										time.AfterFunc(3*time.Second, func() {
											g.World().AddGuild(late, nil)
											saidLate <- chat(g.World(), []events.Snowflake{late}, stop)
										})
									}
									fail()
								}
								next(ctx, e)
							}
						})}
					}))
				all := hear(m)
				start(t, m)
				said := chat(g.World(), guilds, stop)
				if err := m.Reshard(t.Context(), 3, shardmanager.WithRetirement(0)); err != nil {
					t.Error(err)
				}
				time.Sleep(10 * time.Second)
				end()
				counts := said()
				maps.Copy(counts, (<-saidLate)())
				time.Sleep(5 * time.Second)
				all.inOrder(t, counts)
				if status := m.Status(); status.Total != 3 || len(status.Shards) != 3 || status.Ready() != 3 {
					t.Errorf("%v", status)
				}
				if n := logs.FilterMessageSnippet("cannot take their place yet").Len(); failures.Load() != times || n < 3 || n > 5 {
					t.Errorf("after %d failures it was logged %d times", failures.Load(), n)
				}
			})
		})
	}
}

// retires reports whether a message is a plan of which old shards retire.
func retires(message any) bool {
	plan, _ := message.(actors.SetPlan)
	for _, want := range plan.Change {
		if want.Role == actors.Retiring && want.Mode == actors.Run {
			return true
		}
	}
	return false
}
