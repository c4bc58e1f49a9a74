package storetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

func fenced(index, total int, seq int64, fence uint64) session.Snapshot {
	s := sample(index, total, seq)
	s.Fence = fence
	return s
}

// refused checks that a Save is refused for some shards, and returns nothing else.
func refused(t *testing.T, err error, shards ...events.ShardID) {
	t.Helper()
	var which *session.FencedError
	if !errors.Is(err, session.ErrFenced) || !errors.As(err, &which) {
		t.Errorf("Save: %v, want a *session.FencedError", err)
		return
	}
	named := slices.Clone(which.Shards)
	slices.SortFunc(named, func(a, b events.ShardID) int { return a.Index - b.Index })
	if !slices.Equal(named, shards) {
		t.Errorf("refused: %v, want %v", named, shards)
	}
}

func lowerFence(t *testing.T, s session.Store) {
	id := events.ShardID{Index: 0, Total: 1}
	save(t, s, fenced(0, 1, 1, 7))
	save(t, s, fenced(0, 1, 2, 7)) // the owner goes on
	save(t, s, fenced(0, 1, 3, 8)) // another takes over
	refused(t, s.Save(t.Context(), fenced(0, 1, 4, 7)), id)
	refused(t, s.Save(t.Context(), fenced(0, 1, 5, 0)), id) // whoever knows of no fences owns nothing that has one
	if got := load(t, s, id); got.Seq != 3 || got.Fence != 8 {
		t.Errorf("sequence %d, fence %d", got.Seq, got.Fence)
	}
	if err := s.Delete(t.Context(), id); err != nil { // of an operator: nobody owns it any more
		t.Fatal(err)
	}
	save(t, s, fenced(0, 1, 6, 1))
	if got := load(t, s, id); got.Seq != 6 {
		t.Errorf("sequence %d after it was deleted", got.Seq)
	}
}

func fencedBatch(t *testing.T, s session.Store) {
	save(t, s, fenced(0, 4, 1, 5), fenced(1, 4, 1, 9), fenced(3, 4, 1, 9))
	refused(t, s.Save(t.Context(), fenced(0, 4, 2, 5), fenced(1, 4, 2, 5), fenced(2, 4, 2, 5), fenced(3, 4, 2, 5)),
		events.ShardID{Index: 1, Total: 4}, events.ShardID{Index: 3, Total: 4})
	for index, want := range []int64{2, 1, 2, 1} {
		if got := load(t, s, events.ShardID{Index: index, Total: 4}); got.Seq != want {
			t.Errorf("shard %d is at %d, want %d", index, got.Seq, want)
		}
	}
}

// owners: whoever saves, and whenever, what is stored never goes back to a lower fence.
func owners(t *testing.T, s session.Store) {
	const many, rounds = 8, 20
	var all sync.WaitGroup
	for owner := range many {
		all.Go(func() {
			for seq := range int64(rounds) {
				if err := s.Save(t.Context(), fenced(0, 1, seq, uint64(owner+1))); err != nil && !errors.Is(err, session.ErrFenced) {
					t.Errorf("Save: %v", err)
				}
				if got, err := s.Load(t.Context(), events.ShardID{Total: 1}); err != nil || got.Fence < uint64(owner+1) {
					t.Errorf("owner %d finds %d, %v", owner+1, got.Fence, err)
				}
			}
		})
	}
	all.Wait()
	if got := load(t, s, events.ShardID{Total: 1}); got.Fence != many || got.Seq != rounds-1 {
		t.Errorf("fence %d, sequence %d are left", got.Fence, got.Seq)
	}
}

// claims is for stores that are a session.Claimer.
func claims(t *testing.T, s session.Store) {
	claimer, ok := s.(session.Claimer)
	if !ok {
		t.Skip("it is no session.Claimer")
	}
	id := events.ShardID{Index: 1, Total: 2}
	refused(t, claimer.Claim(t.Context(), fenced(1, 2, 1, 0)), id)
	missing(t, s, id)
	if err := claimer.Claim(t.Context(), fenced(1, 2, 1, 5)); err != nil { // nobody had it
		t.Fatal(err)
	}
	refused(t, claimer.Claim(t.Context(), fenced(1, 2, 2, 5)), id) // somebody was faster, under the same fence
	refused(t, claimer.Claim(t.Context(), fenced(1, 2, 3, 4)), id)
	if got := load(t, s, id); got.Seq != 1 || got.Fence != 5 {
		t.Errorf("sequence %d, fence %d", got.Seq, got.Fence)
	}
	save(t, s, fenced(1, 2, 4, 5)) // the owner goes on
	if err := claimer.Claim(t.Context(), fenced(1, 2, 5, 6)); err != nil {
		t.Fatal(err)
	}
	refused(t, s.Save(t.Context(), fenced(1, 2, 6, 5)), id)
	if got := load(t, s, id); got.Seq != 5 || !equal(got, fenced(1, 2, 5, 6)) {
		t.Errorf("%v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := claimer.Claim(ctx, fenced(1, 2, 7, 7)); !errors.Is(err, context.Canceled) {
		t.Errorf("Claim: %v", err)
	}
}

// oneClaim: of many who claim a shard under the same fence, one does.
func oneClaim(t *testing.T, s session.Store) {
	claimer, ok := s.(session.Claimer)
	if !ok {
		t.Skip("it is no session.Claimer")
	}
	const many, rounds = 8, 10
	for fence := range uint64(rounds) {
		var all sync.WaitGroup
		var won atomic.Int64
		for owner := range int64(many) {
			all.Go(func() {
				err := claimer.Claim(t.Context(), fenced(0, 1, owner+1, fence+1))
				switch {
				case err == nil:
					won.Add(owner + 1 + 1<<16)
				case !errors.Is(err, session.ErrFenced):
					t.Errorf("Claim: %v", err)
				}
			})
		}
		all.Wait()
		if got := load(t, s, events.ShardID{Total: 1}); won.Load()>>16 != 1 || got.Seq != won.Load()&0xffff {
			t.Errorf("%d won, and the session is that of %d", won.Load()>>16, got.Seq)
		}
	}
}

// countTotals is for stores that are a session.Totaler.
func countTotals(t *testing.T, s session.Store) {
	totaler, ok := s.(session.Totaler)
	if !ok {
		t.Skip("it is no session.Totaler")
	}
	check := func(want map[int]int) {
		t.Helper()
		if got, err := totaler.Totals(t.Context()); err != nil || !maps.Equal(got, want) {
			t.Errorf("totals: %v, %v, want %v", got, err, want)
		}
	}
	check(nil)
	save(t, s, sample(0, 2, 1), sample(1, 2, 1), sample(1, 16, 1))
	check(map[int]int{2: 2, 16: 1})
	if err := s.Delete(t.Context(), events.ShardID{Index: 1, Total: 16}); err != nil {
		t.Fatal(err)
	}
	check(map[int]int{2: 2})
}
