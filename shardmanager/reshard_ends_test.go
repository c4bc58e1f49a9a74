package shardmanager_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
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
	synctest.Wait() // an actor that has ended is forgotten a moment later
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
		for name, opt := range map[string]shardmanager.ReshardOption{"nil": nil, "no patience": shardmanager.WithPatience(0), "less than no retirement": shardmanager.WithRetirement(-1),
			"less than no sessions": shardmanager.WithExtraSessions(-1)} {
			if failed := reshardError(t, b.m.Reshard(t.Context(), 3, opt)); failed.Cut {
				t.Errorf("%s: %v", name, failed)
			}
		}
		if failed := reshardError(t, b.m.Reshard(t.Context(), 4, shardmanager.WithExtraSessions(3))); failed.Cut || !errors.Is(failed, shardmanager.ErrTooManySessions) {
			t.Errorf("more sessions than are allowed: %v", failed)
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
		gone, leave := context.WithCancel(t.Context())
		leave()
		_, err = b.m.PlanReshard(gone, 3) // Discord is not asked for the budget
		for what, err := range map[string]error{"PlanReshard": err, "Reshard": b.m.Reshard(gone, 3)} {
			if failed := reshardError(t, err); failed.From != 2 || failed.To != 3 || failed.Cut || !errors.Is(err, context.Canceled) {
				t.Errorf("%s that nobody waits for: %v", what, err)
			}
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
		if _, err := b.m.Release(t.Context(), 0); !errors.Is(err, shardmanager.ErrResharding) {
			t.Errorf("Release: %v", err)
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

// TestReshardEndsWhereANewShardWouldWaitForHours: its sessions are ended again and again, so what is left of the day's Identifies is spread over the day.
func TestReshardEndsWhereANewShardWouldWaitForHours(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2, gatewaytest.WithSessionStarts(1000, 125, 24*time.Hour))
		b.OnEntry(func(e gatewaytest.Entry) {
			if e.Kind == gatewaytest.Began && e.Shard.Total == 3 && e.Shard.Index == 1 {
				go b.ShardOf(e.Shard).InvalidSession(false)
			}
		})
		began := time.Now()
		failed := reshardError(t, b.m.Reshard(t.Context(), 3))
		if failed.Cut || failed.Phase != shardmanager.ReshardWarming || !strings.Contains(failed.Error(), "may not identify before") || time.Since(began) > 10*time.Minute {
			t.Errorf("after %v: %v", time.Since(began), failed)
		}
		b.serve(t, 2)
		b.finish()
	})
}

func TestReshardBackWhileTheOldShardsRetireCostsNoIdentify(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2)
		if err := b.m.Reshard(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
		before := b.Stats().Identifies
		if plan, err := b.m.PlanReshard(t.Context(), 2); err != nil || plan.Identifies != 0 || plan.Extra != 0 || plan.Warm != 0 {
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
