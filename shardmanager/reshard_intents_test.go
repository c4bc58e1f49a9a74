package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestReshardToOtherIntents: with the same total or another. What both fleets are told of comes once and in order; what one alone is told of comes until the
// cut, or from then on.
func TestReshardToOtherIntents(t *testing.T) {
	const before = events.IntentGuilds | events.IntentGuildMessages | events.IntentGuildMessageTyping
	const after = events.IntentGuilds | events.IntentGuildMessages | events.IntentMessageContent | events.IntentGuildMessageReactions
	for _, total := range []int{2, 3} {
		t.Run(fmt.Sprint(total), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				guild := guildIDs(1)[0]
				g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guild), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithParallelSessions())
				m := newManager(t, g, shardmanager.WithShards(2), shardmanager.WithIntents(before))
				var mu sync.Mutex
				var ids []events.Snowflake
				typing, texts := 0, 0
				shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, _ events.Meta) {
					mu.Lock()
					defer mu.Unlock()
					if ids = append(ids, e.ID); e.Content != "" {
						texts++
					}
				})
				shardmanager.On(m, func(_ context.Context, _ *events.TypingStart, _ events.Meta) { mu.Lock(); typing++; mu.Unlock() })
				start(t, m)
				var reactions []events.Snowflake // which the intents of today do not feed
				shardmanager.On(m, func(_ context.Context, e *events.MessageReactionAdd, _ events.Meta) {
					mu.Lock()
					reactions = append(reactions, e.MessageID)
					mu.Unlock()
				})
				stop := make(chan struct{})
				said := make(chan []events.Snowflake, 1)
				go func() {
					var all []events.Snowflake
					for n := 0; ; n++ {
						select {
						case <-stop:
							said <- all
							return
						case <-time.After(700 * time.Millisecond):
						}
						g.World().Typing(guild, g.BotID())
						g.World().Happen(guild, events.TypeMessageReactionAdd, gatewaytest.Fields{"guild_id": guild, "user_id": "1", "channel_id": "2", "message_id": strconv.Itoa(n), "emoji": gatewaytest.Fields{"name": "x"}})
						all = append(all, g.World().Message(guild, gatewaytest.Message{Content: strconv.Itoa(n)}))
					}
				}()
				if err := m.Reshard(t.Context(), total, shardmanager.WithNewIntents(after)); err != nil {
					t.Fatal(err)
				}
				mu.Lock()
				typed := typing
				mu.Unlock()
				time.Sleep(10 * time.Second)
				close(stop)
				all := <-said
				time.Sleep(5 * time.Second)
				mu.Lock()
				defer mu.Unlock()
				if fmt.Sprint(all) != fmt.Sprint(ids) {
					t.Errorf("%d messages came of %d, or in another order", len(ids), len(all))
				}
				if typed == 0 || typing > typed || texts == 0 {
					t.Errorf("typing came %d times before and %d times after; %d messages had a text", typed, typing-typed, texts)
				}
				for at, n := range reactions { // of the new shards alone: from the first that is delivered, each
					if n != reactions[0]+events.Snowflake(at) || int(n) > len(all) {
						t.Errorf("reactions came to %v", reactions)
						break
					}
				}
				if len(reactions) < 10 || reactions[len(reactions)-1] != events.Snowflake(len(all)-1) || reactions[0] == 0 {
					t.Errorf("there came %d reactions of %d, the first to %v", len(reactions), len(all), reactions)
				}
				if cut := int(reactions[0]); typing < cut-1 || typing > cut+1 {
					t.Errorf("typing came %d times until the cut, which was after %d", typing, cut)
				}
				if status := m.Status(); status.Total != total {
					t.Errorf("%d shards serve", status.Total)
				}
			})
		})
	}
}

func TestReshardToTheIntentsOfTodayIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2)
		for _, intents := range []events.Intents{0, events.IntentGuilds | events.IntentGuildMessages | events.IntentMessageContent} {
			if err := b.m.Reshard(t.Context(), 2, shardmanager.WithNewIntents(intents)); !errors.Is(err, shardmanager.ErrSameShards) {
				t.Errorf("%v: %v", intents, err)
			}
		}
		if err := b.m.Reshard(t.Context(), 3, shardmanager.WithNewIntents(1<<60)); err == nil {
			t.Error("intents that there are not")
		}
		b.finish()
	})
}

