package shardmanager_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestForeignSnapshots: what is not this bot's, or not this shard's, is not resumed.
// Failures: F105.
func TestForeignSnapshots(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*session.Snapshot){
		"another bot":   func(s *session.Snapshot) { s.Bot = 4243 },
		"no session":    func(s *session.Snapshot) { s.SessionID = "" },
		"before all":    func(s *session.Snapshot) { s.Seq = -1 },
		"another shard": func(s *session.Snapshot) { s.Shard.Index = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				if snapshotIsResumed(t, "NDI0Mg.x.y", change) {
					t.Error("it was resumed")
				}
			})
		})
	}
}

// TestSnapshotsThatMayBeThisBotsAreResumed: one is discarded as another bot's only if both bots are known for certain.
func TestSnapshotsThatMayBeThisBotsAreResumed(t *testing.T) {
	t.Parallel()
	same := func(*session.Snapshot) {}
	for _, test := range []struct {
		name, token string
		change      func(*session.Snapshot)
	}{
		{"this bot's", "NDI0Mg.x.y", same},
		{"this bot's, padded", "NDI0Mg==.x.y", same},
		{"of which nothing was handled yet", "NDI0Mg.x.y", func(s *session.Snapshot) { s.Seq = 0 }},
		{"nobody knows whose", "NDI0Mg.x.y", func(s *session.Snapshot) { s.Bot = 0 }},
		{"a token without an id", "token", same},
		{"a token that breaks off", "NDI0M.x.y", same},
		{"a token that begins like another bot's", "NDI0MzQy!.x.y", same},
		{"a token with an id that is none", "Ym90.x.y", same},
		{"a token with an id too large", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5.x.y", same},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				if !snapshotIsResumed(t, test.token, test.change) {
					t.Error("it was discarded")
				}
			})
		})
	}
}

// snapshotIsResumed starts a Manager with the token and a store that holds a snapshot of the bot 4242, after a change, and tells
// whether it sends a Resume.
func snapshotIsResumed(t *testing.T, token string, change func(*session.Snapshot)) (resumed bool) {
	t.Helper()
	g := newGateway(t)
	snapshot := session.Snapshot{Shard: events.ShardID{Total: 1}, SessionID: "s", ResumeURL: g.URL, Seq: 3, Bot: 4242}
	change(&snapshot)
	m, err := shardmanager.New(token, shardmanager.WithGateway(g), shardmanager.WithLogger(zap.NewNop()), shardmanager.WithSessionStore(always{snapshot}))
	if err != nil {
		t.Fatal(err)
	}
	start(t, m)
	closeNow(t, m)
	for _, f := range g.Frames(0) {
		resumed = resumed || f.Op == events.OpResume
	}
	return resumed
}

// always is a store that has one snapshot for all.
type always struct{ snapshot session.Snapshot }

func (a always) Load(context.Context, events.ShardID) (session.Snapshot, error) {
	return a.snapshot, nil
}

func (a always) Save(context.Context, ...session.Snapshot) error { return nil }
func (a always) Delete(context.Context, events.ShardID) error    { return nil }

// stuck is a store that never comes back.
type stuck struct {
	session.Store
	gate chan struct{}
}

func (s *stuck) Save(context.Context, ...session.Snapshot) error {
	<-s.gate
	return errDisk
}

// Failures: F107.
func TestStoreThatNeverComesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := &stuck{session.NewMemoryStore(), make(chan struct{})}
		m := newUnsaved(t, g, 1, shardmanager.WithSessionStore(store))
		var got seen
		shardmanager.OnRaw(m, got.handle)
		start(t, m)
		g.Shard(0).Dispatch("X", 1)
		pass(time.Minute)
		if _, last, _, _ := got.span(); last != 2 {
			t.Errorf("handled up to %d", last)
		}
		if p := m.Persistence(); !p.SavedAt.IsZero() {
			t.Errorf("saved at %v", p.SavedAt)
		}
		begin := time.Now()
		closeUnsaved(t, m, 1)
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("Close took %v", took)
		}
		close(store.gate)
		if late := g.Stats().Lateness; late > 0 {
			t.Errorf("a heartbeat was %v late", late)
		}
	})
}

// savings count what the hook is told of a store that takes 5 s for one shard: once that it takes long, and then how it ends.
type savings struct{ done, failed, odd atomic.Int64 }

func (s *savings) OnSaved(saved shardmanager.Saved) {
	if hangs := errors.Is(saved.Err, shardmanager.ErrStoreHangs); saved.Shards != 1 || !hangs && saved.Took != 5*time.Second {
		s.odd.Add(1)
	}
	if saved.Err != nil {
		s.failed.Add(1)
	} else {
		s.done.Add(1)
	}
}

// TestPersistenceTells: how often in a row the store has failed, and with what; and when it has everything. The hook is told
// each time that something was to be written, and only then.
// Failures: F107.
func TestPersistenceTells(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := &slowStore{Store: session.NewMemoryStore()}
		t.Cleanup(func() { pass(10 * time.Second) })
		store.broken.Store(true)
		var told savings
		m := newUnsaved(t, g, 1, shardmanager.WithSessionStore(store), shardmanager.WithHooks(&told))
		start(t, m)
		for range 3 {
			pass(time.Minute)
			if p, failed := m.Persistence(), told.failed.Load(); failed < 2 || int64(p.Failures) != failed || p.Err == nil || !p.SavedAt.IsZero() {
				t.Errorf("while it fails, and has failed %d times: %+v", failed, p)
			}
		}
		store.broken.Store(false)
		pass(50 * time.Second) // a minute later it is saved again, though nothing has changed
		if p := m.Persistence(); p.Failures != 0 || p.Err != nil || time.Since(p.SavedAt) > 10*time.Second {
			t.Errorf("afterwards: %+v", p)
		}
		if told.done.Load() != 1 || told.odd.Load() != 0 { // there is nothing new to save
			t.Errorf("told of %d successes, and of %d that were none of one shard in 5 s", told.done.Load(), told.odd.Load())
		}
	})
}

// TestStoreThatFailsForLongDoesNotFloodTheLog: it is told of now and then, and when it is over.
func TestStoreThatFailsForLongDoesNotFloodTheLog(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, store := newGateway(t), &fullDisk{Store: session.NewMemoryStore()}
		core, logs := observer.New(zap.WarnLevel)
		m := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithLogger(zap.New(core)))
		start(t, m)
		store.full.Store(true)
		for range 3600 {
			g.Shard(0).Dispatch("X", 1)
			pass(time.Second)
		}
		if n := logs.FilterMessageSnippet("not saved").Len(); n < 5 || n > 15 {
			t.Errorf("%d lines in an hour", n)
		}
		store.full.Store(false)
		pass(3 * time.Second)
		if logs.FilterMessageSnippet("saved again").Len() != 1 || m.Persistence().Failures != 0 {
			t.Errorf("it heals: %+v", m.Persistence())
		}
	})
}

// fullDisk is a store that cannot save while the disk is full.
type fullDisk struct {
	session.Store
	full atomic.Bool
}

func (s *fullDisk) Save(ctx context.Context, all ...session.Snapshot) error {
	if s.full.Load() {
		return errDisk
	}
	return s.Store.Save(ctx, all...)
}
