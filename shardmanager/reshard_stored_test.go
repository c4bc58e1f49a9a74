package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestSessionsOfTheNewShardsAloneStayStored, once the old ones have retired: also where those took the places of these, since there are as many.
func TestSessionsOfTheNewShardsAloneStayStored(t *testing.T) {
	for _, total := range []int{1, 2, 3} {
		t.Run(fmt.Sprintf("2 to %d", total), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				const before, after = events.IntentGuilds, events.IntentGuilds | events.IntentGuildMessages
				g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guildIDs(4)...), gatewaytest.WithMaxConcurrency(16))
				store := session.NewMemoryStore()
				m := newManager(t, g, shardmanager.WithShards(2), shardmanager.WithIntents(before), shardmanager.WithSessionStore(store))
				start(t, m)
				if err := m.Reshard(t.Context(), total, shardmanager.WithNewIntents(after), shardmanager.WithRetirement(time.Minute)); err != nil {
					t.Fatal(err)
				}
				pass(3 * time.Minute)
				totals, err := store.(session.Totaler).Totals(t.Context())
				if err != nil || !maps.Equal(totals, map[int]int{total: total}) {
					t.Errorf("stored are, by their total, %v; %v", totals, err)
				}
			})
		})
	}
}

// TestReshardOfWhatCannotBeKeptEndsBeforeTheFirstCut, whether new shards still identify or are compared already: a guild in which more happens than is kept of one goes on with
// its old shard, and nothing of it is lost. Its new one is told nothing.
func TestReshardOfWhatCannotBeKeptEndsBeforeTheFirstCut(t *testing.T) {
	for _, phase := range []shardmanager.ReshardPhase{shardmanager.ReshardWarming, shardmanager.ReshardComparing} {
		t.Run(phase.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				const total = 4
				var guilds []events.Snowflake
				for _, guild := range guildIDs(40) {
					if events.ShardFor(guild, total) == 0 { // which identifies first
						guilds = append(guilds, guild)
					}
				}
				// No heartbeat in the midst of the talk: what was shown before one is kept no longer.
				g := newGateway(t, gatewaytest.WithShards(1), gatewaytest.WithGuilds(guilds[0]), gatewaytest.WithHeartbeatInterval(10*time.Minute)) // longer ones are not believed
				m := newManager(t, g, shardmanager.WithShards(1), shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages))
				var came atomic.Int64
				shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) { came.Add(1) })
				start(t, m)
				g.OnEntry(func(e gatewaytest.Entry) {
					if e.Kind == gatewaytest.Began && e.Shard.Total == total && e.Shard.Index == 0 {
						go g.ShardOf(e.Shard).Lose(1 << 20)
					}
				})
				var once sync.Once
				var talk sync.WaitGroup
				const messages = 5000
				failed := reshardError(t, m.Reshard(t.Context(), total, shardmanager.WithReshardProgress(func(p shardmanager.ReshardProgress) {
					if p.Phase != phase || p.Extra == 0 {
						return
					}
					once.Do(func() {
						talk.Go(func() {
							for range messages {
								time.Sleep(500 * time.Microsecond)
								g.World().Message(guilds[0], gatewaytest.Message{Content: "is anybody there?"})
							}
						})
					})
				})))
				if !errors.Is(failed, shardmanager.ErrKeptTooMuch) || failed.Cut || failed.Phase != phase {
					t.Errorf("%v: %v", failed.Phase, failed)
				}
				talk.Wait()
				pass(time.Minute)
				if status := m.Status(); came.Load() != messages || status.Total != 1 || len(status.Shards) != 1 || status.Ready() != 1 {
					t.Errorf("%d messages of %d came; %v", came.Load(), messages, status)
				}
			})
		})
	}
}
