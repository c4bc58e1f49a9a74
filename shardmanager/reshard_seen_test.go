package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestSendsGoToTheGuildsPresentOwner: to the new shards for guilds that were cut, while others wait for their cut still; and OwnerOf says so.
func TestSendsGoToTheGuildsPresentOwner(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2)
		cut, parted := make(map[events.Snowflake]bool), false
		look := func() {
			synctest.Wait() // the new shard's actor takes a guild a moment after it was cut
			for _, guild := range guildIDs(8) {
				total := 2
				if cut[guild] {
					total = 3
				}
				if owner, ok := b.m.OwnerOf(guild); !ok || owner.Shard.Total != total {
					t.Errorf("%d guilds are cut: the owner of %v is %v, want one of %d", len(cut), guild, owner, total)
				}
				answer, err := events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{b.BotID()}}.SendEvent(t.Context(), b.m)
				if err != nil || answer.Shard.Total != total {
					t.Errorf("%d guilds are cut: %v was asked for by %+v, want one of %d: %v", len(cut), guild, answer.Receipt, total, err)
				}
			}
		}
		err := b.m.Reshard(t.Context(), 3, shardmanager.WithBeforeCut(func(_ context.Context, cuts []shardmanager.GuildCut) error {
			look()
			for _, of := range cuts {
				parted = parted || len(cut) > 0
				if of.Guild != 0 {
					cut[of.Guild] = true
				}
			}
			return nil
		}))
		if err != nil || !parted || len(cut) != 8 {
			t.Fatalf("%d guilds were cut, not at once: %v; %v", len(cut), parted, err)
		}
		look()
		b.finish()
	})
}

func TestNewShardsShowThePresenceOfTheOldOnes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2)
		presence := events.UpdatePresence{Status: events.StatusDoNotDisturb, Activities: []events.Activity{{Name: "trains"}}}
		if _, err := b.m.SetPresence(t.Context(), presence); err != nil {
			t.Fatal(err)
		}
		if err := b.m.Reshard(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			shown := presencesOf(b.Server, events.ShardID{Index: i, Total: 3})
			if len(shown) == 0 || !jsonHas(t, []byte(shown[len(shown)-1]), "status", `"dnd"`) {
				t.Errorf("shard %d shows %s", i, shown)
			}
		}
		b.finish()
	})
}

// TestNewShardsAreNotToldOfThePresenceTheyBeginWith: a connection has few presences to write.
func TestNewShardsAreNotToldOfThePresenceTheyBeginWith(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guildIDs(8)...), gatewaytest.WithMaxConcurrency(16))
		m := newManager(t, g, shardmanager.WithShards(2), shardmanager.WithIntents(events.IntentGuilds),
			shardmanager.WithPresence(events.UpdatePresence{Status: events.StatusDoNotDisturb}))
		start(t, m)
		if err := m.Reshard(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		for i := range 3 {
			if told := presencesOf(g, events.ShardID{Index: i, Total: 3}); len(told) > 0 {
				t.Errorf("shard %d was told %s", i, told)
			}
		}
	})
}

// TestSlowHandlersAreWaitedForBeforeAGuildIsCut: or what the new session tells would be handled before what the old one has.
func TestSlowHandlersAreWaitedForBeforeAGuildIsCut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2)
		shardmanager.On(b.m, func(_ context.Context, e *events.MessageCreate, _ events.Meta) {
			time.Sleep(200 * time.Millisecond)
			b.all.mu.Lock()
			defer b.all.mu.Unlock()
			b.all.slow = append(b.all.slow, e.GuildID.String()+" "+e.Content)
		})
		if err := b.m.Reshard(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		b.finish()
		last := make(map[string]int)
		for _, each := range b.all.slow {
			var guild string
			var n int
			if _, err := fmt.Sscan(each, &guild, &n); err != nil {
				t.Fatal(err)
			}
			if n != last[guild] {
				t.Errorf("guild %s: message %d was handled in place of %d", guild, n, last[guild])
			}
			last[guild] = n + 1
		}
	})
}