// TestReshardToIntentsWithoutGuilds, and from them: the one fleet is told of messages alone, and the other of what else happens in their guilds.
func TestReshardToIntentsWithoutGuilds(t *testing.T) {
	const some, more = events.IntentGuildMessages, events.IntentGuildMessages | events.IntentGuilds
	for _, c := range []struct{ from, to events.Intents }{{more, some}, {some, more}} {
		t.Run(fmt.Sprint(c.from, " to ", c.to), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				guilds := guildIDs(4)
				g := newGateway(t, gatewaytest.WithShards(1), gatewaytest.WithGuilds(guilds...), gatewaytest.WithMaxConcurrency(16))
				m := newManager(t, g, shardmanager.WithShards(1), shardmanager.WithIntents(c.from))
				var came atomic.Int32
				shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) { came.Add(1) })
				start(t, m)
				stop, done := make(chan struct{}), make(chan struct{})
				said := 0
				go func() {
					defer close(done)
					for ; ; said++ {
						select {
						case <-stop:
							return
						case <-time.After(time.Second):
						}
						g.World().Message(guilds[0], gatewaytest.Message{Content: "hello"})
						g.World().AddRole(guilds[0], "a role", nil)
					}
				}()
				err := m.Reshard(t.Context(), 2, shardmanager.WithNewIntents(c.to))
				close(stop)
				<-done
				pass(time.Minute)
				if err != nil {
					t.Error(err)
				}
				if n := int(came.Load()); n != said {
					t.Errorf("%d of %d messages came", n, said)
				}
			})
		})
	}
}

// unfinished is a store that is killed before it notes that a reshard is over.
type unfinished struct {
	session.Store
	lost atomic.Int32
}

func (u *unfinished) LoadNote(ctx context.Context) ([]byte, error) {
	return u.Store.(session.Notebook).LoadNote(ctx)
}

func (u *unfinished) SaveNote(ctx context.Context, note []byte) error {
	if strings.Contains(string(note), `"Done":true`) {
		u.lost.Add(1)
		return nil
	}
	return u.Store.(session.Notebook).SaveNote(ctx, note)
}

// TestReshardToAsManyShardsIsOverWhenTheirSessionsAreStored, though the process was killed before it noted that: the one that follows resumes them, and does not reshard again.
func TestReshardToAsManyShardsIsOverWhenTheirSessionsAreStored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const before, after = events.IntentGuilds, events.IntentGuilds | events.IntentGuildMessages
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guildIDs(4)...), gatewaytest.WithMaxConcurrency(16))
		store := &unfinished{Store: session.NewMemoryStore()}
		m := newManager(t, g, shardmanager.WithShards(2), shardmanager.WithIntents(before), shardmanager.WithSessionStore(store))
		start(t, m)
		if err := m.Reshard(t.Context(), 2, shardmanager.WithNewIntents(after), shardmanager.WithRetirement(0)); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		closeNow(t, m)
		if store.lost.Load() == 0 {
			t.Fatal("it was not noted that the reshard is over")
		}
		spent := g.Stats().Identifies
		next := newManager(t, g, shardmanager.WithShards(2), shardmanager.WithIntents(after), shardmanager.WithSessionStore(store))
		start(t, next)
		pass(time.Minute)
		if p, begun := next.Resharding(); begun {
			t.Errorf("it reshards again: %+v", p)
		}
		if s := g.Stats(); s.Identifies != spent || s.Live != 2 || next.Status().Ready() != 2 {
			t.Errorf("%d are ready, %d identifies more: %+v", next.Status().Ready(), s.Identifies-spent, s)
		}
	})
}

// full is a store without room for the sessions of 4 shards, until it has some. It says which of them are missing when a reshard to them is noted as over.
type full struct {
	unfinished
	room    atomic.Bool
	missing atomic.Int32
}

func (f *full) Save(ctx context.Context, all ...session.Snapshot) error {
	if !f.room.Load() && slices.ContainsFunc(all, func(s session.Snapshot) bool { return s.Shard.Total == 4 }) {
		return errors.New("no room")
	}
	return f.Store.Save(ctx, all...)
}

func (f *full) SaveNote(ctx context.Context, note []byte) error {
	before := f.lost.Load()
	err := f.unfinished.SaveNote(ctx, note)
	for i := 0; i < 4 && f.lost.Load() > before; i++ {
		if _, err := f.Load(ctx, events.ShardID{Index: i, Total: 4}); err != nil {
			f.missing.Add(1)
		}
	}
	return err
}

// TestReshardIsNotOverBeforeItsSessionsAreStored: whoever followed a process that was killed would find neither what was noted nor the sessions.
func TestReshardIsNotOverBeforeItsSessionsAreStored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guildIDs(8)...), gatewaytest.WithMaxConcurrency(16))
		store := &full{unfinished: unfinished{Store: session.NewMemoryStore()}}
		m := newManager(t, g, shardmanager.WithShards(2), shardmanager.WithSessionStore(store))
		start(t, m)
		done := make(chan error, 1)
		go func() { done <- m.Reshard(t.Context(), 4, shardmanager.WithRetirement(0)) }()
		for range 300 {
			if p, _ := m.Resharding(); p.Cut > 0 && p.Cut == p.Guilds {
				break
			}
			pass(time.Second)
		}
		pass(10 * time.Second)
		if store.lost.Load() != 0 {
			t.Error("noted as over, though nothing of it was stored")
		}
		store.room.Store(true)
		pass(10 * time.Second)
		if store.lost.Load() != 1 || store.missing.Load() != 0 {
			t.Errorf("noted %d times as over, %d of the sessions were not stored", store.lost.Load(), store.missing.Load())
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
