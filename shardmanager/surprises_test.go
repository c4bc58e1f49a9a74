package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// What docs/non-obvious.md says, and no other test shows.

// typesOf notes the types of the events that m gets.
func typesOf(m *shardmanager.Manager) *[]events.Type {
	var got []events.Type
	shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, _ events.Meta) { got = append(got, raw.Type) })
	return &got
}

// TestResumedProcessGetsNoReady: it gets what it has missed, and RESUMED.
func TestResumedProcessGetsNoReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuilds(aGuild))
		store := session.NewMemoryStore()
		for life, want := range []string{"[READY GUILD_CREATE]", "[MESSAGE_CREATE RESUMED]"} {
			m := newManager(t, g, shardmanager.WithSessionStore(store))
			got := typesOf(m)
			start(t, m)
			pass(time.Minute)
			closeNow(t, m)
			if fmt.Sprint(*got) != want {
				t.Errorf("process %d gets %v, want %s", life+1, *got, want)
			}
			g.World().Message(aGuild, gatewaytest.Message{}) // while nobody is there
		}
	})
}

// TestProcessWithoutAStoreBeginsAnew: each start costs an Identify for each shard, and what happened meanwhile is not told.
func TestProcessWithoutAStoreBeginsAnew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2), gatewaytest.WithGuilds(aGuild))
		for life := range 2 {
			m := newManager(t, g)
			got := typesOf(m)
			start(t, m)
			pass(time.Minute)
			closeNow(t, m)
			g.World().Message(aGuild, gatewaytest.Message{})
			if slices.Contains(*got, events.TypeMessageCreate) {
				t.Errorf("process %d gets %v", life+1, *got)
			}
		}
		if n := g.Stats().Identifies; n != 4 {
			t.Errorf("%d Identifies, want 4: two shards, twice", n)
		}
	})
}

// TestContentNeedsItsIntent: without it messages come all the same, and are empty, unless they are for the bot.
func TestContentNeedsItsIntent(t *testing.T) {
	for name, with := range map[string]struct {
		intents events.Intents
		want    []string
	}{
		"without": {0, []string{"", "<@4242> hello", "in private"}},
		"with":    {events.IntentMessageContent, []string{"hello", "<@4242> hello", "in private"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithGuilds(aGuild))
				m := newManager(t, g, shardmanager.WithIntents(events.IntentGuildMessages|events.IntentDirectMessages|with.intents))
				var got []string
				shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, _ events.Meta) { got = append(got, e.Content) })
				start(t, m)
				g.World().Message(aGuild, gatewaytest.Message{Content: "hello"})
				g.World().Message(aGuild, gatewaytest.Message{Content: "<@4242> hello"})
				g.World().DirectMessage(gatewaytest.Message{Content: "in private"})
				pass(time.Second)
				if !slices.Equal(got, with.want) {
					t.Errorf("got %q, want %q", got, with.want)
				}
			})
		})
	}
}

// TestDirectMessagesComeToShard0: a process in which it does not run gets none.
func TestDirectMessagesComeToShard0(t *testing.T) {
	for shard, want := range []int{1, 0} {
		t.Run(fmt.Sprint(shard), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(2))
				m := newManager(t, g, shardmanager.WithShards(2, shard))
				got := 0
				shardmanager.On(m, func(_ context.Context, _ *events.MessageCreate, at events.Meta) { got++ })
				start(t, m)
				g.World().DirectMessage(gatewaytest.Message{})
				pass(time.Second)
				if got != want {
					t.Errorf("a process with shard %d gets %d direct messages, want %d", shard, got, want)
				}
			})
		})
	}
}

// TestStartDoesNotWaitForReady: it returns while shards wait for their turn, and its context ends nothing that it has started.
func TestStartDoesNotWaitForReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(4))
		m := newManager(t, g)
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		if err := m.Start(ctx); err != nil || time.Since(began) > time.Second {
			t.Fatalf("%v after %v", err, time.Since(began))
		}
		cancel()
		if err := m.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 15*time.Second {
			t.Errorf("four shards of one key were ready after %v", took)
		}
		pass(time.Hour)
		if n := m.Status().Ready(); n != 4 || m.Err() != nil {
			t.Errorf("%d shards are ready, %v", n, m.Err())
		}
	})
}

// TestEventIsSharedByItsHandlers: whoever changes it changes it for the others.
func TestEventIsSharedByItsHandlers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuilds(aGuild))
		m := newManager(t, g)
		got := make(map[*events.MessageCreate]int)
		both := make(chan *events.MessageCreate, 2)
		for range 2 {
			shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, _ events.Meta) { both <- e })
		}
		start(t, m)
		g.World().Message(aGuild, gatewaytest.Message{})
		got[<-both]++
		got[<-both]++
		if len(got) != 1 {
			t.Errorf("two handlers got %d values", len(got))
		}
	})
}

// TestHandlerThatAsksWhileItsShardIsNotRead: the answer comes through the same connection, which is not read while thousands of events wait
// for the handler. So it waits for as long as its context allows, and then goes on.
func TestHandlerThatAsksWhileItsShardIsNotRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuilds(aGuild))
		m := newManager(t, g)
		errs := make(map[string]error)
		ask := func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			_, err := events.RequestGuildMembers{GuildID: aGuild, UserIDs: []events.Snowflake{1}}.SendEvent(ctx, m)
			return err
		}
		shardmanager.OnRaw(m, func(ctx context.Context, raw events.Raw, _ events.Meta) {
			if raw.Type == "ASK" {
				time.Sleep(time.Second) // the flood is there
				errs["behind"] = ask(ctx)
			}
		}, shardmanager.WithTypes("ASK", "FLOOD"), shardmanager.WithQueue(100))
		start(t, m)
		g.Shard(0).Dispatch("ASK", 1)
		for i := range 1000 {
			g.Shard(0).Dispatch("FLOOD", i)
		}
		pass(time.Minute)
		errs["caught up"] = ask(t.Context())
		if !errors.Is(errs["behind"], context.DeadlineExceeded) || errs["caught up"] != nil {
			t.Errorf("%v", errs)
		}
	})
}
