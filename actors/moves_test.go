package actors_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/session"
)

// TestLatestMovesAreKept, with their causes, also of an actor that has crashed; older ones give way.
func TestLatestMovesAreKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		begun := time.Now()
		f.start(1)
		moves := f.Board().Moves(f.key(0))
		if last := len(moves) - 1; last < 3 || moves[0].From != session.Idle || moves[0].At.Before(begun) || moves[last].To != session.Ready || moves[last].Conn != 1 || moves[last].Session != 1 {
			t.Errorf("%+v", moves)
		}
		f.gateway.Shard(0).Reconnect()
		pass(5 * time.Second)
		f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(0)})
		pass(5 * time.Second)
		var asked, crashed bool
		moves = f.Board().Moves(f.key(0))
		for i, m := range moves {
			asked = asked || errors.Is(m.Cause, session.ErrReconnect)
			crashed = crashed || m.Cause != nil && m.To == session.Backoff && !errors.Is(m.Cause, session.ErrReconnect)
			if i > 0 && m.From != moves[i-1].To && m.From != session.Idle {
				t.Errorf("from %v to %v after %v", m.From, m.To, moves[i-1].To)
			}
		}
		if !asked || !crashed {
			t.Errorf("%+v", moves)
		}
		for range 10 {
			f.ask(actors.RestartShard{Key: f.key(0)})
			pass(5 * time.Second)
		}
		if moves = f.Board().Moves(f.key(0)); len(moves) != 20 || moves[19].To != session.Ready || moves[19].Conn < 10 {
			t.Errorf("%d moves: %+v", len(moves), moves)
		}
		if none := f.Board().Moves(f.key(3)); none != nil {
			t.Errorf("of no shard: %+v", none)
		}
	})
}

// TestMovesCountFailedAttempts in a row, up to 127, and tell them apart from lost sessions.
func TestMovesCountFailedAttempts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var mu sync.Mutex
		var told []session.Change
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.Changed = func(_ actors.Key, c session.Change) { mu.Lock(); told = append(told, c); mu.Unlock() }
		})
		f.start(1)
		most, lost := 0, 0
		look := func(after time.Duration) {
			t.Helper()
			pass(after)
			moves := f.Board().Moves(f.key(0))
			mu.Lock()
			defer mu.Unlock()
			for i, want := range told[len(told)-len(moves):] {
				if want.Lost {
					lost++
				}
				most = max(most, want.Failed)
				if got := moves[i]; got.Failed != min(want.Failed, 127) || got.Lost != want.Lost || got.To != want.To {
					t.Fatalf("to %v: %d failed, lost %v; want to %v, %d and %v", got.To, got.Failed, got.Lost, want.To, min(want.Failed, 127), want.Lost)
				}
			}
		}
		f.gateway.Shard(0).InvalidSession(false)
		look(time.Minute)
		f.gateway.Outage(true)
		f.gateway.DropAll()
		for range 20 {
			look(5 * time.Minute)
		}
		if most < 130 || lost == 0 {
			t.Errorf("at most %d have failed, and %d times a session was lost", most, lost)
		}
	})
}

// TestModeOfSeveralShards: as one change of the plan, or none; asked for again it changes nothing.
func TestModeOfSeveralShards(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(3)
		both := []actors.Key{f.key(0), f.key(2)}
		first := f.ask(actors.SetMode{Keys: both, Mode: actors.Pause}).(*actors.PlanSet)
		if again := f.ask(&actors.SetMode{Keys: both, Mode: actors.Pause}).(*actors.PlanSet); again.Version != first.Version {
			t.Errorf("version %d, then %d", first.Version, again.Version)
		}
		pass(time.Second)
		if f.gateway.Stats().Live != 1 || f.status().Ready() != 1 {
			t.Errorf("%+v", f.status())
		}
		for _, bad := range []actors.SetMode{{Keys: []actors.Key{f.key(0), f.key(7)}}, {Keys: both, Mode: 9}} {
			if refusal, ok := f.ask(bad).(*actors.Refusal); !ok {
				t.Errorf("%+v is answered with %+v", bad, refusal)
			}
		}
		f.ask(actors.SetMode{Keys: both, Mode: actors.Run})
		pass(5 * time.Second)
		if s := f.gateway.Stats(); s.Live != 3 || s.Identifies != 3 || s.Resumes != 2 {
			t.Errorf("%+v", s)
		}
	})
}
