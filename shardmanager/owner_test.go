package shardmanager_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestOwnerOfIsWhoServesNow: over a reshard, guild by guild.
func TestOwnerOfIsWhoServesNow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		guilds := guildIDs(12)
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithGuilds(guilds...))
		m := newManager(t, g)
		owners := func() map[int]int {
			by := make(map[int]int)
			for _, guild := range guilds {
				key, is := m.OwnerOf(guild)
				if is && key.Shard.Index != events.ShardFor(guild, key.Shard.Total) {
					t.Errorf("guild %v: %v", guild, key)
				}
				by[key.Shard.Total]++
			}
			return by
		}
		if by := owners(); by[0] != 12 {
			t.Errorf("before Start: %v", by)
		}
		var mu sync.Mutex
		from := make(map[events.Snowflake]int)
		shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, at events.Meta) {
			mu.Lock()
			defer mu.Unlock()
			from[e.GuildID] = at.Shard.Total
		})
		start(t, m)
		if by := owners(); by[2] != 12 {
			t.Errorf("before the reshard: %v", by)
		}
		if _, is := m.OwnerOf(0); is {
			t.Error("no guild is served")
		}
		if err := m.Pause(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if by := owners(); by[2] != 12 {
			t.Errorf("of a paused shard: %v", by)
		}
		if err := m.Unpause(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		over := make(chan error, 1)
		go func() { over <- m.Reshard(t.Context(), 4, shardmanager.WithRetirement(time.Minute)) }()
		for range 10 * 60 {
			pass(time.Second)
			by := owners()
			p, _ := m.Resharding()
			if p.Over {
				break
			}
			if p.Cut != by[4] && p.Phase < shardmanager.ReshardCutting {
				t.Errorf("%v: %v", p, by)
			}
		}
		if err := <-over; err != nil {
			t.Fatal(err)
		}
		for _, guild := range guilds {
			g.World().Message(guild, gatewaytest.Message{})
		}
		pass(time.Second)
		if by := owners(); by[4] != 12 {
			t.Errorf("after the reshard: %v", by)
		}
		mu.Lock()
		defer mu.Unlock()
		for guild, total := range from {
			if key, _ := m.OwnerOf(guild); key.Shard.Total != total {
				t.Errorf("guild %v: its event came from one of %d, its owner is %v", guild, total, key)
			}
		}
		pass(2 * time.Minute)
	})
}
