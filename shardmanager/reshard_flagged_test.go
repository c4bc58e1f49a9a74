package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestNewShardThatIsAwayAfterAFlaggedCutTellsNothingTwice: what was delivered of the old session, since the new one did not show it in time, comes again with its Resume.
func TestNewShardThatIsAwayAfterAFlaggedCutTellsNothingTwice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var away atomic.Bool
		tellsOnce(t, time.Second, 20*time.Second, func(ctx context.Context, g *gatewaytest.Server, network, addr string) (net.Conn, error) {
			if away.Load() {
				return nil, errors.New("no way there")
			}
			return g.DialContext(ctx, network, addr)
		}, func(new gatewaytest.Script) {
			away.Store(true)
			new.Drop()
			time.AfterFunc(90*time.Second, func() { away.Store(false) })
		})
	})
}

// TestNewShardThatIsNotReadAfterAFlaggedCutTellsNothingTwice: its connection stands, and what comes on it is late, as where handlers are far behind.
func TestNewShardThatIsNotReadAfterAFlaggedCutTellsNothingTwice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var late atomic.Int64
		tellsOnce(t, 40*time.Second, 3*time.Minute, func(ctx context.Context, g *gatewaytest.Server, network, addr string) (net.Conn, error) {
			conn, err := g.DialContext(ctx, network, addr)
			return lateConn{conn, &late}, err
		}, func(gatewaytest.Script) {
			late.Store(time.Now().Add(36 * time.Second).UnixNano())
		})
	})
}

// lateConn shows nothing until a time.
type lateConn struct {
	net.Conn
	until *atomic.Int64
}

func (c lateConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	time.Sleep(time.Until(time.Unix(0, c.until.Load())))
	return n, err
}

// tellsOnce reshards to two shards, whose connections dial makes, a guild in which nothing that happens has an identity, and hinders the new shard as the guild is cut.
func tellsOnce(t *testing.T, interval, patience time.Duration,
	dial func(ctx context.Context, g *gatewaytest.Server, network, addr string) (net.Conn, error), hinder func(gatewaytest.Script),
) {
	guild := guildIDs(1)[0]
	g := newGateway(t, gatewaytest.WithShards(1), gatewaytest.WithGuilds(guild), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithHeartbeatInterval(interval))
	m := newManager(t, g, shardmanager.WithShards(1), shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessageTyping),
		shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			if of, ok := actors.DialOf(ctx); ok && of.Key.Shard.Total == 2 {
				return dial(ctx, g, network, addr)
			}
			return g.DialContext(ctx, network, addr)
		}))
	var mu sync.Mutex
	came := make(map[int64]int)
	shardmanager.On(m, func(_ context.Context, e *events.TypingStart, _ events.Meta) {
		mu.Lock()
		defer mu.Unlock()
		came[int64(e.Timestamp)]++
	})
	start(t, m)
	said, stop := make(chan int, 1), make(chan struct{})
	end := sync.OnceFunc(func() { close(stop) })
	t.Cleanup(end)
	go func() { // people type without pause, and nothing that happens has an identity
		for n := 0; ; n++ {
			select {
			case <-stop:
				said <- n
				return
			case <-time.After(300 * time.Millisecond):
			}
			g.World().Happen(guild, events.TypeTypingStart, map[string]any{"guild_id": guild, "channel_id": "1", "user_id": "2", "timestamp": 1_000_000 + n})
		}
	}()
	err := m.Reshard(t.Context(), 2, shardmanager.WithPatience(patience), shardmanager.WithBeforeCut(func(_ context.Context, cuts []shardmanager.GuildCut) error {
		for _, cut := range cuts {
			if cut.Guild == guild {
				hinder(g.ShardOf(cut.To.Shard))
			}
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	if p, _ := m.Resharding(); p.Flagged != 1 {
		t.Errorf("%d guilds were cut by fingerprints", p.Flagged)
	}
	time.Sleep(time.Minute)
	end()
	all := <-said
	time.Sleep(time.Minute)
	mu.Lock()
	defer mu.Unlock()
	if len(came) != all {
		t.Errorf("%d of %d came", len(came), all)
	}
	for at, n := range came {
		if n > 1 {
			t.Error(fmt.Sprint("what happened at ", at, " came ", n, " times"))
		}
	}
}

// TestNoGuildIsCutToASessionThatIsToldNothing: between two messages the guild is quiet, and both sessions live; but what the old one has shown the new one has not.
// It is no matter how many they are.
func TestNoGuildIsCutToASessionThatIsToldNothing(t *testing.T) {
	for _, every := range []time.Duration{15 * time.Second, 70 * time.Second} {
		t.Run(every.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				guilds := guildIDs(2)
				g := newGateway(t, gatewaytest.WithShards(1), gatewaytest.WithGuilds(guilds...), gatewaytest.WithMaxConcurrency(16))
				m := newManager(t, g, shardmanager.WithShards(1), shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages))
				start(t, m)
				deaf := events.ShardID{Index: events.ShardFor(guilds[0], 2), Total: 2}
				g.OnEntry(func(e gatewaytest.Entry) {
					if e.Kind == gatewaytest.Began && e.Shard == deaf {
						go g.ShardOf(deaf).Lose(1 << 20)
					}
				})
				stop := make(chan struct{})
				end := sync.OnceFunc(func() { close(stop) })
				t.Cleanup(end)
				go func() {
					for tick := time.NewTicker(every); ; {
						select {
						case <-stop:
							return
						case <-tick.C:
							g.World().Message(guilds[0], gatewaytest.Message{Content: "is anybody there?"})
						}
					}
				}()
				err := m.Reshard(t.Context(), 2, shardmanager.WithPatience(5*time.Minute))
				if !errors.Is(err, shardmanager.ErrDisagreed) || strings.Contains(err.Error(), "of 1 new shards, most of their events") != (every < time.Minute) {
					t.Errorf("%v", err)
				}
				if progress, _ := m.Resharding(); progress.Cut > 0 {
					t.Errorf("%d guilds were cut", progress.Cut)
				}
			})
		})
	}
}

