package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// xs keeps the sequences of the events X that a manager's handler was given; those that may have come before are negative.
type xs struct {
	mu   sync.Mutex
	seqs []int64
}

func xsOf(m *shardmanager.Manager, during time.Duration) *xs {
	s := new(xs)
	shardmanager.OnRaw(m, func(_ context.Context, _ events.Raw, at events.Meta) {
		s.mu.Lock()
		if s.seqs = append(s.seqs, at.Seq); at.Redelivered {
			s.seqs[len(s.seqs)-1] = -at.Seq
		}
		s.mu.Unlock()
		time.Sleep(during)
	}, shardmanager.WithTypes("X"))
	return s
}

func (s *xs) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprint(s.seqs)
}

// standby starts a second process, which runs nothing.
func standby(t *testing.T, g *gatewaytest.Server, opts ...shardmanager.Option) *shardmanager.Manager {
	t.Helper()
	m := newManager(t, g, append(opts, shardmanager.WithStandby())...)
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestFleetIsHandedOver, shard by shard, from one process to the next and back again, with one store: nothing is lost, nothing comes twice, and no
// Identify is spent. Who starts next resumes what was handed over last.
func TestFleetIsHandedOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(3), gatewaytest.WithMaxConcurrency(3))
		store := session.NewMemoryStore()
		old := newManager(t, g, shardmanager.WithSessionStore(store))
		at := xsOf(old, 0)
		start(t, old)
		pass(3 * time.Second)
		next := standby(t, g, shardmanager.WithSessionStore(store))
		then := xsOf(next, 0)
		pass(30 * time.Second)
		if s := g.Stats(); s.Live != 3 || s.Connections != 3 || old.Persistence().Fenced != 0 {
			t.Fatalf("the second process has run something: %+v, %+v", s, old.Persistence())
		}
		seqs := make([]int64, 3)
		for index := range 3 {
			seqs[index] = g.Shard(index).Dispatch("X", 1)
			pass(100 * time.Millisecond)
			snapshot, err := old.Release(t.Context(), index)
			if err != nil || !snapshot.Exact || snapshot.Seq != seqs[index] {
				t.Fatalf("%v: %v, exact %v", err, snapshot, snapshot.Exact)
			}
			if err := next.Adopt(t.Context(), snapshot); err != nil {
				t.Fatal(err)
			}
		}
		if err := next.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		second := make([]int64, 3)
		for index := range 3 {
			second[index] = g.Shard(index).Dispatch("X", 2)
		}
		pass(5 * time.Second)
		if at.String() != fmt.Sprint(seqs) || then.String() != fmt.Sprint(second) {
			t.Errorf("there came %v and %v, of %v and %v", at, then, seqs, second)
		}
		if a, b := old.Persistence(), next.Persistence(); a.Fenced+a.Failures+b.Fenced+b.Failures != 0 {
			t.Errorf("%+v, %+v", a, b)
		}
		back, err := next.Release(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := old.Adopt(t.Context(), back); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		if s := old.Status(); s.Ready() != 1 || next.Status().Ready() != 2 {
			t.Errorf("%+v", s)
		}
		closeNow(t, old)
		closeNow(t, next)
		last := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, last)
		if s := g.Stats(); s.Identifies != 3 || s.Resumes != 7 {
			t.Errorf("%+v", s)
		}
		g.RequireNoViolations(t)
	})
}

// plain is a store that is no session.Claimer.
type plain struct{ session.Store }

