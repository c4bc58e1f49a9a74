package actors_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// endings keeps what send events ended in.
type endings struct {
	mu  sync.Mutex
	all []actors.SendMoved
}

func (e *endings) OnSend(m actors.SendMoved) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if m.Stage == actors.SendEnded {
		e.all = append(e.all, m)
	}
}

func (e *endings) take() []actors.SendMoved {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.all
	e.all = nil
	return all
}

var errBored = errors.New("bored")

// TestSendThatIsGivenUpEndsInASendError, whatever its caller's context says, and whether it was written is told.
func TestSendThatIsGivenUpEndsInASendError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var seen endings
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.Observers = actors.NewObservers(zap.NewNop(), &seen) })
		f.start(1)
		guild := gatewaytest.GuildOf(*f.id(0), 0)
		ask := events.RequestGuildMembers{GuildID: guild, Query: events.Ptr("a"), Limit: events.Ptr(1)}
		f.gateway.OnFrame(func(frame gatewaytest.Frame) bool { return frame.Op == events.OpRequestGuildMembers })
		giveUp := func(when string, sent bool) {
			t.Helper()
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(errBored) })
			_, err := f.sendsTo(0).Send(ctx, ask)
			pass(time.Second)
			told := seen.take()
			if len(told) != 1 {
				t.Fatalf("%s: told %d ends", when, len(told))
			}
			failure := sendError(t, told[0].Err)
			if !errors.Is(err, errBored) || failure.Sent() != sent || told[0].Sent != sent || !told[0].GivenUp || !errors.Is(failure, errBored) {
				t.Errorf("%s: %v; told %+v", when, err, told[0])
			}
		}
		giveUp("written", true)
		f.gateway.Outage(true)
		pass(time.Second)
		giveUp("waits for the shard", false)
		f.gateway.Outage(false)
		pass(time.Minute)
		if _, err := f.sendsTo(0).Send(t.Context(), events.Heartbeat{}); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if told := seen.take(); len(told) != 1 || told[0].Err != nil || !told[0].Sent || told[0].GivenUp {
			t.Errorf("done: told %+v", told)
		}
	})
}

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
