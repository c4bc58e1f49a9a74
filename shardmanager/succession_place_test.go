package shardmanager_test

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// lostSpot is a place of which it can no longer be said whose it is.
type lostSpot struct {
	*spot
	lost    atomic.Bool
	listens atomic.Int32
}

func (s *lostSpot) Claim() (bool, error) {
	if s.lost.Load() {
		return false, errDisk
	}
	return s.spot.Claim()
}

func (s *lostSpot) Listen() (net.Listener, error) {
	s.listens.Add(1)
	return s.spot.Listen()
}

// TestNobodyListensWhereThePlaceMayBeAnothers: who has taken all shards over runs them, and says that nobody can follow.
func TestNobodyListensWhereThePlaceMayBeAnothers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := followedGateway(t)
		store := shardmanager.WithSessionStore(session.NewMemoryStore())
		at := new(meeting)
		old := newManager(t, g, store, shardmanager.WithPlace(at.spot()))
		start(t, old)
		place := &lostSpot{spot: at.spot()}
		core, logs := observer.New(zap.ErrorLevel)
		next := newManager(t, g, store, shardmanager.WithPlace(place), shardmanager.WithLogger(zap.New(core)))
		if err := next.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		place.lost.Store(true)
		pass(time.Minute)
		if n := next.Status().Ready(); n != followed || place.listens.Load() != 0 || logs.FilterMessageSnippet("no process can follow this one").Len() != 1 {
			t.Errorf("%d are ready, listened %d times, %v", n, place.listens.Load(), logs.All())
		}
	})
}
