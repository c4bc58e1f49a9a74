package actors_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
)

// TestRefusedMessagesOfNobodyAreCounted, each once: who has asked is told, and what was done is not refused.
func TestRefusedMessagesOfNobodyAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		p := f.probe()
		for _, refused := range []any{
			"text", actors.RestartShard{}, &actors.ReidentifyShard{}, actors.StartShards{}, &actors.StartShards{Total: 1, IDs: []int{1}},
			actors.SetPlan{From: 99}, (*actors.StopShards)(nil),
		} {
			before := f.Board().Ignored()
			p.ask(f.supervisor, refused)
			expect[any](p, time.Second)
			if n := f.Board().Ignored() - before; n != 0 {
				t.Errorf("%T %v, whose asker is told: %d are counted", refused, refused, n)
			}
			f.system.Root.Send(f.supervisor, refused)
			pass(0)
			if n := f.Board().Ignored() - before; n != 1 {
				t.Errorf("%T %v: %d are counted", refused, refused, n)
			}
		}
		before := f.Board().Ignored()
		for _, done := range []any{
			actors.GetPlan{}, actors.GetStatus{}, actors.GetIdentifyQueue{}, actors.StartShards{Total: 1}, actors.RestartShard{Key: f.key(0)}, actors.StopShards{},
			actors.SendEvent{Op: events.OpHeartbeat}, actors.CrashShard{Key: f.key(0)}, actors.LeaveOut{}, actors.UpdateSessionStart{},
		} {
			f.system.Root.Send(f.supervisor, done)
		}
		pass(time.Minute)
		if n := f.Board().Ignored() - before; n != 0 {
			t.Errorf("of what was done %d are counted", n)
		}
	})
}

// TestWishThatCannotBeCountedIsRefused: the count of a plan that somebody else has set is at its end. Who asks is told so, and nothing changes.
func TestWishThatCannotBeCountedIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil, actor.WithGuardian(actors.Guardian()))
		f.start(1)
		full := actors.Want{Restarts: math.MaxUint64, Reidentifies: math.MaxUint64}
		if answer, ok := f.ask(actors.SetPlan{From: 1, Change: map[actors.Key]actors.Want{f.key(0): full}}).(*actors.PlanSet); !ok {
			t.Fatalf("%+v", answer)
		}
		pass(time.Minute)
		before := f.gateway.Stats()
		for _, wish := range []any{actors.RestartShard{Key: f.key(0)}, actors.ReidentifyShard{Key: f.key(0)}} {
			refusal, ok := f.ask(wish).(*actors.Refusal)
			var why *actors.PlanError
			if !ok || !errors.As(refusal.Err, &why) || why.Key != f.key(0) || !strings.Contains(why.Error(), "the count does not go back") {
				t.Errorf("%T: %+v", wish, refusal)
			}
		}
		pass(time.Minute)
		plan := f.ask(actors.GetPlan{}).(*actors.Plan)
		if after := f.gateway.Stats(); plan.Version != 2 || plan.Wants[f.key(0)] != full || after.Connections != before.Connections || f.status().Ready() != 1 {
			t.Errorf("%+v, %+v, before %+v", plan, after, before)
		}
	})
}

// TestSendOfNothingSaysWhatIsMissing: an event, or an opcode that can be sent.
func TestSendOfNothingSaysWhatIsMissing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		for name, c := range map[string]struct {
			send actors.SendEvent
			want string
		}{
			"nothing":                    {actors.SendEvent{}, "there is no event to send: name one, or an opcode with its data"},
			"a nil event":                {actors.SendEvent{Event: (*events.UpdatePresence)(nil)}, "there is no event to send: name one, or an opcode with its data"},
			"data without an opcode":     {actors.SendEvent{Data: presence(t)}, "Dispatch (0) is not one that a bot sends"},
			"data that are no presence":  {actors.SendEvent{Op: events.OpPresenceUpdate, Data: []byte("7")}, "d of Presence Update (3): "},
			"an opcode without its data": {actors.SendEvent{Op: events.OpPresenceUpdate}, "d of Presence Update (3): "},
		} {
			failed, ok := f.ask(c.send).(*actors.SendFailed)
			if !ok || sendError(t, failed.Err).Stage != actors.Refused || !strings.Contains(failed.Err.Error(), c.want) {
				t.Errorf("%s: %+v", name, failed)
			}
		}
		if sent, ok := f.ask(actors.SendEvent{Op: events.OpHeartbeat}).(*actors.EventSent); !ok {
			t.Errorf("an opcode that needs no data: %+v", sent)
		}
	})
}

// TestRefusalNamesTheShard that was meant, where one was.
func TestRefusalNamesTheShard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(3)
		over, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := f.sendsTo(2).Send(over, events.Heartbeat{})
		if failure := sendError(t, err); failure.Stage != actors.Refused || failure.Shard != f.key(2).Shard || !errors.Is(err, context.Canceled) {
			t.Errorf("%+v", failure)
		}
	})
}
