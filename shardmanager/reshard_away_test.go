package shardmanager_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// loser is a bot of one shard and two guilds, which each become a shard's of their own, and of which one shard may lose its session.
type loser struct {
	*gatewaytest.Server
	m     *shardmanager.Manager
	loses events.ShardID // one of two
	busy  events.Snowflake
	quiet events.Snowflake
	away  atomic.Bool  // no new shard can dial
	pause atomic.Int64 // between two messages
	logs  *observer.ObservedLogs

	mu       sync.Mutex
	happened []events.Snowflake
	came     []events.Snowflake
}

func newLoser(t *testing.T, opts ...gatewaytest.Option) *loser {
	l := new(loser)
	for _, guild := range guildIDs(10) {
		if events.ShardFor(guild, 2) == 0 {
			l.quiet = guild
		} else {
			l.busy = guild
		}
	}
	l.loses = events.ShardID{Index: events.ShardFor(l.busy, 2), Total: 2}
	l.Server = newGateway(t, append(opts, gatewaytest.WithShards(1), gatewaytest.WithGuilds(l.quiet, l.busy), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithHeartbeatInterval(5*time.Second))...)
	core, logs := observer.New(zap.WarnLevel)
	l.logs = logs
	l.pause.Store(int64(700 * time.Millisecond))
	l.m = newManager(t, l.Server, shardmanager.WithLogger(zap.New(core)), shardmanager.WithShards(1), shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages),
		shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			if of, ok := actors.DialOf(ctx); ok && of.Key.Shard == l.loses && l.away.Load() {
				return nil, errors.New("no way there")
			}
			return l.DialContext(ctx, network, addr)
		}))
	shardmanager.On(l.m, func(_ context.Context, e *events.MessageCreate, _ events.Meta) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.came = append(l.came, e.ID)
	})
	start(t, l.m)
	return l
}

// lose has the new shard lose its session, and find no way to the gateway for a time.
func (l *loser) lose(d time.Duration) {
	l.away.Store(true)
	l.ShardOf(l.loses).InvalidSession(false)
	l.ShardOf(l.loses).Drop()
	time.AfterFunc(d, func() { l.away.Store(false) })
}

// talk has people talk in the busy guild, until the test or end has ended it.
func (l *loser) talk(t *testing.T) (end func()) {
	stop, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for n := events.Snowflake(1); ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(l.pause.Load())):
			}
			id := events.Snowflake(time.Now().UnixMilli())<<22 | n
			l.mu.Lock()
			l.happened = append(l.happened, id)
			l.mu.Unlock()
			l.World().Happen(l.busy, events.TypeMessageCreate, map[string]any{"id": id, "guild_id": l.busy, "channel_id": "1"})
		}
	}()
	end = sync.OnceFunc(func() { close(stop); <-over })
	t.Cleanup(end)
	return end
}

// once fails unless all that has happened came once, in order.
func (l *loser) once(t *testing.T) {
	t.Helper()
	pass(time.Minute)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.came, l.happened) {
		t.Errorf("of %d messages %d came, or in another order", len(l.happened), len(l.came))
	}
}

// TestNoGuildIsCutBeforeAllNewShardsAreReady: one that was, and has lost its session, is waited for, although patience is over.
func TestNoGuildIsCutBeforeAllNewShardsAreReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLoser(t)
		end := l.talk(t)
		time.AfterFunc(8*time.Second, func() { l.lose(3 * time.Minute) })
		var once sync.Once
		progress := shardmanager.WithReshardProgress(func(p shardmanager.ReshardProgress) {
			once.Do(func() {
				if p.Warm != 0 || p.Extra != 0 {
					t.Errorf("before any has a session: %+v", p)
				}
			})
		})
		err := l.m.Reshard(t.Context(), 2, progress, shardmanager.WithPatience(40*time.Second), shardmanager.WithBeforeCut(func(context.Context, []shardmanager.GuildCut) error {
			if l.away.Load() {
				t.Error("guilds are cut while a new shard has no session")
			}
			return nil
		}))
		if err != nil {
			t.Error(err)
		}
		end()
		l.once(t)
	})
}

