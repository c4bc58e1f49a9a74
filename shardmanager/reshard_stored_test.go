package shardmanager_test

import (
	"fmt"
	"maps"
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
