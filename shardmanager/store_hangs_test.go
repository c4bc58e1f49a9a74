package shardmanager_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// bounded ends a manager, and fails if that takes longer than Close may.
func bounded(t *testing.T, m *shardmanager.Manager) error {
	t.Helper()
	began := time.Now()
	err := m.Close(context.Background())
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("Close took %v", took)
	}
	return err
}

// TestLedgerThatDoesNotDoItsWork: whatever it does instead, no Identify is written that is not written down; the shard, a hook and
// Persistence say why, what is live goes on, and when it heals so does the rest.
//
// Failures: F38.
func TestLedgerThatDoesNotDoItsWork(t *testing.T) {
	for _, method := range []string{"LoadLedger", "SaveLedger"} {
		t.Run(method, func(t *testing.T) {
			eachMood(t, func(t *testing.T, bad func() error, heal func()) {
				g := newGateway(t)
				store := newMoody()
				store.mood(method, bad)
				var told refusals
				m := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithHooks(&told))
				if err := m.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				pass(10 * time.Minute)
				var why *ratelimit.LedgerError
				if status, _ := m.Shard(0).Status(); !errors.As(status.Cause, &why) {
					t.Errorf("%v, because of %v", status.State, status.Cause)
				}
				if told.ledger() == 0 || m.Persistence().Ledger == nil || g.Stats().Identifies != 0 {
					t.Errorf("told %d times, %+v, %d identifies", told.ledger(), m.Persistence(), g.Stats().Identifies)
				}
				store.mood(method, nil)
				heal()
				pass(2 * time.Minute)
				if p := m.Persistence(); g.Stats().Identifies != 1 || m.Status().Ready() != 1 || p.Ledger != nil {
					t.Errorf("afterwards: %+v, %d ready, %+v", g.Stats(), m.Status().Ready(), p)
				}
				store.mood(method, bad)
				if err := bounded(t, m); err != nil {
					t.Errorf("Close: %v", err)
				}
				g.RequireNoViolations(t)
			})
		})
	}
}

// TestCloseBesideALedgerThatHangs: nobody waits for it.
func TestCloseBesideALedgerThatHangs(t *testing.T) {
	eachMood(t, func(t *testing.T, bad func() error, heal func()) {
		g := newGateway(t)
		store := newMoody()
		store.mood("SaveLedger", bad)
		m := newManager(t, g, shardmanager.WithSessionStore(store))
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Second)
		if err := bounded(t, m); err != nil {
			t.Errorf("Close: %v", err)
		}
		heal()
		pass(time.Second) // what it has to say then is a dead letter
	})
}

// TestSaveThatDoesNotDoItsWork: events go on, Persistence and a hook say what is the matter, nothing else is asked of a store that hangs, and
// when it heals all is saved.
//
// Failures: F107.
func TestSaveThatDoesNotDoItsWork(t *testing.T) {
	eachMood(t, func(t *testing.T, bad func() error, heal func()) {
		g := newGateway(t)
		store := newMoody()
		var told saves
		m := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithHooks(&told))
		var got seen
		shardmanager.OnRaw(m, got.handle)
		start(t, m)
		pass(3 * time.Second)
		store.mood("Save", bad)
		calls := store.called("Save")
		g.Shard(0).Dispatch("X", 1)
		pass(10 * time.Second)
		p := m.Persistence()
		if p.Err == nil || p.Failures == 0 || told.told(p.Err) == 0 {
			t.Errorf("%+v, told %d times", p, told.told(p.Err))
		}
		if hangs := errors.Is(p.Err, shardmanager.ErrStoreHangs); hangs && store.called("Save") != calls+1 {
			t.Errorf("%d calls of a store that hangs", store.called("Save")-calls)
		}
		if _, last, _, _ := got.span(); last != 2 || g.Stats().Lateness > 0 {
			t.Errorf("handled up to %d, %+v", last, g.Stats())
		}
		store.mood("Save", nil)
		heal()
		pass(3 * time.Second)
		s, err := store.disk.Load(t.Context(), events.ShardID{Total: 1})
		if p := m.Persistence(); p.Err != nil || p.Failures != 0 || time.Since(p.SavedAt) > 2*time.Second || err != nil || s.Seq != 2 {
			t.Errorf("afterwards: %+v, saved %v, %v", p, s, err)
		}
		if err := bounded(t, m); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// TestCloseThatCannotSave: it says how many sessions were not saved and why, in its time, and nothing is saved later, when
// another process may have them.
func TestCloseThatCannotSave(t *testing.T) {
	eachMood(t, func(t *testing.T, bad func() error, heal func()) {
		g := newGateway(t, gatewaytest.WithShards(3), gatewaytest.WithMaxConcurrency(3))
		store := newMoody()
		m := newUnsaved(t, g, 3, shardmanager.WithSessionStore(store))
		start(t, m)
		pass(3 * time.Second)
		store.mood("Save", bad)
		err := bounded(t, m)
		var unsaved *shardmanager.UnsavedError
		if !errors.As(err, &unsaved) || unsaved.Shards != 3 || unsaved.Err == nil {
			t.Errorf("Close: %v", err)
		}
		calls := store.called("Save")
		store.mood("Save", nil)
		heal()
		pass(time.Minute)
		if n := store.called("Save"); n != calls {
			t.Errorf("%d saves after Close", n-calls)
		}
	})
}

// TestCloseWhoseLastSaveBeginsLate: a save was under way when it was called, which did its work, and the last one hangs. It says so, though none has failed.
func TestCloseWhoseLastSaveBeginsLate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store, gate := newMoody(), make(chan struct{})
		m := newUnsaved(t, g, 1, shardmanager.WithSessionStore(store))
		start(t, m)
		pass(3 * time.Second)
		begun := make(chan struct{}, 1)
		store.mood("Save", func() error {
			store.mood("Save", func() error { <-gate; return nil })
			begun <- struct{}{}
			time.Sleep(700 * time.Millisecond)
			return nil
		})
		g.Shard(0).Dispatch("X", 1)
		<-begun
		err := bounded(t, m)
		var unsaved *shardmanager.UnsavedError
		if !errors.As(err, &unsaved) || unsaved.Shards != 1 || !errors.Is(err, shardmanager.ErrStoreHangs) {
			t.Errorf("Close: %v", err)
		}
		if p := m.Persistence(); p.Failures != 0 {
			t.Errorf("a save has failed before: %+v", p)
		}
		close(gate)
		pass(time.Second)
	})
}

