package shardmanager_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// saves keeps what a hook is told of the store.
type saves struct {
	mu  sync.Mutex
	all []shardmanager.Saved
}

func (s *saves) OnSaved(saved shardmanager.Saved) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, saved)
}

// told is how often the hook was told of an error.
func (s *saves) told(err error) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, saved := range s.all {
		if errors.Is(saved.Err, err) {
			n++
		}
	}
	return n
}

// TestLaterProcessOwnsTheShards: of two processes with one store the one that started last saves. The other says so, goes on serving, and
// writes nothing any more, also when it loses a session. Both end without an error.
//
// Failures: F37.
func TestLaterProcessOwnsTheShards(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2), gatewaytest.WithParallelSessions())
		store := session.NewMemoryStore()
		core, logs := observer.New(zap.WarnLevel)
		var told saves
		var handled atomic.Int64
		first := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithHooks(&told), shardmanager.WithLogger(zap.New(core)))
		shardmanager.OnRaw(first, func(context.Context, events.Raw, events.Meta) { handled.Add(1) }, shardmanager.WithTypes("X"))
		start(t, first)
		pass(10 * time.Second)
		of := func(index int) session.Snapshot {
			t.Helper()
			s, err := store.Load(t.Context(), events.ShardID{Index: index, Total: 2})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		before := of(0)
		old := g.Session(1)
		second := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithFreshSessions()) // it leaves the sessions alone
		start(t, second)
		pass(10 * time.Second)
		if now := of(0); now.Fence <= before.Fence || now.SessionID == before.SessionID {
			t.Errorf("the fence was %d and is %d, the session is the same: %v", before.Fence, now.Fence, now.SessionID == before.SessionID)
		}
		old.Dispatch("X", 1)
		pass(10 * time.Second)
		if p := first.Persistence(); p.Fenced != 1 || !errors.Is(p.Err, session.ErrFenced) || p.Failures != 0 {
			t.Errorf("the first: %+v", p)
		}
		if told.told(session.ErrFenced) != 1 || logs.FilterMessageSnippet("another process has taken over").Len() != 1 {
			t.Errorf("hook %d, log %v", told.told(session.ErrFenced), logs.All())
		}
		old.Dispatch("X", 2)
		old.InvalidSession(false) // it would forget what is stored
		pass(time.Minute)
		if first.Status().Ready() != 2 || handled.Load() != 2 {
			t.Errorf("%d are ready, %d events handled", first.Status().Ready(), handled.Load())
		}
		if now := of(0); now.Fence != of(1).Fence {
			t.Errorf("the fences are %d and %d", now.Fence, of(1).Fence)
		}
		if p := second.Persistence(); p.Fenced != 0 || p.Err != nil {
			t.Errorf("the second: %+v", p)
		}
		closeNow(t, first)
		closeNow(t, second)
		third := newManager(t, g, shardmanager.WithSessionStore(store))
		resumes := g.Stats().Resumes
		start(t, third)
		if s := g.Stats(); s.Resumes != resumes+2 {
			t.Errorf("%d resumes, before %d", s.Resumes, resumes)
		}
	})
}

// vague is a store whose refusals do not name a shard, or come with another error.
type vague struct {
	session.Store
	how func(error) error
}

func (v vague) Save(ctx context.Context, all ...session.Snapshot) error {
	if err := v.Store.Save(ctx, all...); err != nil {
		return v.how(err)
	}
	return nil
}

// TestRefusalsThatAreVague: which shards are another process's is found out, and the others are saved.
func TestRefusalsThatAreVague(t *testing.T) {
	for name, how := range map[string]func(error) error{
		"as it is":    func(err error) error { return err },
		"wrapped":     func(err error) error { return errors.Join(errDisk, err) },
		"of no shard": func(error) error { return session.ErrFenced },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(4), gatewaytest.WithMaxConcurrency(4))
				kept := session.NewMemoryStore()
				m := newManager(t, g, shardmanager.WithSessionStore(vague{kept, how}))
				start(t, m)
				pass(3 * time.Second)
				lost := []events.ShardID{{Index: 1, Total: 4}, {Index: 2, Total: 4}, {Index: 3, Total: 4}}
				for _, id := range lost {
					theirs, err := kept.Load(t.Context(), id)
					theirs.Fence++
					if err := errors.Join(err, kept.Save(t.Context(), theirs)); err != nil {
						t.Fatal(err)
					}
				}
				for index := range 4 {
					g.Shard(index).Dispatch("X", 1)
				}
				pass(3 * time.Second)
				for index := range 4 {
					s, err := kept.Load(t.Context(), events.ShardID{Index: index, Total: 4})
					if err != nil || (s.Seq == 2) != (index == 0) {
						t.Errorf("shard %d: %v, %v", index, s, err)
					}
				}
				p, fenced := m.Persistence(), new(session.FencedError)
				if !errors.As(p.Err, &fenced) || !slices.Equal(fenced.Shards, lost) || p.Fenced != len(lost) || p.Failures != 0 {
					t.Errorf("%+v", p)
				}
			})
		})
	}
}

