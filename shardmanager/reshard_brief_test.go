package shardmanager_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestReshardDoesNotWaitForAGuildCreateOfNoGuild: what is of no guild has none, and may be cut as soon as both sessions have proved to live.
func TestReshardDoesNotWaitForAGuildCreateOfNoGuild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2, gatewaytest.WithHeartbeatInterval(time.Second))
		for _, total := range []int{3, 2} {
			began := time.Now()
			if err := b.m.Reshard(t.Context(), total); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > 25*time.Second {
				t.Errorf("to %d shards, with heartbeats each second: it took %v", total, took)
			}
		}
		b.finish()
	})
}

// TestPlanOfAReshardBackSaysThatItCostsNoIdentify, and nothing of a budget that Discord was not asked for.
func TestPlanOfAReshardBackSaysThatItCostsNoIdentify(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2, gatewaytest.WithHeartbeatInterval(time.Second))
		if err := b.m.Reshard(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		plan, err := b.m.PlanReshard(t.Context(), 2)
		if text := plan.String(); err != nil || strings.Contains(text, " left ") || !strings.Contains(text, "no identify") {
			t.Errorf("%s, %v", text, err)
		}
		b.finish()
	})
}

// TestReshardOnwardsEndsTheShardsThatRetired: a reshard to a third total, while the shards of the one before retire, ends them: nothing else would.
func TestReshardOnwardsEndsTheShardsThatRetired(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2)
		for _, total := range []int{3, 4} {
			if err := b.m.Reshard(t.Context(), total); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(11 * time.Minute)
		b.serve(t, 4)
		b.finish()
		if live := b.Stats().Live; live != 4 {
			t.Errorf("%d sessions are connected", live)
		}
	})
}

// TestReshardThatIsAskedForWhileOneEndsIsRefused: what it was planned for is not so any more.
func TestReshardThatIsAskedForWhileOneEndsIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2, gatewaytest.WithHeartbeatInterval(time.Second))
		b.OnDiscovery(func(http.ResponseWriter) bool {
			time.Sleep(3 * time.Second)
			return false
		})
		done := make(chan error, 1)
		go func() { done <- b.m.Reshard(t.Context(), 3) }()
		time.Sleep(4 * time.Second)
		for len(done) == 0 {
			if err := b.m.Reshard(t.Context(), 3); !errors.Is(err, shardmanager.ErrResharding) && !errors.Is(err, shardmanager.ErrSameShards) {
				t.Errorf("the second: %v", err)
			}
			time.Sleep(50 * time.Millisecond)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		b.finish()
	})
}

// TestReshardBackAsTheOldShardsEndBeginsAnew: or refuses, but takes no shards that are about to be gone.
func TestReshardBackAsTheOldShardsEndBeginsAnew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2)
		if err := b.m.Reshard(t.Context(), 3, shardmanager.WithRetirement(0)); err != nil {
			t.Fatal(err)
		}
		before := b.Stats().Identifies
		err := b.m.Reshard(t.Context(), 2)
		for errors.Is(err, shardmanager.ErrResharding) {
			time.Sleep(time.Second)
			err = b.m.Reshard(t.Context(), 2)
		}
		if err != nil {
			t.Fatal(err)
		}
		if n := b.Stats().Identifies - before; n != 2 {
			t.Errorf("%d identifies", n)
		}
		for _, s := range b.m.Status().Shards {
			if s.Shard.Total == 2 && s.Generation != 2 {
				t.Errorf("shard %v", s.Key())
			}
		}
		b.finish()
	})
}

func TestReshardFromAHandlerIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2)
		got := make(chan error, 1)
		cancel := shardmanager.On(b.m, func(ctx context.Context, _ *events.MessageCreate, _ events.Meta) {
			select {
			case got <- b.m.Reshard(ctx, 3):
			default:
			}
		})
		err := <-got
		cancel()
		if failed := reshardError(t, err); failed.Cut || !strings.Contains(err.Error(), "goroutine of its own") {
			t.Errorf("%v", err)
		}
		b.finish()
		b.serve(t, 2)
	})
}

// TestBotIsReadyWhateverBecomesOfNewShards: WaitReady is about those that serve.
func TestBotIsReadyWhateverBecomesOfNewShards(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2)
		b.OnEntry(func(e gatewaytest.Entry) {
			if e.Kind == gatewaytest.Began && e.Shard.Total == 3 {
				go b.ShardOf(e.Shard).Close(events.CloseInvalidShard)
			}
		})
		done := make(chan error, 1)
		go func() { done <- b.m.Reshard(t.Context(), 3) }()
		for range 40 {
			time.Sleep(50 * time.Millisecond)
			if err := b.m.WaitReady(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-done; err == nil {
			t.Error("Discord has refused the new shards")
		}
		b.finish()
	})
}

// TestStoreKeepsPaceWithShardsThatServeAgain: what of theirs nobody handled, since others showed it, is done with all the same. A process that follows does not begin behind it.
func TestStoreKeepsPaceWithShardsThatServeAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		guilds := guildIDs(8)
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guilds...), gatewaytest.WithMaxConcurrency(16))
		store := session.NewMemoryStore()
		m := newManager(t, g, shardmanager.WithShards(2), shardmanager.WithSessionStore(store), shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages|events.IntentMessageContent))
		all := hear(m)
		start(t, m)
		stop := make(chan struct{})
		end := sync.OnceFunc(func() { close(stop) })
		t.Cleanup(end)
		said := chat(g.World(), guilds, stop)
		for _, total := range []int{3, 2} { // and back
			err := m.Reshard(t.Context(), total, shardmanager.WithRetirement(time.Hour), shardmanager.WithBeforeCut(func(context.Context, []shardmanager.GuildCut) error {
				time.Sleep(3 * time.Second) // those that serve hear more meanwhile
				return nil
			}))
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
		}
		end()
		counts := said()
		time.Sleep(10 * time.Second)
		all.inOrder(t, counts)
		for index := range 2 {
			old := events.ShardID{Index: index, Total: 2}
			latest := g.ShardOf(old).Dispatch("X", 1)
			time.Sleep(10 * time.Second)
			if kept, err := store.Load(t.Context(), old); err != nil || kept.Seq != latest {
				t.Errorf("shard %v is kept at %d, and is at %d: %v", old, kept.Seq, latest, err)
			}
		}
	})
}

// TestOfTwoReshardsThatArePlannedAtOnceOneIsRefused: what the second was planned for is not so any more.
func TestOfTwoReshardsThatArePlannedAtOnceOneIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guildIDs(8)...), gatewaytest.WithMaxConcurrency(16))
		client := *g.Client()
		client.Transport = slowTrip{client.Transport, time.Second}
		m := newManager(t, g, shardmanager.WithShards(2), shardmanager.WithHTTPClient(&client))
		start(t, m)
		ended := make(chan error, 2)
		for _, total := range []int{3, 4} {
			go func() { ended <- m.Reshard(t.Context(), total) }()
		}
		if err := <-ended; !errors.Is(err, shardmanager.ErrResharding) {
			t.Errorf("the one that is refused: %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("the other: %v", err)
		}
		if status := m.Status(); status.Total < 3 || status.Ready() < status.Total {
			t.Errorf("%d of %d are ready", status.Ready(), status.Total)
		}
	})
}
