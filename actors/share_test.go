package actors_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// everyone asks for the whole member list of a guild, which those who ask at the same time share.
func everyone() events.RequestGuildMembers {
	return events.RequestGuildMembers{GuildID: some().GuildID, Query: new(string), Limit: new(int)}
}

// sharing is a fleet of one shard whose gateway answers no request that is shared.
func sharing(t *testing.T, change func(*actors.SupervisorConfig), opts ...actor.PropsOption) *fleet {
	t.Helper()
	f := newFleet(t, func(cfg *actors.SupervisorConfig) {
		cfg.QueueLimit = 4
		cfg.Identify.Intents |= events.IntentGuildMembers
		if change != nil {
			change(cfg)
		}
	}, opts...)
	f.start(1)
	f.gateway.OnFrame(func(frame gatewaytest.Frame) bool {
		return frame.Op == events.OpRequestGuildMembers || frame.Op == events.OpRequestChannelInfo
	})
	return f
}

// TestSharersWhoLeaveMakeRoom: they are told that the request was written, and those who wait by a deadline are told the same.
func TestSharersWhoLeaveMakeRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := sharing(t, nil)
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

// TestSharersAreToldOnce: each at its deadline, in whichever order they asked, and not again when others are.
func TestSharersAreToldOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := sharing(t, nil)
		p, began := f.probe(), time.Now()
		for _, id := range []uint64{1, 3, 2, 0} {
			p.ask(f.supervisor, actors.SendEvent{ID: id, Op: events.OpRequestGuildMembers, Data: data(t, everyone()), Deadline: began.Add(time.Duration(id+1) * time.Second)})
		}
		for id := range uint64(4) {
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
		f := sharing(t, nil)
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

// TestSharedRequestThatNobodyWaitsForAnyMoreIsNotSent: it comes back unwritten from a connection that was lost, and all leave before the next.
func TestSharedRequestThatNobodyWaitsForAnyMoreIsNotSent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		f := sharing(t, func(cfg *actors.SupervisorConfig) {
			cfg.ShardProps = onShards(func(message string) {
				if message == "actors.lost" && armed.CompareAndSwap(true, false) {
					time.Sleep(time.Second) // in which sends are forwarded to the connection
				}
			})
		})
		armed.Store(true)
		f.gateway.Outage(true)
		f.gateway.DropAll()
		pass(100 * time.Millisecond)
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 1)
		go func() {
			_, err := f.sendsTo(0).Send(ctx, everyone())
			errs <- err
		}()
		pass(5 * time.Second)
		if shard, _ := f.shard(0); armed.Load() || shard.Waiting != 1 {
			t.Fatalf("the loss was slow: %v; %d wait", !armed.Load(), shard.Waiting)
		}
		cancel()
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		f.gateway.Outage(false)
		pass(2 * time.Minute)
		if n := sent(f.gateway, events.OpRequestGuildMembers); n != 0 || f.status().Ready() != 1 {
			t.Errorf("it was sent %d times; %d are ready", n, f.status().Ready())
		}
	})
}

// TestSharersOfAForgottenShardAreTold, and that is no crash.
func TestSharersOfAForgottenShardAreTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var crashes atomic.Int64
		var f *fleet
		f = sharing(t, nil, actor.WithGuardian(actors.Guardian()), recoveries(&f, &crashes, ""))
		p := f.probe()
		p.ask(f.supervisor, actors.SendEvent{Op: events.OpRequestGuildMembers, Data: data(t, everyone())})
		pass(time.Second)
		if answer, ok := f.ask(actors.SetPlan{From: 1, Remove: []actors.Key{f.key(0)}}).(*actors.PlanSet); !ok {
			t.Fatalf("%+v", answer)
		}
		if e := sendError(t, expect[*actors.SendFailed](p, time.Second).Err); e.Stage != actors.Written {
			t.Errorf("it is told %v: %v", e.Stage, e)
		}
		pass(time.Second)
		if n := crashes.Load(); n > 0 || len(f.status().Shards) != 0 {
			t.Errorf("the supervisor crashed %d times; %v", n, stands(f.status()))
		}
	})
}

// TestSharersGetWhatTheyAskedFor: a whole member list with presences is another one than that without. Discord gives one of a guild in 30 s, so who
// asks for the other is told to wait, and the others share.
func TestSharersGetWhatTheyAskedFor(t *testing.T) {
	for name, first := range map[string]bool{"with presences first": true, "without presences first": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := sharing(t, func(cfg *actors.SupervisorConfig) { cfg.Identify.Intents |= events.IntentGuildPresences })
				p := f.probe()
				for id, presences := range []bool{first, !first, first} {
					list := everyone()
					list.Presences = &presences
					p.ask(f.supervisor, actors.SendEvent{ID: uint64(id), Op: events.OpRequestGuildMembers, Data: data(t, list)})
				}
				failed := expect[*actors.SendFailed](p, time.Second)
				var limited *events.RateLimitedError
				if e := sendError(t, failed.Err); failed.ID != 1 || e.Sent() || !errors.As(e, &limited) || limited.RetryAfter != 30*time.Second || limited.GuildID != some().GuildID {
					t.Errorf("%d is told %v", failed.ID, e)
				}
				p.expectNone(time.Second)
				if shard, _ := f.shard(0); shard.Sharing != 2 || sent(f.gateway, events.OpRequestGuildMembers) != 1 {
					t.Errorf("%d share, and the gateway was asked %d times", shard.Sharing, sent(f.gateway, events.OpRequestGuildMembers))
				}
			})
		})
	}
}

// TestSharedRequestGoesByTheHighestPriority of those who wait for it: one who joins with a lower one does not hold it back.
func TestSharedRequestGoesByTheHighestPriority(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := sharing(t, func(cfg *actors.SupervisorConfig) { cfg.Identify.Intents |= events.IntentGuildVoiceStates })
		p := f.probe()
		for range 115 {
			p.ask(f.supervisor, actors.SendEvent{Op: events.OpHeartbeat})
			expect[*actors.EventSent](p, time.Second)
		}
		var order []events.Opcode
		f.gateway.OnFrame(func(frame gatewaytest.Frame) bool {
			if frame.Op != events.OpHeartbeat {
				order = append(order, frame.Op)
			}
			return false
		})
		for _, m := range []actors.SendEvent{
			{Op: events.OpRequestGuildMembers, Data: data(t, everyone()), Priority: actors.High},
			{Op: events.OpVoiceStateUpdate, Data: leave(t)},
			{Op: events.OpRequestGuildMembers, Data: data(t, everyone()), Priority: actors.Low},
		} {
			p.ask(f.supervisor, m)
			pass(time.Millisecond)
		}
		pass(2 * time.Minute)
		if !slices.Equal(order, []events.Opcode{events.OpRequestGuildMembers, events.OpVoiceStateUpdate}) {
			t.Errorf("written: %v", order)
		}
	})
}

// TestRequestForSomeIsNoWholeList: it holds back no request for all members of the guild, which Discord answers once in 30 s.
func TestRequestForSomeIsNoWholeList(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.Identify.Intents |= events.IntentGuildMembers })
		f.start(1)
		for _, e := range []events.RequestGuildMembers{some(), everyone()} {
			if _, err := f.Client(f.system, f.supervisor).Send(t.Context(), e); err != nil {
				t.Error(err)
			}
		}
	})
}
