package shardmanager_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// stickyStore is one from which nothing can be deleted, for a while.
type stickyStore struct {
	session.Store
	sticks atomic.Bool
}

func (s *stickyStore) Delete(ctx context.Context, id events.ShardID) error {
	if s.sticks.Load() {
		return errDisk
	}
	return s.Store.Delete(ctx, id)
}

// TestLostSessionIsDeletedInTheEnd: while a store does not forget a session that is lost, Persistence tells; when it can again, it does.
func TestLostSessionIsDeletedInTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := &stickyStore{Store: session.NewMemoryStore()}
		m := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, m)
		pass(10 * time.Second)
		id := events.ShardID{Index: 0, Total: 1}
		if _, err := store.Load(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		store.sticks.Store(true)
		g.ForgetSessions()
		g.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == events.OpIdentify }) // no session takes its place
		g.DropAll()
		pass(time.Minute)
		if p := m.Persistence(); !errors.Is(p.Err, errDisk) || p.Failures < 2 {
			t.Errorf("while it does not delete: %+v", p)
		}
		store.sticks.Store(false)
		pass(5 * time.Second)
		if _, err := store.Load(t.Context(), id); !errors.Is(err, session.ErrNoSnapshot) {
			t.Errorf("the lost session is still there: %v", err)
		}
		if p := m.Persistence(); p.Err != nil || p.Failures != 0 {
			t.Errorf("afterwards: %+v", p)
		}
	})
}
