package actors_test

import (
	"errors"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
)

// TestRestartIsACauseOfItsOwn: who is told of the move can tell it from what went wrong.
func TestRestartIsACauseOfItsOwn(t *testing.T) {
	for name, ask := range map[string]func(actors.Key) any{
		"restart":    func(key actors.Key) any { return actors.RestartShard{Key: key} },
		"reidentify": func(key actors.Key) any { return actors.ReidentifyShard{Key: key} },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, nil)
				f.start(1)
				f.ask(ask(f.key(0)))
				pass(10 * time.Second)
				found := false
				for _, move := range f.Board().Moves(f.key(0)) {
					found = found || errors.Is(move.Cause, actors.ErrRestart)
				}
				if !found {
					t.Errorf("moves: %+v", f.Board().Moves(f.key(0)))
				}
			})
		})
	}
}

// TestStatusInALine: those that are to run and serve by their states, and the others.
func TestStatusInALine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		if got, want := f.status().String(), "0 of 0 shards ready"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		f.start(4)
		f.mode(actors.Pause)
		f.gateway.Outage(true)
		pass(3 * time.Second)
		f.gateway.Outage(false)
		if got, want := f.status().String(), "0 of 3 shards ready; 3 Backoff; 1 to pause"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		pass(time.Minute)
		if got, want := f.status().String(), "3 of 3 shards ready; 1 to pause"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}
