package shardmanager_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// late is a store that takes its time to load, whatever its context says.
type late struct{ session.Store }

func (s late) Load(_ context.Context, id events.ShardID) (session.Snapshot, error) {
	time.Sleep(3 * time.Second)
	return s.Store.Load(context.Background(), id)
}

// TestCloseWhileTheStoreIsReadEndsStart: with ErrClosed, though the store answers well in the end, and nothing is dialled.
func TestCloseWhileTheStoreIsReadEndsStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g, shardmanager.WithSessionStore(late{session.NewMemoryStore()}))
		started := make(chan error, 1)
		go func() { started <- m.Start(t.Context()) }()
		pass(time.Second)
		closeNow(t, m)
		if err := <-started; !errors.Is(err, shardmanager.ErrClosed) {
			t.Errorf("Start: %v", err)
		}
		pass(time.Hour)
		if n := g.Stats().Connections; n != 0 {
			t.Errorf("%d connections", n)
		}
	})
}

// toldOf counts what the hook is told.
type toldOf struct{ shards atomic.Int64 }

func (h *toldOf) OnSaved(saved shardmanager.Saved) { h.shards.Add(int64(saved.Shards)) }

// writes is a store that counts what it is given.
type writes struct {
	session.Store
	saved, deleted atomic.Int64
	undated        atomic.Int64 // that do not say when they were true
}

func (s *writes) Save(ctx context.Context, all ...session.Snapshot) error {
	for _, snapshot := range all {
		if snapshot.SessionID != "" { // an empty one is about to be deleted
			s.saved.Add(1)
		}
		if age := time.Since(snapshot.SavedAt); age < 0 || age > time.Second {
			s.undated.Add(1)
		}
	}
	return s.Store.Save(ctx, all...)
}

func (s *writes) Delete(ctx context.Context, id events.ShardID) error {
	s.deleted.Add(1)
	return s.Store.Delete(ctx, id)
}

// TestHookIsToldOfAllThatIsWritten: of sessions that are saved and of those that are deleted, since they are lost.
func TestHookIsToldOfAllThatIsWritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store, told := &writes{Store: session.NewMemoryStore()}, new(toldOf)
		m := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithHooks(told), shardmanager.WithShards(3))
		start(t, m)
		for index := range 3 {
			pass(10 * time.Second)
			g.Shard(index).InvalidSession(false)
		}
		pass(time.Minute)
		if deleted, saved := store.deleted.Load(), store.saved.Load(); deleted == 0 || told.shards.Load() != saved+deleted || store.undated.Load() != 0 {
			t.Errorf("%d saved and %d deleted, and %d told; %d with another time", saved, deleted, told.shards.Load(), store.undated.Load())
		}
	})
}
