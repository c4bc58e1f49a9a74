package shardmanager_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// watchLimit is how many changes are kept for a watcher that is behind.
const watchLimit = 8192

// changeLog keeps changes.
type changeLog struct {
	mu  sync.Mutex
	all []shardmanager.Change
}

func (l *changeLog) add(c shardmanager.Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, c)
}

func (l *changeLog) list() []shardmanager.Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// TestWatcherThatIsBehindIsToldHowMuchItMissed: it gets the newest changes, in order, of which the first says how
// many it missed. When it has caught up it misses none, and one that keeps up has them all.
func TestWatcherThatIsBehindIsToldHowMuchItMissed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		var all, fast, slow changeLog
		m := newManager(t, g, shardmanager.WithHooks(changes(all.add)))
		var ended atomic.Int64
		ctx, leave := context.WithCancel(t.Context())
		watch := func(each func(shardmanager.Change)) {
			seq := m.Watch(ctx)
			go func() {
				for c := range seq {
					each(c)
				}
				ended.Add(1)
			}()
		}
		caughtUp := make(chan struct{})
		watch(fast.add)
		watch(func(c shardmanager.Change) {
			slow.add(c)
			<-caughtUp
		})
		start(t, m)
		pass(time.Second)
		g.Outage(true)
		for len(all.list()) < watchLimit+100 { // it dials in vain
			pass(time.Hour)
		}
		g.Outage(false)
		pass(5 * time.Minute)
		taken, missed := 0, 0
		for range 2 {
			if taken == 0 {
				taken = len(slow.list()) // before it fell behind
				missed = len(all.list()) - watchLimit - taken
				close(caughtUp)
			} else {
				g.Shard(0).Drop()
			}
			pass(time.Minute)
			got, of := slow.list(), all.list()
			if len(got) != len(of)-missed || missed <= 0 {
				t.Fatalf("%d changes of %d, %d missed", len(got), len(of), missed)
			}
			for i, c := range got {
				want, at := 0, i
				if i >= taken {
					at += missed
				}
				if i == taken {
					want = missed
				}
				if c.Missed != want || c.Change != of[at].Change {
					t.Fatalf("change %d: %+v, want %+v and %d missed", i, c, of[at], want)
				}
			}
		}
		kept := fast.list()
		if !slices.Equal(kept, all.list()) {
			t.Errorf("the one that keeps up has %d of %d", len(kept), len(all.list()))
		}
		leave()
		pass(time.Second)
		if ended.Load() != 2 {
			t.Errorf("%d of 2 loops ended with their context", ended.Load())
		}
		g.Shard(0).Drop()
		pass(time.Minute)
		if len(all.list()) == len(kept) || len(fast.list()) != len(kept) {
			t.Error("it watches after its context has ended")
		}
	})
}

// TestWatchEndsWithTheManager: what had not been taken when the Manager ended still comes, and the loop ends.
func TestWatchEndsWithTheManager(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newManager(t, newGateway(t))
		seq := m.Watch(t.Context())
		waiting := make(chan session.State, 1)
		go func() {
			var last session.State
			for c := range m.Watch(t.Context()) {
				last = c.To
			}
			waiting <- last
		}()
		start(t, m)
		closeNow(t, m)
		var states []session.State
		for c := range seq {
			states = append(states, c.To)
		}
		if len(states) < 5 || states[len(states)-1] != session.Closed || <-waiting != session.Closed {
			t.Errorf("%v", states)
		}
	})
}

// TestWatcherMayLeaveAsTheManagerEnds: who leaves the loop is not called again, whatever still waits.
func TestWatcherMayLeaveAsTheManagerEnds(t *testing.T) {
	for range 20 { // the end and the changes before it may be seen in either order
		t.Run("", func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newManager(t, newGateway(t, gatewaytest.WithShards(2)))
				changes := m.Watch(t.Context())
				start(t, m)
				closed := false
				for c := range changes {
					if c.To == session.Closed {
						break
					}
					if !closed && m.Status().Ready() == 2 {
						closeNow(t, m)
						closed = true
					}
				}
			})
		})
	}
}