// TestLostSessionIsNoReasonToCutByFingerprints, unless it is that of the old shard once its guilds are to be cut: else they are compared anew.
func TestLostSessionIsNoReasonToCutByFingerprints(t *testing.T) {
	for name, c := range map[string]struct {
		lost  events.ShardID
		phase shardmanager.ReshardPhase
	}{
		"the old one while it is compared":   {events.ShardID{Index: 0, Total: 2}, shardmanager.ReshardComparing},
		"the new one while it is compared":   {events.ShardID{Index: 1, Total: 3}, shardmanager.ReshardComparing},
		"the new one when it is to be heard": {events.ShardID{Index: 1, Total: 3}, shardmanager.ReshardCutting},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := talkingBot(t, 2)
				lose := sync.OnceFunc(func() { b.ShardOf(c.lost).InvalidSession(false) })
				over := make(chan error, 1)
				var missed sync.Once // a guild that talked, was quiet for a while, and is the new shard's already misses what is said until that has another session
				heard := true
				go func() {
					over <- b.m.Reshard(t.Context(), 3, shardmanager.WithRetirement(0), shardmanager.WithBeforeCut(func(_ context.Context, cuts []shardmanager.GuildCut) error {
						if c.phase == shardmanager.ReshardCutting {
							missed.Do(func() {
								heard = !slices.ContainsFunc(cuts, func(cut shardmanager.GuildCut) bool { return cut.To.Shard == c.lost && cut.OldSeq > 0 })
							})
							lose()
							time.Sleep(time.Second)
						}
						return nil
					}))
				}()
				for range 10_000 {
					time.Sleep(10 * time.Millisecond)
					if p, _ := b.m.Resharding(); c.phase == shardmanager.ReshardComparing && p.Phase == c.phase {
						lose()
						break
					}
				}
				if err := <-over; err != nil {
					t.Fatal(err)
				}
				if p, _ := b.m.Resharding(); p.Flagged != 0 {
					t.Errorf("%d guilds were cut by fingerprints", p.Flagged)
				}
				if c.lost.Total == 3 && heard { // what the old one misses while it serves is lost, as it always is
					b.finish()
				}
				b.serve(t, 3)
			})
		})
	}
}
