package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestReleaseInTime: a handler that takes too long, a context that ends before, and what was not asked for rightly.
func TestReleaseInTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
		m := newManager(t, g, shardmanager.WithDrain(4*time.Second))
		if _, err := m.Release(t.Context(), 0); !errors.Is(err, shardmanager.ErrNotStarted) {
			t.Errorf("before Start: %v", err)
		}
		if err := m.Adopt(t.Context(), session.Snapshot{}); !errors.Is(err, shardmanager.ErrNotStarted) {
			t.Errorf("before Start: %v", err)
		}
		at := xsOf(m, time.Minute)
		start(t, m)
		first := g.Shard(0).Dispatch("X", 1)
		g.Shard(0).Dispatch("X", 2)
		pass(time.Second)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		snapshot, err := m.Release(short, 0) // what its context leaves is half a second
		if took := time.Since(begun); err != nil || snapshot.Exact || snapshot.Seq != first-1 || took > time.Second {
			t.Errorf("after %v: %v, %v", took, snapshot, err)
		}
		if again, err := m.Release(t.Context(), 0); err != nil || again != snapshot {
			t.Errorf("once more: %v, %v", again, err)
		}
		if _, err := m.Release(t.Context(), 5); !errors.Is(err, actors.ErrUnknownShard) {
			t.Errorf("no such shard: %v", err)
		}
		g.Shard(1).Dispatch("X", 3)
		pass(time.Second)
		gone, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		if _, err := m.Release(gone, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		pass(10 * time.Second)
		if late, err := m.Release(t.Context(), 1); err != nil || late.SessionID == "" {
			t.Errorf("asked again: %v, %v", late, err)
		}
		if s := g.Stats(); s.Live != 0 || s.Identifies != 2 {
			t.Errorf("%+v", s)
		}
		pass(time.Minute)
		if at.String() != fmt.Sprintf("[%d %d]", first, first) { // one of each shard
			t.Errorf("there came %v", at)
		}
		closeNow(t, m)
		if _, err := m.Release(t.Context(), 0); !errors.Is(err, shardmanager.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// TestReleaseAndCloseTogether: the release comes to an end, and so does the Manager.
func TestReleaseAndCloseTogether(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		xsOf(m, 20*time.Second)
		start(t, m)
		g.Shard(0).Dispatch("X", 1)
		pass(time.Second)
		time.AfterFunc(time.Second, func() { closeNow(t, m) })
		if _, err := m.Release(t.Context(), 0); !errors.Is(err, shardmanager.ErrClosed) {
			t.Errorf("Release: %v", err)
		}
		pass(time.Minute)
	})
}

// TestShardOfADeadProcessIsTakenOver by what the store holds of it.
func TestShardOfADeadProcessIsTakenOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := session.NewMemoryStore()
		old := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, old)
		seq := g.Shard(0).Dispatch("X", 1)
		pass(3 * time.Second)
		next := standby(t, g, shardmanager.WithSessionStore(store))
		then := xsOf(next, 0)
		g.Outage(true) // of the old one, which hangs and does not know
		g.DropAll()
		snapshot, err := store.Load(t.Context(), events.ShardID{Total: 1})
		if err != nil || snapshot.Seq != seq {
			t.Fatalf("%v, %v", snapshot, err)
		}
		if err := next.Adopt(t.Context(), snapshot); !errors.Is(err, session.ErrFenced) {
			t.Errorf("with its own fence: %v", err)
		}
		snapshot.Fence++
		if err := next.Adopt(t.Context(), snapshot); err != nil {
			t.Fatal(err)
		}
		closeNow(t, old)
		g.Outage(false)
		if err := next.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.Shard(0).Dispatch("X", 2)
		pass(5 * time.Second)
		if s := g.Stats(); s.Identifies != 1 || s.Resumes != 1 || then.String() == "[]" {
			t.Errorf("%+v, there came %v", s, then)
		}
	})
}

// TestShardOfADeadProcessWhoseSessionHasEndedIsTakenOver: the store has forgotten the fence as well. A later one is the time; with it who was
// taken for dead is fenced when it comes back.
func TestShardOfADeadProcessWhoseSessionHasEndedIsTakenOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithParallelSessions())
		store, id := session.NewMemoryStore(), events.ShardID{Total: 1}
		old := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, old)
		pass(3 * time.Second)
		next := standby(t, g, shardmanager.WithSessionStore(store))
		g.Shard(0).InvalidSession(false)
		pass(100 * time.Millisecond)
		g.Outage(true) // of the old one, which hangs and does not know
		pass(5 * time.Second)
		if snapshot, err := store.Load(t.Context(), id); !errors.Is(err, session.ErrNoSnapshot) {
			t.Fatalf("%v, %v", snapshot, err)
		}
		snapshot := session.Snapshot{Shard: id, Fence: uint64(time.Now().UnixMicro())}
		if err := next.Adopt(t.Context(), snapshot); err != nil {
			t.Fatal(err)
		}
		g.Outage(false)
		pass(time.Minute)
		if stored, err := store.Load(t.Context(), id); err != nil || stored.Fence != snapshot.Fence || stored.SessionID == "" {
			t.Errorf("%v under fence %d in place of %d: %v", stored, stored.Fence, snapshot.Fence, err)
		}
		if p := next.Persistence(); p.Fenced != 0 {
			t.Errorf("the next: %+v", p)
		}
		if p := old.Persistence(); p.Fenced != 1 {
			t.Errorf("the old one: %+v", p)
		}
	})
}
