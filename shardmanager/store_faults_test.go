package shardmanager_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/zap"

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
				g := newGateway(t)
				snapshot := session.Snapshot{Shard: events.ShardID{Total: 1}, SessionID: "s", ResumeURL: g.URL, Seq: 3, Bot: 4242}
				change(&snapshot)
				m, err := shardmanager.New("NDI0Mg.x.y", shardmanager.WithGateway(g), shardmanager.WithLogger(zap.NewNop()), shardmanager.WithSessionStore(always{snapshot}))
				if err != nil {
					t.Fatal(err)
				}
				start(t, m)
				closeNow(t, m)
				for _, f := range g.Frames(0) {
					if f.Op == events.OpResume {
						t.Error("it was resumed")
					}
				}
			})
		})
	}
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
		m := newManager(t, g, shardmanager.WithSessionStore(store))
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
		closeNow(t, m)
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("Close took %v", took)
		}
		close(store.gate)
		if late := g.Stats().Lateness; late > 0 {
			t.Errorf("a heartbeat was %v late", late)
		}
	})
}

// Failures: F107.
func TestPersistenceTells(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := &slowStore{Store: session.NewMemoryStore()}
		t.Cleanup(func() { pass(10 * time.Second) })
		store.broken.Store(true)
		m := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, m)
		pass(time.Minute)
		if p := m.Persistence(); p.Failures < 2 || p.Err == nil || !p.SavedAt.IsZero() {
			t.Errorf("while it fails: %+v", p)
		}
		store.broken.Store(false)
		pass(time.Minute)
		if p := m.Persistence(); p.Failures != 0 || p.Err != nil || time.Since(p.SavedAt) > 10*time.Second {
			t.Errorf("afterwards: %+v", p)
		}
	})
}
