package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// talking is a bot of some shards in whose guilds people talk.
type talking struct {
	*gatewaytest.Server
	m      *shardmanager.Manager
	all    *audience
	finish func() // ends the talk, and fails unless all of it has come once and in order
}

func talkingBot(t *testing.T, shards int, opts ...gatewaytest.Option) *talking {
	t.Helper()
	guilds := guildIDs(8)
	g := newGateway(t, append([]gatewaytest.Option{gatewaytest.WithShards(shards), gatewaytest.WithGuilds(guilds...), gatewaytest.WithMaxConcurrency(16)}, opts...)...)
	m := newManager(t, g, shardmanager.WithShards(shards), shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages|events.IntentMessageContent))
	all := hear(m)
	start(t, m)
	stop := make(chan struct{})
	end := sync.OnceFunc(func() { close(stop) })
	t.Cleanup(end)
	said := chat(g.World(), guilds, stop)
	return &talking{g, m, all, func() {
		t.Helper()
		time.Sleep(10 * time.Second)
		end()
		counts := said()
		time.Sleep(5 * time.Second)
		all.inOrder(t, counts)
	}}
}

// serve fails unless the bot has so many shards, all of them Ready, and no others.
func (b *talking) serve(t *testing.T, shards int) {
	t.Helper()
	status := b.m.Status()
	if status.Total != shards || len(status.Shards) != shards || status.Ready() != shards {
		t.Errorf("%d shards serve, of %d there are, and %d are ready; want %d", status.Total, len(status.Shards), status.Ready(), shards)
	}
}

// reshardError is what a Reshard has ended in.
func reshardError(t *testing.T, err error) *shardmanager.ReshardError {
	t.Helper()
	var failed *shardmanager.ReshardError
	if !errors.As(err, &failed) {
		t.Fatalf("Reshard: %v", err)
	}
	return failed
}

func TestReshardIsRefusedBeforeItBegins(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2, gatewaytest.WithSessionStarts(1000, 120, time.Hour))
		before := b.Stats().Identifies
		for name, c := range map[string]struct {
			total int
			want  error
		}{
			"none":        {0, nil},
			"below none":  {-3, nil},
			"too many":    {1 << 20, nil},
			"as today":    {2, shardmanager.ErrSameShards},
			"over budget": {30, &ratelimit.BudgetError{}},
		} {
			err := b.m.Reshard(t.Context(), c.total)
			failed := reshardError(t, err)
			budget := new(ratelimit.BudgetError)
			if _, wants := c.want.(*ratelimit.BudgetError); wants && !errors.As(err, &budget) || !wants && c.want != nil && !errors.Is(err, c.want) || failed.Cut {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := b.m.Pause(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if err := b.m.Reshard(t.Context(), 3); !errors.Is(err, shardmanager.ErrNotAllHere) {
			t.Errorf("with a paused shard: %v", err)
		}
		if err := b.m.Unpause(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		plan, err := b.m.PlanReshard(t.Context(), 30)
		if err != nil || plan.Pays() || plan.Identifies != 30 || plan.Remaining != 118 || plan.Reserve != 100 || plan.Extra != 30 {
			t.Errorf("%v, %v", plan, err)
		}
		if n := b.Stats().Identifies; n != before {
			t.Errorf("%d identifies were spent", n-before)
		}
		b.finish()
		b.serve(t, 2)
	})
}

func TestSecondReshardIsRefusedWhileOneIsUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2)
		done := make(chan error, 1)
		go func() { done <- b.m.Reshard(t.Context(), 4) }()
		time.Sleep(10 * time.Second)
		if err := b.m.Reshard(t.Context(), 3); !errors.Is(err, shardmanager.ErrResharding) {
			t.Errorf("%v", err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		b.finish()
	})
}

func TestReshardThatIsCancelledLeavesTheOldShardsServing(t *testing.T) {
	for _, after := range []time.Duration{time.Second, 20 * time.Second, time.Minute, 125 * time.Second, 130 * time.Second, 140 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := talkingBot(t, 2)
				ctx, cancel := context.WithTimeout(t.Context(), after)
				defer cancel()
				before := b.Stats().Identifies
				err := b.m.Reshard(ctx, 3)
				if err == nil {
					b.finish()
					return // it was done
				}
				if failed := reshardError(t, err); failed.Cut || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v", err)
				}
				b.serve(t, 2)
				b.finish()
				if n := b.Stats().Identifies - before; n > 3 {
					t.Errorf("%d identifies", n)
				}
				if p, _ := b.m.Resharding(); p.Phase == shardmanager.ReshardDone {
					t.Errorf("%+v", p)
				}
			})
		})
	}
}