// TestReshardEndsWhereANewShardHasLostItsSessionForTheDay: as the two are compared, the last Identify is spent, and the old shards can still go on.
func TestReshardEndsWhereANewShardHasLostItsSessionForTheDay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLoser(t, gatewaytest.WithSessionStarts(100, 13, 20*time.Hour))
		end := l.talk(t)
		time.AfterFunc(8*time.Second, func() { l.lose(time.Second) })
		failed := reshardError(t, l.m.Reshard(t.Context(), 2, shardmanager.WithPatience(40*time.Second)))
		var poor *ratelimit.BudgetError
		if !errors.As(failed, &poor) || failed.Cut || failed.Phase != shardmanager.ReshardComparing {
			t.Error(failed)
		}
		end()
		l.once(t)
	})
}

// untilShown tries again where the two guilds were cut in one moment, before anybody could know of the loss: that shows nothing.
func untilShown(t *testing.T, try func(t *testing.T) (shown bool)) {
	t.Parallel()
	for shown := false; !shown; {
		synctest.Test(t, func(t *testing.T) { shown = try(t) })
	}
}

// reshard has the busy guild's new shard lose its session for a time as the other guild is cut, while people talk, and reports whether the busy one was cut later. It fails unless
// that is when the shard is back, and unless all that has happened came once.
func (l *loser) reshard(t *testing.T, away time.Duration, talk func(away bool), opts ...shardmanager.ReshardOption) (shown bool) {
	end := l.talk(t)
	shown, lost := true, time.Time{}
	before := func(_ context.Context, cuts []shardmanager.GuildCut) error {
		for _, cut := range cuts {
			switch {
			case cut.Guild != l.busy:
			case lost.IsZero() || time.Since(lost) < time.Second:
				shown = false
			case l.away.Load():
				t.Error("the guild is cut while its new shard has no session")
			}
		}
		if lost.IsZero() {
			lost = time.Now()
			l.lose(away)
			talk(true)
			time.AfterFunc(away, func() { talk(false) })
		}
		return nil
	}
	err := l.m.Reshard(t.Context(), 2, append(opts, shardmanager.WithPatience(40*time.Second), shardmanager.WithBeforeCut(before))...)
	end()
	if !shown {
		return false
	}
	if err != nil {
		t.Error(err)
	}
	l.once(t)
	return true
}

// TestGuildIsNotCutToAShardThatIsAway: other guilds are cut already, and patience with this one is over while its new shard has no session. What happens meanwhile is the old
// shard's to tell.
func TestGuildIsNotCutToAShardThatIsAway(t *testing.T) {
	untilShown(t, func(t *testing.T) bool {
		l := newLoser(t)
		began, lost := time.Now(), time.Time{}
		progress := shardmanager.WithReshardProgress(func(p shardmanager.ReshardProgress) {
			if p.Phase == shardmanager.ReshardCutting && p.Cut > 0 && !lost.IsZero() && time.Since(lost) > time.Second && (p.Left > 0) != (p.Cut < p.Guilds) {
				t.Errorf("%d of %d guilds are cut over, and %v are left", p.Cut, p.Guilds, p.Left)
			}
		})
		if !l.reshard(t, 5*time.Minute, func(away bool) {
			if away {
				lost = time.Now()
			}
		}, progress) {
			return false
		}
		if took := time.Since(began); took < 5*time.Minute || took > 9*time.Minute {
			t.Errorf("the reshard took %v", took)
		}
		return true
	})
}

// TestLittleIsKeptOfAGuildWhoseNewShardIsAway: it is compared anew again and again, so that what the old shard has told is not kept for as long as the new one is away.
func TestLittleIsKeptOfAGuildWhoseNewShardIsAway(t *testing.T) {
	t.Run("of 800 messages in a patience", func(t *testing.T) { manyKept(t, 8*time.Minute, 50*time.Millisecond, 0, 0) })
	t.Run("of 8,000, and the log is told of it ever more seldom", func(t *testing.T) { manyKept(t, time.Minute, 5*time.Millisecond, 1, 7) })
}

// manyKept fails unless a reshard whose new shard is away for a time, while people talk, warns that often that many events are kept.
func manyKept(t *testing.T, away, pause time.Duration, least, most int) {
	untilShown(t, func(t *testing.T) bool {
		l := newLoser(t)
		talk := func(away bool) {
			if away {
				l.pause.Store(int64(pause))
			} else {
				l.pause.Store(int64(time.Second))
			}
		}
		if !l.reshard(t, away, talk) {
			return false
		}
		if many := l.logs.FilterMessageSnippet("many events are kept").Len(); many < least || many > most {
			t.Errorf("%d warnings that many events are kept", many)
		}
		return true
	})
}