// TestTakenOverWhileItStarts: who finds at the start that a later process was faster does not resume its sessions.
func TestTakenOverWhileItStarts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := session.NewMemoryStore()
		first := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, first)
		pass(6 * time.Second)
		closeNow(t, first)
		m := newManager(t, g, shardmanager.WithSessionStore(&overtaken{Store: store}))
		start(t, m)
		pass(10 * time.Second)
		if s := g.Stats(); s.Resumes != 0 || s.Identifies != 2 {
			t.Errorf("%+v", s)
		}
		if p := m.Persistence(); p.Fenced != 1 {
			t.Errorf("%+v", p)
		}
	})
}

// TestFenceIsAboveWhatIsStored, also if the clock of the process that stored it was ahead of ours: who starts last has the higher.
func TestFenceIsAboveWhatIsStored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(1))
		store := session.NewMemoryStore()
		first := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, first)
		pass(6 * time.Second)
		closeNow(t, first)
		id := events.ShardID{Total: 1}
		stored, err := store.Load(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		stored.Fence = uint64(time.Now().Add(time.Hour).UnixMicro())
		if err := store.Save(t.Context(), stored); err != nil {
			t.Fatal(err)
		}
		m := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, m)
		pass(10 * time.Second)
		if now, err := store.Load(t.Context(), id); err != nil || now.Fence <= stored.Fence {
			t.Errorf("the fence was %d and is %d: %v", stored.Fence, now.Fence, err)
		}
		if p := m.Persistence(); p.Fenced != 0 || p.Err != nil {
			t.Errorf("%+v", p)
		}
	})
}

// overtaken is a store in which another process saves first, whenever something is loaded.
type overtaken struct{ session.Store }

func (o *overtaken) Load(ctx context.Context, id events.ShardID) (session.Snapshot, error) {
	s, err := o.Store.Load(ctx, id)
	if err == nil {
		theirs := s
		theirs.Fence = uint64(time.Now().Add(time.Hour).UnixMicro())
		err = o.Store.Save(ctx, theirs)
	}
	return s, err
}

// halting is a store whose refusals name no shard, and that fails on one shard for a while.
type halting struct {
	session.Store
	fails *atomic.Bool
	index int // of the shard
}

func (h halting) Save(ctx context.Context, all ...session.Snapshot) error {
	for _, s := range all {
		if h.fails.Load() && len(all) == 1 && s.Shard.Index == h.index {
			return errDisk
		}
	}
	if err := h.Store.Save(ctx, all...); err != nil {
		return session.ErrFenced
	}
	return nil
}

// TestFailureBesideARefusalIsTold: a shard that could not be saved while others were refused counts as not saved, and is saved when that works. Those that
// were refused before are another process's all the same.
func TestFailureBesideARefusalIsTold(t *testing.T) {
	for name, c := range map[string]struct{ theirs, fails, told int }{
		"that comes after it": {theirs: 2, fails: 0},
		"that came before it": {theirs: 0, fails: 2, told: 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(3), gatewaytest.WithMaxConcurrency(3))
				kept, fails := session.NewMemoryStore(), new(atomic.Bool)
				m := newManager(t, g, shardmanager.WithSessionStore(halting{kept, fails, c.fails}))
				start(t, m)
				pass(3 * time.Second)
				theirs, err := kept.Load(t.Context(), events.ShardID{Index: c.theirs, Total: 3})
				if err != nil {
					t.Fatal(err)
				}
				theirs.Fence++
				if err := kept.Save(t.Context(), theirs); err != nil {
					t.Fatal(err)
				}
				fails.Store(true)
				for index := range 3 {
					g.Shard(index).Dispatch("X", 1)
				}
				pass(3 * time.Second)
				if p := m.Persistence(); !errors.Is(p.Err, errDisk) || p.Failures == 0 || p.Fenced != c.told {
					t.Errorf("a shard is not saved: %+v", p)
				}
				fails.Store(false)
				pass(3 * time.Second)
				s, err := kept.Load(t.Context(), events.ShardID{Index: c.fails, Total: 3})
				if p := m.Persistence(); err != nil || s.Seq != 2 || p.Failures != 0 || p.Fenced != 1 {
					t.Errorf("then %v, %v, %+v", s, err, p)
				}
			})
		})
	}
}

// TestStoreThatKnowsNoTotalsIsNoTrouble: what it cannot be asked for is not asked for, and not warned of.
func TestStoreThatKnowsNoTotalsIsNoTrouble(t *testing.T) {
	bubble(t, func(t *testing.T) {
		core, logs := observer.New(zap.WarnLevel)
		start(t, newManager(t, newGateway(t), shardmanager.WithSessionStore(vague{session.NewMemoryStore(), nil}), shardmanager.WithLogger(zap.New(core))))
		pass(10 * time.Second)
		for _, entry := range logs.All() {
			t.Errorf("logged: %s %v", entry.Message, entry.ContextMap())
		}
	})
}