// TestLogoutThatCannotForget: the sessions are over, and the store may still have them.
func TestLogoutThatCannotForget(t *testing.T) {
	for _, method := range []string{"Delete", "Save"} {
		t.Run(method, func(t *testing.T) {
			eachMood(t, func(t *testing.T, bad func() error, heal func()) {
				g := newGateway(t)
				store := newMoody()
				m := newUnsaved(t, g, 1, shardmanager.WithSessionStore(store))
				start(t, m)
				pass(3 * time.Second)
				store.mood(method, bad)
				var unsaved *shardmanager.UnsavedError
				if err := m.Logout(context.Background()); !errors.As(err, &unsaved) || unsaved.Shards != 1 {
					t.Errorf("Logout: %v", err)
				}
			})
		})
	}
}

// TestStartThatMeetsAStoreThatHangs: it waits for as long as it may, and Close does not wait for it.
func TestStartThatMeetsAStoreThatHangs(t *testing.T) {
	for _, method := range []string{"Load", "Save"} {
		t.Run(method, func(t *testing.T) {
			for _, by := range []string{"ctx", "Close"} {
				t.Run(by, func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						g := newGateway(t)
						store := newMoody()
						gate := make(chan struct{})
						defer close(gate)
						snapshot := session.Snapshot{Shard: events.ShardID{Total: 1}, SessionID: "s", ResumeURL: g.URL, Seq: 3}
						if err := store.Save(t.Context(), snapshot); err != nil {
							t.Fatal(err)
						}
						store.mood(method, func() error { <-gate; return nil })
						m := newManager(t, g, shardmanager.WithSessionStore(store))
						ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
						defer cancel()
						result := make(chan error, 1)
						go func() { result <- m.Start(ctx) }()
						pass(30 * time.Second)
						want := context.DeadlineExceeded
						if by == "Close" {
							want = shardmanager.ErrClosed
							if err := bounded(t, m); err != nil {
								t.Errorf("Close: %v", err)
							}
						}
						if err := <-result; !errors.Is(err, want) || !errors.Is(err, shardmanager.ErrStoreHangs) {
							t.Errorf("Start: %v", err)
						}
						if s := g.Stats(); s.Connections != 0 {
							t.Errorf("%+v", s)
						}
						if err := bounded(t, m); err != nil {
							t.Errorf("Close: %v", err)
						}
					})
				})
			}
		})
	}
}

// TestStoreThatWasLeftBehindIsHeardNoMore: what it says after Close has returned is nobody's, neither a hook's nor the log's.
func TestStoreThatWasLeftBehindIsHeardNoMore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
		store, gate := newMoody(), make(chan struct{})
		var told saves
		m := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithHooks(&told))
		start(t, m)
		pass(3 * time.Second)
		store.mood("Save", func() error { <-gate; return nil })
		g.Shard(0).Close(events.CloseInvalidShard) // its session is saved empty, and then deleted
		g.Shard(1).Dispatch("X", 1)
		pass(10 * time.Second)
		if err := bounded(t, m); err == nil {
			t.Error("Close says nothing of a store that hangs")
		}
		pass(time.Second)
		before, state, calls := told.told(nil), m.Persistence(), store.called("Save")+store.called("Delete")
		close(gate)
		pass(10 * time.Second)
		if more := store.called("Save") + store.called("Delete") - calls; more != 0 {
			t.Errorf("it is called %d times more", more)
		}
		if after := told.told(nil); after != before || m.Persistence() != state {
			t.Errorf("saves told: %d, then %d; %+v, then %+v", before, after, state, m.Persistence())
		}
	})
}