func TestBotStaysInItsVoiceChannel(t *testing.T) {
	bubble(t, func(t *testing.T) {
		guild := guildIDs(1)[0]
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guild), gatewaytest.WithMaxConcurrency(16))
		m := newManager(t, g, shardmanager.WithShards(2), shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildVoiceStates))
		start(t, m)
		channel := g.World().AddChannel(guild, "stage", gatewaytest.Fields{"type": 2})
		if _, err := (events.UpdateVoiceState{GuildID: guild, ChannelID: &channel, SelfDeaf: true}).SendEvent(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		g.World().GuildOutage(guild, true)
		time.Sleep(time.Second)
		g.World().GuildOutage(guild, false) // the guild comes again, and lists where the bot is, but not that it is deaf
		time.Sleep(time.Second)
		asked := ""
		g.OnFrame(func(f gatewaytest.Frame) bool {
			if f.Op == events.OpVoiceStateUpdate && f.Shard.Total == 3 {
				asked = string(f.Data)
			}
			return false
		})
		if err := m.Reshard(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]string{"channel_id": fmt.Sprintf("%q", channel), "self_deaf": "true", "self_mute": "false"} {
			if !jsonHas(t, []byte(asked), key, want) {
				t.Errorf("the new shard asked for %s", asked)
			}
		}
		if _, err := (events.UpdateVoiceState{GuildID: guild}).SendEvent(t.Context(), m); err != nil {
			t.Errorf("leaving: %v", err)
		}
	})
}

// TestNewShardKeepsItsConnectionWhenItsGuildBeginsToFlow: what has waited for the cut may be more than handlers have room for. Then the shard does not read, and that nothing comes
// is its own doing.
func TestNewShardKeepsItsConnectionWhenItsGuildBeginsToFlow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		guild := guildIDs(1)[0]
		g := newGateway(t, gatewaytest.WithShards(1), gatewaytest.WithGuilds(guild), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithHeartbeatInterval(time.Second))
		m := newManager(t, g, shardmanager.WithShards(1), shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages))
		var handled atomic.Int64
		shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) {
			time.Sleep(100 * time.Millisecond)
			handled.Add(1)
		}, shardmanager.WithQueue(16))
		start(t, m)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		watched := m.Watch(ctx)
		go func() {
			for change := range watched {
				if errors.Is(change.Cause, session.ErrZombie) {
					t.Errorf("%v", change)
				}
			}
		}()
		var said atomic.Int64
		err := m.Reshard(t.Context(), 2, shardmanager.WithBeforeCut(func(_ context.Context, cuts []shardmanager.GuildCut) error {
			for _, cut := range cuts {
				for range 200 {
					if cut.Guild == guild {
						g.World().Message(guild, gatewaytest.Message{Content: "hello"})
						said.Add(1)
					}
				}
			}
			time.Sleep(time.Second)
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if said.Load() == 0 || handled.Load() != said.Load() {
			t.Errorf("%d of %d messages were handled", handled.Load(), said.Load())
		}
	})
}

// TestWhatHasWaitedForHandlersSinceBeforeAReshardIsHandledFirst: also in a guild in which nothing has happened since.
func TestWhatHasWaitedForHandlersSinceBeforeAReshardIsHandledFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		guild := guildIDs(1)[0]
		g := newGateway(t, gatewaytest.WithShards(1), gatewaytest.WithGuilds(guild), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithHeartbeatInterval(time.Second))
		m := newManager(t, g, shardmanager.WithShards(1), shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages|events.IntentMessageContent))
		var mu sync.Mutex
		var handled []int
		shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, _ events.Meta) {
			time.Sleep(300 * time.Millisecond)
			n, _ := strconv.Atoi(e.Content)
			mu.Lock()
			defer mu.Unlock()
			handled = append(handled, n)
		})
		start(t, m)
		said := 0
		say := func(times int) {
			mu.Lock()
			defer mu.Unlock()
			for range times {
				g.World().Message(guild, gatewaytest.Message{Content: strconv.Itoa(said)})
				said++
			}
		}
		say(300)
		err := m.Reshard(t.Context(), 2, shardmanager.WithBeforeCut(func(_ context.Context, cuts []shardmanager.GuildCut) error {
			for _, cut := range cuts {
				if cut.Guild == guild {
					say(5)
				}
			}
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if len(handled) != said || !slices.IsSorted(handled) {
			t.Errorf("%d of %d, in this order: %v", len(handled), said, handled)
		}
	})
}