// TestSnapshotIsAdoptedOnce: of processes that share a store one gets the shard, and the others are told.
func TestSnapshotIsAdoptedOnce(t *testing.T) {
	for name, of := range map[string]func(session.Store) session.Store{
		"a claimer": func(s session.Store) session.Store { return s },
		"none":      func(s session.Store) session.Store { return plain{s} },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				store := of(session.NewMemoryStore())
				m := newManager(t, g, shardmanager.WithSessionStore(store))
				start(t, m)
				snapshot, err := m.Release(t.Context(), 0)
				if err != nil {
					t.Fatal(err)
				}
				got := 0
				for range 3 {
					other := standby(t, g, shardmanager.WithSessionStore(store))
					var refused *actors.AdoptError
					switch err := other.Adopt(t.Context(), snapshot); {
					case err == nil:
						got++
					case !errors.As(err, &refused) || !errors.Is(err, session.ErrFenced):
						t.Error(err)
					}
				}
				if err := m.Adopt(t.Context(), snapshot); !errors.Is(err, session.ErrFenced) {
					t.Errorf("where it was released: %v", err)
				}
				pass(time.Minute)
				if s := g.Stats(); got != 1 || s.Live != 1 || s.Connections != 2 {
					t.Errorf("%d have it: %+v", got, s)
				}
			})
		})
	}
}

// TestAdoptionWhileTheStoreFails: nothing runs that the store does not know of; the same snapshot is adopted when it can be, also if the store had
// kept what it said it had not.
func TestAdoptionWhileTheStoreFails(t *testing.T) {
	for name, keeps := range map[string]bool{"it keeps nothing": false, "it has kept it": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				kept := session.NewMemoryStore()
				m := newManager(t, g, shardmanager.WithSessionStore(kept))
				start(t, m)
				snapshot, err := m.Release(t.Context(), 0)
				if err != nil {
					t.Fatal(err)
				}
				store := &failing{Store: kept, keeps: keeps}
				other := standby(t, g, shardmanager.WithSessionStore(store))
				if err := other.Adopt(t.Context(), snapshot); !errors.Is(err, errDisk) {
					t.Errorf("Adopt: %v", err)
				}
				pass(30 * time.Second)
				if s := g.Stats(); s.Live != 0 {
					t.Errorf("it runs: %+v", s)
				}
				store.well = true
				if err := other.Adopt(t.Context(), snapshot); err != nil {
					t.Fatal(err)
				}
				pass(5 * time.Second)
				if s := g.Stats(); s.Live != 1 || s.Resumes != 1 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// TestAdoptionOfWhatAnotherHasTakenMeanwhile: the store did not say what became of a claim, and then holds somebody else's. The shard is theirs, however
// much alike the two are.
func TestAdoptionOfWhatAnotherHasTakenMeanwhile(t *testing.T) {
	for name, theirs := range map[string]func(*session.Snapshot){
		"at another time":     func(s *session.Snapshot) { s.SavedAt = s.SavedAt.Add(time.Second) },
		"in another session":  func(s *session.Snapshot) { s.SessionID += "2" },
		"under a later fence": func(s *session.Snapshot) { s.Fence++ },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				kept := session.NewMemoryStore()
				m := newManager(t, g, shardmanager.WithSessionStore(kept))
				start(t, m)
				snapshot, err := m.Release(t.Context(), 0)
				if err != nil {
					t.Fatal(err)
				}
				store := &failing{Store: kept}
				other := standby(t, g, shardmanager.WithSessionStore(store))
				if err := other.Adopt(t.Context(), snapshot); !errors.Is(err, errDisk) {
					t.Errorf("Adopt: %v", err)
				}
				taken := snapshot
				theirs(&taken)
				if err := kept.(session.Claimer).Claim(t.Context(), taken); err != nil {
					t.Fatal(err)
				}
				store.well = true
				var refused *actors.AdoptError
				if err := other.Adopt(t.Context(), snapshot); !errors.As(err, &refused) || !errors.Is(err, session.ErrFenced) {
					t.Errorf("Adopt of what somebody else has: %v", err)
				}
				pass(5 * time.Second)
				if s := g.Stats(); s.Live != 0 {
					t.Errorf("it runs: %+v", s)
				}
			})
		})
	}
}

// failing is a store whose claims fail.
type failing struct {
	session.Store
	keeps, well bool
}

func (f *failing) Claim(ctx context.Context, s session.Snapshot) error {
	if f.well || f.keeps {
		if err := f.Store.(session.Claimer).Claim(ctx, s); err != nil || f.well {
			return err
		}
	}
	return errDisk
}
