package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/filestore"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestStoreThatLies: what cannot be this shard's session is discarded with a warning that quotes nothing, and a new session begins.
//
// Failures: F105.
func TestStoreThatLies(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*session.Snapshot){
		"another shard's":     func(s *session.Snapshot) { s.Shard = events.ShardID{Index: 1, Total: 2} },
		"a negative sequence": func(s *session.Snapshot) { s.Seq = -5 },
		"no session":          func(s *session.Snapshot) { s.SessionID = "" },
		"absurd strings":      func(s *session.Snapshot) { s.SessionID = "canary\x00\xff" },
		"an absurd URL":       func(s *session.Snapshot) { s.ResumeURL = "canary\n" },
		"of the future":       func(s *session.Snapshot) { s.SavedAt = time.Now().Add(time.Hour) },
		"too large":           func(s *session.Snapshot) { s.SessionID = strings.Repeat("canary", 10_000) },
		"another bot's":       func(s *session.Snapshot) { s.Bot = 7 },
		"a fence of no end":   func(s *session.Snapshot) { s.Fence = math.MaxUint64 },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				snapshot := session.Snapshot{Shard: events.ShardID{Total: 1}, SessionID: "canary", ResumeURL: g.URL, Seq: 3, Bot: 4242, SavedAt: time.Now()}
				change(&snapshot)
				core, logs := observer.New(zap.DebugLevel)
				kept := session.NewMemoryStore()
				m, err := shardmanager.New("NDI0Mg.x.y", shardmanager.WithGateway(g), shardmanager.WithLogger(zap.New(core)),
					shardmanager.WithSessionStore(&liar{Store: kept, snapshot: snapshot}))
				if err != nil {
					t.Fatal(err)
				}
				start(t, m)
				pass(3 * time.Second)
				if s := g.Stats(); s.Identifies != 1 || s.Resumes != 0 || s.Refused != 0 {
					t.Errorf("%+v", s)
				}
				if logs.FilterMessage("stored session discarded").FilterLevelExact(zap.WarnLevel).Len() != 1 {
					t.Errorf("warnings: %v", logs.All())
				}
				for _, entry := range logs.All() {
					if text := fmt.Sprint(entry.Message, entry.ContextMap()); strings.Contains(text, "canary") {
						t.Errorf("it is quoted: %.300s", text)
					}
				}
				if saved, err := kept.Load(t.Context(), events.ShardID{Total: 1}); err != nil || saved.Seq != 1 || m.Persistence().Err != nil {
					t.Errorf("the new session is not saved: %v, %v, %+v", saved, err, m.Persistence())
				}
				closeNow(t, m)
				g.RequireNoViolations(t)
			})
		})
	}
}

// liar is a store that has one snapshot for all, until it is deleted or saved over.
type liar struct {
	session.Store
	snapshot session.Snapshot
	told     bool
}

func (l *liar) Load(ctx context.Context, id events.ShardID) (session.Snapshot, error) {
	if !l.told {
		l.told = true
		return l.snapshot, nil
	}
	return l.Store.Load(ctx, id)
}

// TestStoreThatIsNil: New says so, also of a nil pointer that came of an Open whose error was not looked at.
func TestStoreThatIsNil(t *testing.T) {
	t.Parallel()
	var none *filestore.Store
	for _, store := range []session.Store{nil, none, (*liar)(nil)} {
		_, err := shardmanager.New("token", shardmanager.WithSessionStore(store))
		var problem *shardmanager.OptionError
		if !errors.As(err, &problem) || problem.Option != "WithSessionStore" {
			t.Errorf("%T: %v", store, err)
		}
	}
	if _, err := shardmanager.New("token", shardmanager.WithSessionStore(nil), shardmanager.WithSessionStore(session.NewMemoryStore())); err != nil {
		t.Errorf("the latter counts: %v", err)
	}
}

// TestStoredSessionsOfAnotherTotal: they are left alone, and a warning says how many there are.
func TestStoredSessionsOfAnotherTotal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := session.NewMemoryStore()
		for index := range 3 {
			if err := store.Save(t.Context(), session.Snapshot{Shard: events.ShardID{Index: index, Total: 4}, SessionID: "s", Seq: 5}); err != nil {
				t.Fatal(err)
			}
		}
		core, logs := observer.New(zap.WarnLevel)
		m := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithLogger(zap.New(core)))
		start(t, m)
		synctest.Wait() // until it is logged
		warned := logs.FilterField(zap.Int("stored_total", 4)).FilterField(zap.Int("sessions", 3)).FilterField(zap.Int("shard_total", 1))
		if warned.Len() != 1 || g.Stats().Identifies != 1 {
			t.Errorf("%v, %+v", logs.All(), g.Stats())
		}
	})
}

