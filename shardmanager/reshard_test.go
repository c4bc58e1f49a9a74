package shardmanager_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// audience is what handlers were told, by guild.
type audience struct {
	mu     sync.Mutex
	texts  map[events.Snowflake][]string
	totals map[int]int // messages, by the total of the shard that brought them
	ready  int
	guilds int // GUILD_CREATE
	slow   []string
}

func hear(m *shardmanager.Manager) *audience {
	all := &audience{texts: make(map[events.Snowflake][]string), totals: make(map[int]int)}
	shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, at events.Meta) {
		all.mu.Lock()
		defer all.mu.Unlock()
		all.texts[e.GuildID] = append(all.texts[e.GuildID], e.Content)
		all.totals[at.Shard.Total]++
	})
	shardmanager.On(m, func(_ context.Context, _ *events.Ready, _ events.Meta) { all.mu.Lock(); all.ready++; all.mu.Unlock() })
	shardmanager.On(m, func(_ context.Context, _ *events.GuildCreate, _ events.Meta) {
		all.mu.Lock()
		all.guilds++
		all.mu.Unlock()
	})
	return all
}

// inOrder fails unless each of the guilds has told n messages, each once and in order.
func (all *audience) inOrder(t *testing.T, n map[events.Snowflake]int) {
	t.Helper()
	all.mu.Lock()
	defer all.mu.Unlock()
	for guild, count := range n {
		texts := all.texts[guild]
		if len(texts) != count {
			t.Errorf("guild %v: %d of %d messages came", guild, len(texts), count)
		}
		for i, text := range texts {
			if text != strconv.Itoa(i) {
				t.Errorf("guild %v: message %d says %s", guild, i, text)
				break
			}
		}
	}
}

// chat has guilds talk until stopped, each at a pace of its own, and returns how many messages each has said.
func chat(w *gatewaytest.World, guilds []events.Snowflake, stop <-chan struct{}) (said func() map[events.Snowflake]int) {
	counts := make(map[events.Snowflake]int)
	var all sync.WaitGroup
	var mu sync.Mutex
	for i, guild := range guilds {
		if i%4 == 3 {
			continue // it is quiet
		}
		all.Go(func() {
			time.Sleep(37 * time.Millisecond) // nothing is said at the very moment of a tick
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(300+700*i) * time.Millisecond):
				}
				w.Message(guild, gatewaytest.Message{Content: strconv.Itoa(n)})
				mu.Lock()
				counts[guild] = n + 1
				mu.Unlock()
			}
		})
	}
	return func() map[events.Snowflake]int {
		all.Wait()
		return counts
	}
}

func guildIDs(n int) (ids []events.Snowflake) {
	for i := range n {
		ids = append(ids, events.Snowflake(1000+i)<<22)
	}
	return ids
}

func TestReshardDeliversEachEventOnceAndInOrder(t *testing.T) {
	for _, c := range []struct{ from, to int }{{2, 3}, {2, 4}, {4, 2}, {1, 3}, {3, 1}} {
		t.Run(fmt.Sprintf("%d to %d", c.from, c.to), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				guilds := guildIDs(12)
				g := newGateway(t, gatewaytest.WithShards(c.from), gatewaytest.WithGuilds(guilds...), gatewaytest.WithMaxConcurrency(16))
				m := newManager(t, g, shardmanager.WithShards(c.from), shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages|events.IntentMessageContent))
				all := hear(m)
				start(t, m)
				stop := make(chan struct{})
				said := chat(g.World(), guilds, stop)
				time.Sleep(10 * time.Second)
				began := time.Now()
				var mu sync.Mutex
				var phases []shardmanager.ReshardPhase
				err := m.Reshard(t.Context(), c.to, shardmanager.WithReshardProgress(func(p shardmanager.ReshardProgress) {
					mu.Lock()
					defer mu.Unlock()
					if len(phases) == 0 || phases[len(phases)-1] != p.Phase {
						phases = append(phases, p.Phase)
					}
				}))
				if err != nil {
					t.Fatal(err)
				}
				mu.Lock()
				t.Logf("it took %v, %v", time.Since(began), phases)
				if want := []shardmanager.ReshardPhase{shardmanager.ReshardWarming, shardmanager.ReshardComparing, shardmanager.ReshardCutting}; len(phases) < 3 || !slices.Equal(phases[:3], want) {
					t.Errorf("phases: %v", phases)
				}
				mu.Unlock()
				time.Sleep(30 * time.Second)
				close(stop)
				counts := said()
				time.Sleep(5 * time.Second)
				all.inOrder(t, counts)
				if status := m.Status(); status.Total != c.to || all.totals[c.to] == 0 || all.totals[c.from] == 0 {
					t.Errorf("%d shards serve; messages by total: %v", status.Total, all.totals)
				}
				if all.ready != c.from || all.guilds != len(guilds) {
					t.Errorf("handlers got %d READY and %d GUILD_CREATE", all.ready, all.guilds)
				}
				p, _ := m.Resharding()
				if p.Flagged != 0 || p.Disordered != 0 || p.Cut != len(guilds)+1 {
					t.Errorf("%+v", p)
				}
				time.Sleep(11 * time.Minute)
				if n := len(m.Status().Shards); n != c.to {
					t.Errorf("%d shards are left: %v", n, m.Status().Shards)
				}
				g.RequireNoViolations(t)
			})
		})
	}
}
