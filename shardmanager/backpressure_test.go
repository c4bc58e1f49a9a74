package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// slowStore takes its time, or fails.
type slowStore struct {
	session.Store
	broken atomic.Bool
}

func (s *slowStore) Save(ctx context.Context, all ...session.Snapshot) error {
	time.Sleep(5 * time.Second)
	if s.broken.Load() {
		return errors.New("the disk is full")
	}
	return s.Store.Save(context.WithoutCancel(ctx), all...)
}

// Failures: F107.
func TestSlowStoreDelaysNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		t.Cleanup(func() { pass(10 * time.Second) }) // Close leaves the store behind
		store := &slowStore{Store: session.NewMemoryStore()}
		m := newUnsaved(t, g, 1, shardmanager.WithSessionStore(store))
		var n, disorder int
		var slowest time.Duration
		shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, at events.Meta) {
			n++
			if at.Seq != int64(n) {
				disorder++
			}
			slowest = max(slowest, time.Since(at.Received))
		})
		start(t, m)
		for i := range 1000 {
			store.broken.Store(i < 500)
			g.Shard(0).Dispatch("X", i)
			pass(100 * time.Millisecond)
		}
		pass(time.Minute)
		if n != 1001 || disorder != 0 || slowest > 0 {
			t.Errorf("%d events, %d out of order, the slowest after %v", n, disorder, slowest)
		}
		saved, err := store.Load(t.Context(), events.ShardID{Total: 1})
		if err != nil || saved.Seq != 1001 {
			t.Errorf("saved: %v, %v", saved, err)
		}
	})
}

// TestWatermarkWaitsForHandlers: what was not handled when the process ended comes again.
// Failures: F104, F121.
func TestWatermarkWaitsForHandlers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := session.NewMemoryStore()
		first := newManager(t, g, shardmanager.WithSessionStore(store))
		stuck, release := context.WithCancel(t.Context())
		shardmanager.OnRaw(first, func(_ context.Context, raw events.Raw, at events.Meta) {
			if at.Seq == 5 {
				<-stuck.Done()
			}
		})
		start(t, first)
		for i := range 9 {
			g.Shard(0).Dispatch("X", i) // sequences 2 to 10
		}
		pass(time.Minute)
		closeNow(t, first)
		release()
		saved, err := store.Load(t.Context(), events.ShardID{Total: 1})
		if err != nil || saved.Seq != 4 {
			t.Fatalf("saved %v, %v, want sequence 4", saved, err)
		}
		second := newManager(t, g, shardmanager.WithSessionStore(store))
		var got []int64
		shardmanager.OnRaw(second, func(_ context.Context, raw events.Raw, at events.Meta) { got = append(got, at.Seq) })
		start(t, second)
		pass(time.Second)
		if fmt.Sprint(got) != "[5 6 7 8 9 10 11]" {
			t.Errorf("after the restart: %v", got)
		}
	})
}

// Failures: F51.
func TestSilentGatewayIsGivenUp(t *testing.T) {
	for name, silence := range map[string]func(gatewaytest.Script){
		"no ACK":        func(s gatewaytest.Script) { s.MuteAcks(true) },
		"nothing moves": func(s gatewaytest.Script) { s.Freeze(true) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				m := newManager(t, g)
				start(t, m)
				pass(3 * time.Minute)
				silence(g.Shard(0))
				began := time.Now()
				for change := range m.Watch(t.Context()) {
					if change.To == session.Backoff {
						break
					}
				}
				if took := time.Since(began); took > 41250*time.Millisecond+15*time.Second {
					t.Errorf("it took %v", took)
				}
				pass(2 * time.Minute)
				wantResumed(t, g, m, 1)
			})
		})
	}
}

// TestSlowHandlerStopsTheReaderAndNotTheHeart: 100,000 events against a handler that takes a
// millisecond for each. What waits is bounded, and the connection lives.
//
// Failures: F54, F138.
func TestSlowHandlerStopsTheReaderAndNotTheHeart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		var n atomic.Int64
		shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, at events.Meta) {
			n.Add(1)
			time.Sleep(time.Millisecond)
		})
		start(t, m)
		const sent = 100_000 / sizes
		for i := range sent {
			g.Shard(0).Dispatch("X", i)
		}
		most := int64(0)
		for n.Load() < sent+1 {
			pass(time.Second)
			status, _ := m.Shard(0).Status()
			most = max(most, status.Seq-n.Load())
		}
		if most > 4096+200 {
			t.Errorf("%d events waited for the handler", most)
		}
		if s := g.Stats(); s.Connections != 1 || s.Lateness > 0 {
			t.Errorf("connections %d, lateness %v", s.Connections, s.Lateness)
		}
		g.RequireNoViolations(t)
	})
}