// uncounted is a store that cannot say how many snapshots it has.
type uncounted struct {
	session.Store
	why func(context.Context) error
}

func (u uncounted) Totals(ctx context.Context) (map[int]int, error) { return nil, u.why(ctx) }

// TestStoreThatCannotCountHoldsUpNoStart: a warning says that it is not known whether sessions of another number of shards are stored, and why.
func TestStoreThatCannotCountHoldsUpNoStart(t *testing.T) {
	for name, test := range map[string]struct {
		why  func(context.Context) error
		says string
	}{
		"it fails":  {func(context.Context) error { return errDisk }, errDisk.Error()},
		"it hangs":  {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, "deadline exceeded"},
		"it panics": {func(context.Context) error { panic("a bug in the store") }, "panic"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				core, logs := observer.New(zap.WarnLevel)
				m := newManager(t, newGateway(t), shardmanager.WithSessionStore(uncounted{session.NewMemoryStore(), test.why}), shardmanager.WithLogger(zap.New(core)))
				start(t, m)
				synctest.Wait() // until it is logged
				if all := logs.All(); len(all) != 1 || !strings.Contains(all[0].Message, "number of shards") || !strings.Contains(fmt.Sprint(all[0].ContextMap()["error"]), test.says) {
					t.Errorf("logged: %v", all)
				}
			})
		})
	}
}

// TestFreshSessionsStayWithinTheBudget: they wait in the queue, and are refused where an Identify is.
func TestFreshSessionsStayWithinTheBudget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(3), gatewaytest.WithSessionStarts(10, 10, time.Hour))
		store := &disk{Store: session.NewMemoryStore()}
		for round := range 4 {
			m := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithFreshSessions())
			if err := m.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			err := m.WaitReady(t.Context())
			var budget *ratelimit.BudgetError
			if round < 3 && err != nil || round == 3 && !errors.As(err, &budget) {
				t.Errorf("round %d: %v", round, err)
			}
			pass(6 * time.Second)
			closeNow(t, m)
		}
		if s := g.Stats(); s.Identifies != 9 || s.Resumes != 0 {
			t.Errorf("%+v", s)
		}
		g.RequireNoViolations(t)
	})
}

// TestSnapshotsSayWhatTheShardIsLike: how many guilds it has, and how busy it is; both outlive the process.
func TestSnapshotsSayWhatTheShardIsLike(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(7))
		store := session.NewMemoryStore()
		m := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithLargeThreshold(100))
		start(t, m)
		g.World().AddGuild(8<<22, nil)
		g.World().AddGuild(9<<22, nil)
		g.World().RemoveGuild(9 << 22)
		for range 3 {
			g.World().GuildOutage(8<<22, true)
			g.World().GuildOutage(8<<22, false)
		}
		g.World().AddGuild(10<<22, nil)
		g.World().RemoveGuild(10 << 22)
		for range 1800 {
			g.Shard(0).Dispatch("X", 1)
			pass(500 * time.Millisecond)
		}
		closeNow(t, m)
		for range 2 {
			s, err := store.Load(t.Context(), events.ShardID{Total: 1})
			want := session.Terms{Known: true, Intents: events.IntentsUnprivileged, LargeThreshold: 100}
			if err != nil || s.Guilds != 8 || s.EventRate < 1.9 || s.EventRate > 2.1 || s.Terms != want || s.Bot != 4242 || !s.Exact || s.Fence == 0 {
				t.Errorf("%d guilds, %.2f events a second, %+v, bot %v, exact %v, fence %d, %v", s.Guilds, s.EventRate, s.Terms, s.Bot, s.Exact, s.Fence, err)
			}
			m = newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithLargeThreshold(100))
			start(t, m)
			pass(3 * time.Second)
			closeNow(t, m)
		}
		if s := g.Stats(); s.Identifies != 1 || s.Resumes != 2 {
			t.Errorf("%+v", s)
		}
	})
}
