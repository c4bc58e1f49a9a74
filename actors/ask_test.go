package actors_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestAskReadsTheAnswer: typed, routed by the event's guild, and beside an error what came.
func TestAskReadsTheAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(4)
		guild := gatewaytest.GuildOf(events.ShardID{Index: 2, Total: 4}, 0)
		members, err := actors.Ask(t.Context(), f.system, f.supervisor, events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1, 99}})
		if err != nil || members.Shard.Index != 2 || members.GuildID != guild || len(members.Members)+len(members.NotFound) != 2 {
			t.Errorf("%+v, %v", members, err)
		}
		if receipt, err := actors.Ask(t.Context(), f.system, f.supervisor, &events.Heartbeat{}); err != nil || receipt.Shard != *f.id(0) {
			t.Errorf("by pointer: %+v, %v", receipt, err)
		}
		if _, err := actors.Ask(t.Context(), f.system, f.supervisor, events.RequestChannelInfo{}); err == nil {
			t.Error("an event that is not valid was sent")
		}
		if _, err := actors.Ask(t.Context(), f.system, nil, some()); sendError(t, err).Op != events.OpRequestGuildMembers {
			t.Errorf("an error that does not say of which opcode: %v", err)
		}
		f.gateway.RequireNoViolations(t)
	})
}

// TestAskAlwaysEnds: by its deadline, in a minute without one, when it is cancelled, and when there is no supervisor (any more).
func TestAskAlwaysEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		f.gateway.OnFrame(func(frame gatewaytest.Frame) bool {
			return frame.Op == events.OpRequestGuildMembers
		})
		ask := func(ctx context.Context) (time.Duration, *actors.SendError) {
			began := time.Now()
			_, err := actors.Ask(ctx, f.system, f.supervisor, some())
			return time.Since(began), sendError(t, err)
		}
		soon, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if took, err := ask(soon); took < 3*time.Second || took > 3*time.Second+50*time.Millisecond || err.Stage != actors.Written || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("by its deadline: %v, %v", took, err)
		}
		if took, err := ask(t.Context()); took < 59*time.Second || took > 61*time.Second || err.Stage != actors.Written {
			t.Errorf("without one: %v, %v", took, err)
		}
		left, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		if took, err := ask(left); took != time.Second || !err.Sent() || !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v, %v", took, err)
		}
		time.AfterFunc(time.Second, func() { f.system.Root.Stop(f.supervisor) })
		if took, err := ask(t.Context()); took > 2*time.Second || err == nil {
			t.Errorf("the supervisor ends: %v, %v", took, err)
		}
		if took, err := ask(t.Context()); took > time.Second || !errors.Is(err, actors.ErrClosed) {
			t.Errorf("it has ended: %v, %v", took, err)
		}
		pass(2 * time.Minute) // the futures end
	})
}

// TestAskWaitsAsLongAsItsDeadlineAllows: also for longer than one without a deadline would.
func TestAskWaitsAsLongAsItsDeadlineAllows(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		f.gateway.Outage(true)
		f.gateway.DropAll()
		pass(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		began := time.Now()
		time.AfterFunc(5*time.Minute, func() { f.gateway.Outage(false) })
		if _, err := actors.Ask(ctx, f.system, f.supervisor, events.Heartbeat{}); err != nil || time.Since(began) < 5*time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		pass(10 * time.Minute) // the future ends
	})
}
