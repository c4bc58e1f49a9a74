package shardmanager_test

import (
	"cmp"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// left is what a process has left that ran some shards and was closed: the sessions of all but some, with rates that the test chooses.
func left(t *testing.T, g *gatewaytest.Server, rates []float64) session.Store {
	t.Helper()
	store := session.NewMemoryStore()
	m := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithShards(len(rates)))
	start(t, m)
	closeNow(t, m)
	for index, rate := range rates {
		id := events.ShardID{Index: index, Total: len(rates)}
		snapshot, err := store.Load(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if snapshot.EventRate = rate; rate < 0 {
			err = store.Delete(t.Context(), id)
		} else {
			err = store.Save(t.Context(), snapshot)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// TestBusiestIsResumedFirst: after a planned restart all shards resume, by their stored rates, as fast as WithDialRate allows; those without a session come
// after them, and nobody who resumes waits for a permit: there is none.
func TestBusiestIsResumedFirst(t *testing.T) {
	const (
		none     = -1 // no session
		distance = 100 * time.Millisecond
	)
	bubble(t, func(t *testing.T) {
		rates := []float64{3, none, 250, 0, 17.5, 1000, none, 40, 0.25, 600, none, 5, 90, 2, 1, 7}
		g := newGateway(t, gatewaytest.WithShards(len(rates)), gatewaytest.WithMaxConcurrency(16))
		store := left(t, g, rates)
		var want []int
		for index, rate := range rates {
			if rate >= 0 {
				want = append(want, index)
			}
		}
		slices.SortFunc(want, func(a, b int) int { return cmp.Compare(rates[b], rates[a]) })
		pass(10 * time.Second)
		g.SetSessionStarts(0)
		var told moves
		m := newManager(t, g, shardmanager.WithHooks(&told), shardmanager.WithSessionStore(store), shardmanager.WithShards(len(rates)), shardmanager.WithDialRate(int(time.Second/distance)))
		began := time.Now()
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		var budget *ratelimit.BudgetError
		if err := m.WaitReady(t.Context()); !errors.As(err, &budget) {
			t.Errorf("WaitReady: %v, want that the budget is spent", err)
		}
		var resumed []int
		var last time.Time
		for _, change := range told.all {
			if change.To == session.Ready {
				resumed, last = append(resumed, change.Shard.Index), change.At
			}
		}
		if !slices.Equal(resumed, want) {
			t.Errorf("resumed in the order %v, want %v", resumed, want)
		}
		if took := last.Sub(began); took < time.Duration(len(want)-1)*distance || took > time.Duration(len(want))*distance {
			t.Errorf("%d Resumes took %v", len(want), took)
		}
		if ready := m.Status().Ready(); ready != len(want) {
			t.Errorf("%d ready, want %d", ready, len(want))
		}
	})
}

// TestResumesWaitForNoLedger: where the ledger of Identifies does not do its work, whatever it does instead, shards with a session are back at once.
func TestResumesWaitForNoLedger(t *testing.T) {
	eachMood(t, func(t *testing.T, bad func() error, heal func()) {
		const shards = 20
		g := newGateway(t, gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(shards))
		store := newMoody()
		first := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, first)
		pass(5 * time.Second)
		closeNow(t, first)
		store.mood("LoadLedger", bad)
		m := newManager(t, g, shardmanager.WithSessionStore(store))
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if s := g.Stats(); s.Resumes != shards || s.Identifies != shards || m.Status().Ready() != shards {
			t.Errorf("%d Resumes, %d Identifies, %d ready", s.Resumes, s.Identifies, m.Status().Ready())
		}
		store.mood("LoadLedger", nil)
		heal()
	})
}