func TestReshardEndsWhenDiscordRefusesTheNewShards(t *testing.T) {
	for _, code := range []events.CloseCode{events.CloseInvalidShard, events.CloseShardingRequired, events.CloseDisallowedIntents} {
		t.Run(strconv.Itoa(int(code)), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := talkingBot(t, 2)
				b.OnEntry(func(e gatewaytest.Entry) {
					if e.Kind == gatewaytest.Began && e.Shard.Total == 3 {
						go b.ShardOf(e.Shard).Close(code)
					}
				})
				err := b.m.Reshard(t.Context(), 3)
				var closed *session.CloseError
				if failed := reshardError(t, err); failed.Cut || failed.Phase != shardmanager.ReshardWarming || !errors.As(err, &closed) || closed.Code != code {
					t.Errorf("%v", err)
				}
				b.serve(t, 2)
				b.finish()
			})
		})
	}
}

func TestReshardBackWhileTheOldShardsRetireCostsNoIdentify(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2)
		if err := b.m.Reshard(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
		before := b.Stats().Identifies
		if plan, err := b.m.PlanReshard(t.Context(), 2); err != nil || plan.Identifies != 0 || plan.Extra != 0 {
			t.Errorf("%v, %v", plan, err)
		}
		if err := b.m.Reshard(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		if n := b.Stats().Identifies - before; n != 0 {
			t.Errorf("%d identifies", n)
		}
		b.finish()
		time.Sleep(11 * time.Minute)
		b.serve(t, 2)
	})
}

func TestWithRetirementOfNoneEndsTheOldShardsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2)
		if err := b.m.Reshard(t.Context(), 3, shardmanager.WithRetirement(0)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		b.serve(t, 3)
		b.finish()
	})
}

func TestSendsGoToTheGuildsPresentOwner(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2)
		guild := guildIDs(1)[0]
		owner := 2
		err := b.m.Reshard(t.Context(), 3, shardmanager.WithBeforeCut(func(_ context.Context, cuts []shardmanager.GuildCut) error {
			for _, cut := range cuts {
				if cut.Guild == guild {
					if answer, err := (events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{b.BotID()}}).SendEvent(t.Context(), b.m); err != nil || answer.Shard.Total != 2 {
						t.Errorf("before the cut: %+v, %v", answer.Receipt, err)
					}
					go func() {
						time.Sleep(5 * time.Second)
						answer, err := (events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{b.BotID()}}).SendEvent(t.Context(), b.m)
						if owner = answer.Shard.Total; err != nil {
							t.Error(err)
						}
					}()
				}
			}
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		if owner != 3 {
			t.Errorf("after the cut the %d shards sent", owner)
		}
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
		shown := make(map[events.ShardID]string)
		b.OnFrame(func(f gatewaytest.Frame) bool {
			if f.Op == events.OpPresenceUpdate {
				shown[f.Shard] = string(f.Data)
			}
			return false
		})
		if err := b.m.Reshard(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if !jsonHas(t, []byte(shown[events.ShardID{Index: i, Total: 3}]), "status", `"dnd"`) {
				t.Errorf("shard %d shows %s", i, shown[events.ShardID{Index: i, Total: 3}])
			}
		}
		b.finish()
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

func TestManagerThatClosesInTheMidstOfAReshardCloses(t *testing.T) {
	for _, after := range []time.Duration{2 * time.Second, 40 * time.Second, 126 * time.Second, 135 * time.Second, 4 * time.Minute} {
		t.Run(after.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := talkingBot(t, 2)
				done := make(chan error, 1)
				go func() { done <- b.m.Reshard(t.Context(), 3) }()
				time.Sleep(after)
				closeNow(t, b.m)
				if err := <-done; err != nil && !errors.Is(err, shardmanager.ErrClosed) {
					t.Errorf("%v", err)
				}
				if err := b.m.Reshard(t.Context(), 3); !errors.Is(err, actors.ErrClosed) && !errors.Is(err, shardmanager.ErrClosed) {
					t.Errorf("after Close: %v", err)
				}
			})
		})
	}
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
