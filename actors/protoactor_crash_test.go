package actors_test

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// TestCrashedActorSeesRestartingAndNeverStopping, and the message that it crashed on is answered by nobody. What was
// queued behind it is handled by the next instance.
func TestCrashedActorSeesRestartingAndNeverStopping(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t)
		p, all := h.probe(), []*recorder{}
		pid := h.spawn(actor.PropsFromProducer(func() actor.Actor {
			all = append(all, &recorder{})
			return all[len(all)-1]
		}))
		p.ask(pid, func() { panic("a bug") })
		p.ask(pid, "next")
		if answer := expect[string](p, time.Second); answer != "answer to next" {
			t.Errorf("answered: %q", answer)
		}
		p.expectNone(time.Hour)
		if len(all) != 2 {
			t.Fatalf("%d instances", len(all))
		}
		all[0].want(t, "started", "restarting")
		all[1].want(t, "started", "next")
	})
}

// resuming is a strategy that answers, and goes on.
type resuming struct{}

func (resuming) HandleFailure(system *actor.ActorSystem, parent actor.Supervisor, who *actor.PID, _ *actor.RestartStatistics, reason, message any) {
	if envelope, ok := message.(*actor.MessageEnvelope); ok && envelope.Sender != nil {
		system.Root.Send(envelope.Sender, reason)
	}
	parent.ResumeChildren(who)
}

// TestStrategyMayAnswerAndResume: the strategy knows the message with its sender; an actor that resumes is the same
// instance, sees no Restarting, and goes on with the next message.
func TestStrategyMayAnswerAndResume(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t)
		r, p := &recorder{}, h.probe()
		pid := h.spawn(r.props(actor.WithGuardian(resuming{})))
		p.ask(pid, func() { panic("a bug") })
		p.ask(pid, "next")
		for _, want := range []string{"a bug", "answer to next"} {
			if answer := expect[string](p, time.Second); answer != want {
				t.Errorf("answered: %q, want %q", answer, want)
			}
		}
		r.want(t, "started", "next")
	})
}

// TestDefaultStrategyStopsAfterTenRestarts within 10 s, and says nothing. Slower crashes go on.
func TestDefaultStrategyStopsAfterTenRestarts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t)
		p := h.probe()
		for _, every := range []time.Duration{900 * time.Millisecond, 1100 * time.Millisecond} {
			pid := h.spawn(new(recorder).props())
			p.watch(pid)
			for range 10 {
				h.system.Root.Send(pid, func() { panic("a bug") })
				p.expectNone(every)
			}
			h.system.Root.Send(pid, func() { panic("a bug") })
			if every < time.Second {
				expect[*actor.Terminated](p, time.Second)
			} else {
				p.expectNone(time.Hour)
			}
		}
	})
}
