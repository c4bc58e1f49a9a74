package actors_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
)

// TestSupervisorPropsBringBadConfigToItsParent: the supervisor panics as it starts, and its parent's strategy sees why. Under the
// default one it ends.
func TestSupervisorPropsBringBadConfigToItsParent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t)
		p := h.probe()
		var reason atomic.Value
		pid := h.spawn(actors.SupervisorProps(actors.SupervisorConfig{}, actor.WithGuardian(stopping{&reason})))
		p.watch(pid)
		expect[*actor.Terminated](p, time.Second)
		if err, ok := reason.Load().(error); !ok || err.Error() != "actors: SupervisorConfig.Identify.Token is empty: set the bot's token" {
			t.Errorf("the reason: %v", reason.Load())
		}
		pid = h.system.Root.Spawn(actors.SupervisorProps(actors.SupervisorConfig{}))
		p.watch(pid)
		expect[*actor.Terminated](p, time.Second)

		pid = h.spawn(actors.SupervisorProps(actors.SupervisorConfig{}, actor.WithGuardian(actors.Guardian())))
		p.ask(pid, actors.StartShards{Total: 1})
		if started := expect[actors.ShardsStarted](p, time.Second); started.Err == nil {
			t.Error("it was started")
		}
		for _, message := range []any{actors.SendEvent{ID: 7, Op: events.OpHeartbeat}, &actors.SendEvent{ID: 7, Op: events.OpHeartbeat}} {
			p.ask(pid, message)
			var failure *actors.SendError
			if failed := expect[*actors.SendFailed](p, time.Second); failed.ID != 7 || !errors.As(failed.Err, &failure) || failure.Stage != actors.Refused {
				t.Errorf("a send: %+v", failed)
			}
		}
	})
}

// stopping is a strategy that keeps why an actor crashed, and stops it.
type stopping struct{ reason *atomic.Value }

func (s stopping) HandleFailure(_ *actor.ActorSystem, parent actor.Supervisor, who *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	s.reason.CompareAndSwap(nil, reason)
	parent.StopChildren(who)
}
