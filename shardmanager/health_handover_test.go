package shardmanager_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/health"
)

// TestHealthOfOneProcessThatFollowsAnother (WithHandover): the old one serves until it has given the last shard, and is alive until it has ended; the new one is ready when
// it has all of them. It is here, and not in package health, for the place in which the two find each other.
func TestHealthOfOneProcessThatFollowsAnother(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const shards = 20
		g := newGateway(t, gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(shards))
		at, store := new(meeting), session.NewMemoryStore()
		old := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithPlace(at.spot()))
		next := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithPlace(at.spot()))
		strict := health.WithTolerance(0, 0)
		gives, gets := handlers(t, old, strict), handlers(t, next, strict)
		start(t, old)
		pass(3 * time.Second)
		if err := next.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		var of [2][]string // the states that each was in
		note := func(i int, alive bool, r health.Readiness) {
			state := strings.Join([]string{string(r.State), map[bool]string{true: "ready"}[r.Ready], map[bool]string{false: "dead"}[alive]}, " ")
			if n := len(of[i]); n == 0 || of[i][n-1] != state {
				of[i] = append(of[i], state)
			}
		}
		for ended := false; !ended; {
			note(0, gives.alive(t), gives.readiness(t))
			note(1, gets.alive(t), gets.readiness(t))
			select {
			case <-old.Done():
				ended = true
			default:
				pass(time.Millisecond)
			}
		}
		pass(time.Second)
		note(0, gives.alive(t), gives.readiness(t))
		note(1, gets.alive(t), gets.readiness(t))
		if !errors.Is(old.Err(), shardmanager.ErrHandedOver) {
			t.Fatal(old.Err())
		}
		if got, want := strings.TrimPrefix(strings.Join(of[0], ", "), "running ready , "), "handing_over ready , handed_over  , handed_over  dead"; got != want {
			t.Errorf("whoever gives was %q, want %q", got, want)
		}
		if got, want := strings.Join(of[1], ", "), "taking_over  , starting  , running ready "; got != want {
			t.Errorf("whoever gets was %q, want %q", got, want)
		}
	})
}

// handlersOf are those of a Manager's health.
type handlersOf struct{ live, ready http.Handler }

func handlers(t *testing.T, m *shardmanager.Manager, opts ...health.Option) handlersOf {
	t.Helper()
	p, err := health.New(m, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return handlersOf{p.LivenessHandler(), p.ReadinessHandler()}
}

func (h handlersOf) alive(*testing.T) bool {
	w := httptest.NewRecorder()
	h.live.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	return w.Code == http.StatusOK
}

func (h handlersOf) readiness(t *testing.T) (r health.Readiness) {
	w := httptest.NewRecorder()
	h.ready.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil || r.Ready != (w.Code == http.StatusOK) {
		t.Errorf("%v: %d %s", err, w.Code, w.Body)
	}
	return r
}
