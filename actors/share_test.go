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

// everyone asks for the whole member list of a guild, which those who ask at the same time share.
func everyone() events.RequestGuildMembers {
	return events.RequestGuildMembers{GuildID: some().GuildID, Query: new(string), Limit: new(int)}
}

// sharing is a fleet of one shard whose gateway answers no request that is shared.
func sharing(t *testing.T) *fleet {
	t.Helper()
	f := newFleet(t, func(cfg *actors.SupervisorConfig) {
		cfg.QueueLimit = 4
		cfg.Identify.Intents |= events.IntentGuildMembers
	})
	f.start(1)
	f.gateway.OnFrame(func(frame gatewaytest.Frame) bool {
		return frame.Op == events.OpRequestGuildMembers || frame.Op == events.OpRequestChannelInfo
	})
	return f
}

// TestSharersWhoLeaveMakeRoom: they are told that the request was written, and those who wait by a deadline are told the same.
func TestSharersWhoLeaveMakeRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := sharing(t)
		p, errs := f.probe(), make(chan error, 4)
		ctx, cancel := context.WithCancel(t.Context())
		for range 4 {
			go func() {
				_, err := f.Client(f.system, f.supervisor).Send(ctx, everyone())
				errs <- err
			}()
		}
		pass(time.Second)
		late := actors.SendEvent{ID: 1, Op: events.OpRequestGuildMembers, Data: data(t, everyone()), Deadline: time.Now().Add(5 * time.Second)}
		p.ask(f.supervisor, late)
		if failed := expect[*actors.SendFailed](p, time.Second); !errors.Is(failed.Err, actors.ErrQueueFull) {
			t.Errorf("one too many: %v", failed.Err)
		}
		if shard, _ := f.shard(0); shard.Sharing != 4 {
			t.Errorf("%d share", shard.Sharing)
		}
		cancel()
		for range 4 {
			if e := sendError(t, <-errs); e.Stage != actors.Written || !errors.Is(e, context.Canceled) {
				t.Errorf("who left is told %v: %v", e.Stage, e)
			}
		}
		p.ask(f.supervisor, late)
		failed := expect[*actors.SendFailed](p, time.Minute)
		if e := sendError(t, failed.Err); e.Stage != actors.Written || e.Retryable() || !errors.Is(e, context.DeadlineExceeded) || !time.Now().Equal(late.Deadline) {
			t.Errorf("%v after its deadline it is told %v: %v", time.Since(late.Deadline), e.Stage, e)
		}
		if n := sent(f.gateway, events.OpRequestGuildMembers); n != 1 {
			t.Errorf("the gateway was asked %d times", n)
		}
	})
}

// TestSharersAreToldOnce: each at its deadline, and not again when others are.
func TestSharersAreToldOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := sharing(t)
		p, began := f.probe(), time.Now()
		for id := range uint64(3) {
			p.ask(f.supervisor, actors.SendEvent{ID: id, Op: events.OpRequestGuildMembers, Data: data(t, everyone()), Deadline: began.Add(time.Duration(id+1) * time.Second)})
		}
		for id := range uint64(3) {
			failed := expect[*actors.SendFailed](p, time.Minute)
			if due := began.Add(time.Duration(id+1) * time.Second); failed.ID != id || !time.Now().Equal(due) {
				t.Errorf("%d is told %v after %d's deadline: %v", failed.ID, time.Since(due), id, failed.Err)
			}
		}
		p.expectNone(2 * time.Minute)
	})
}

// TestSharersEndWithTheirSupervisor: nobody waits for ever, and what was written is told as written; what would have been asked for
// next was not.
func TestSharersEndWithTheirSupervisor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := sharing(t)
		p := f.probe()
		for id := range uint64(2) {
			p.ask(f.supervisor, actors.SendEvent{ID: id, Op: events.OpRequestGuildMembers, Data: data(t, everyone())})
		}
		for id, field := range []string{"status", "voice_start_time"} {
			info := data(t, events.RequestChannelInfo{GuildID: some().GuildID, Fields: []string{field}})
			p.ask(f.supervisor, actors.SendEvent{ID: 2 + uint64(id), Op: events.OpRequestChannelInfo, Data: info})
		}
		p.expectNone(time.Second)
		f.stop(f.supervisor)
		for range 4 {
			failed := expect[*actors.SendFailed](p, time.Second)
			if e := sendError(t, failed.Err); e.Sent() != (failed.ID < 3) {
				t.Errorf("%d is told %v: %v", failed.ID, e.Stage, e)
			}
		}
		if n := sent(f.gateway, events.OpRequestChannelInfo); n != 1 {
			t.Errorf("channel info was asked for %d times", n)
		}
		if shard, _ := f.shard(0); shard.Sharing != 0 {
			t.Errorf("%d share", shard.Sharing)
		}
	})
}
