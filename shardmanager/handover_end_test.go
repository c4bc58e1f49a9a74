package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
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

// TestReleaseWaitsForHandlers for ten seconds, or as long as WithDrain says, and for no longer.
func TestReleaseWaitsForHandlers(t *testing.T) {
	for name, c := range map[string]struct {
		opts    []shardmanager.Option
		handler time.Duration // it takes so long
		within  time.Duration
		exact   bool
	}{
		"by default":                     {nil, time.Minute, 10 * time.Second, false},
		"WithDrain, longer":              {[]shardmanager.Option{shardmanager.WithDrain(20 * time.Second)}, time.Minute, 20 * time.Second, false},
		"WithDrain(0)":                   {[]shardmanager.Option{shardmanager.WithDrain(0)}, time.Minute, 0, false},
		"WithDrain(0), and none is busy": {[]shardmanager.Option{shardmanager.WithDrain(0)}, 0, 0, true},
		"it is done before":              {nil, 6 * time.Second, 5 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				m := newManager(t, g, c.opts...)
				xsOf(m, c.handler)
				start(t, m)
				seq := g.Shard(0).Dispatch("X", 1)
				pass(time.Second)
				begun := time.Now()
				snapshot, err := m.Release(t.Context(), 0)
				if took := time.Since(begun); err != nil || took < c.within || took > c.within+time.Second {
					t.Errorf("after %v: %v", took, err)
				}
				if snapshot.SessionID == "" || snapshot.Exact != c.exact || (snapshot.Seq == seq) != c.exact {
					t.Errorf("exact %v, %d of %d", snapshot.Exact, snapshot.Seq, seq)
				}
				pass(time.Minute)
			})
		})
	}
}

// TestReleaseOfAPausedShardWaitsForNothing: it has no connection, and so nothing to wait for.
func TestReleaseOfAPausedShardWaitsForNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		seq := g.Shard(0).Dispatch("X", 1)
		pass(time.Second)
		if err := m.Pause(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		begun := time.Now()
		snapshot, err := m.Release(t.Context(), 0)
		if took := time.Since(begun); err != nil || snapshot.SessionID == "" || !snapshot.Exact || snapshot.Seq != seq || took > 10*time.Millisecond {
			t.Errorf("after %v: %v, %v", took, snapshot, err)
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

// claiming is a store that takes its time for a claim.
type claiming struct {
	session.Store
	now, most atomic.Int32
}

func (c *claiming) Claim(ctx context.Context, s session.Snapshot) error {
	c.most.Store(max(c.most.Load(), c.now.Add(1)))
	defer c.now.Add(-1)
	time.Sleep(100 * time.Millisecond)
	return c.Store.(session.Claimer).Claim(ctx, s)
}

// TestShardsAreClaimedOneByOne: what the store does not answer to is of one shard. Who waits for its turn may leave.
func TestShardsAreClaimedOneByOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const shards = 5
		g := newGateway(t, gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(shards))
		kept := session.NewMemoryStore()
		m := newManager(t, g, shardmanager.WithSessionStore(kept))
		start(t, m)
		var released [shards]session.Snapshot
		for i := range released {
			var err error
			if released[i], err = m.Release(t.Context(), i); err != nil {
				t.Fatal(err)
			}
		}
		store := &claiming{Store: kept}
		other := standby(t, g, shardmanager.WithSessionStore(store))
		errs := make(chan error, shards)
		for _, snapshot := range released[1:] {
			go func() { errs <- other.Adopt(t.Context(), snapshot) }()
		}
		pass(10 * time.Millisecond)
		short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := other.Adopt(short, released[0]); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Adopt that does not wait for its turn: %v", err)
		}
		for range released[1:] {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if most := store.most.Load(); most != 1 {
			t.Errorf("%d shards were claimed at the same time", most)
		}
		if err := other.Adopt(t.Context(), released[0]); err != nil {
			t.Error(err)
		}
		pass(5 * time.Second)
		if s := g.Stats(); s.Live != shards || s.Resumes != shards {
			t.Errorf("%+v", s)
		}
	})
}
