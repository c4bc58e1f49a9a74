package shardmanager_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestQuestionsThatWereGivenUpHoldUpNobody: whoever asks discovery with a context that ends before the turn comes leaves no turn behind.
func TestQuestionsThatWereGivenUpHoldUpNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		for range 50 {
			if _, err := m.Forecast(gone, shardmanager.ColdStart{}); !errors.Is(err, context.Canceled) {
				t.Fatalf("with a context that has ended: %v", err)
			}
			go func() { _, _ = m.Forecast(soon, shardmanager.ColdStart{}) }()
		}
		pass(200 * time.Millisecond)
		began := time.Now()
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("Start took %v", took)
		}
		if n := g.Stats().Discoveries; n != 2 {
			t.Errorf("%d questions, want one of Forecast and one of Start", n)
		}
	})
}

// TestRecommendationOfTooManyShardsNeedsAName: more than 65,536 are a mistake, and no matter where the total is named.
func TestRecommendationOfTooManyShardsNeedsAName(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		g.OnDiscovery(func(w http.ResponseWriter) bool { _, _ = w.Write(answer(g, "shards", 65537)); return true })
		var failed *shardmanager.DiscoveryError
		if err := newManager(t, g).Start(t.Context()); !errors.As(err, &failed) || !failed.Fatal() {
			t.Errorf("without a total: %v", err)
		}
		hook := new(advised)
		m := newManager(t, g, shardmanager.WithShards(2), shardmanager.WithHooks(hook))
		start(t, m)
		pass(3 * time.Minute)
		hook.require(t, "of a recommendation that is a mistake")
	})
}
