package actors_test

import (
	"errors"
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
