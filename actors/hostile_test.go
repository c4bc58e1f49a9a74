package actors_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// TestNoMessageEndsAnActor: nil pointers, what nobody knows, and what only the library may send, to the supervisor under each strategy, and to a
// shard. What is asked is answered.
func TestNoMessageEndsAnActor(t *testing.T) {
	asked := []any{
		(*actors.SendEvent)(nil), (*actors.SetPlan)(nil), (*actors.StartShards)(nil), (*actors.StopShards)(nil), (*actors.RestartShard)(nil),
		(*actors.CrashShard)(nil), (*actors.ReidentifyShard)(nil), (*actors.GetStatus)(nil), (*actors.GetPlan)(nil), (*actors.GetIdentifyQueue)(nil), (*actors.Subscribe)(nil), (*actors.UpdateSessionStart)(nil),
		"text", 7, struct{}{}, []byte("x"), new(events.Raw), (*events.Raw)(nil), actors.Refused, errors.New("an error"),
		actors.Handled{}, &actors.Handled{}, (*actors.Handled)(nil), &actors.EventSent{}, &actors.SendFailed{}, (*actors.SendFailed)(nil),
		actors.RestartShard{}, actors.ReidentifyShard{}, actors.SetPlan{From: 99}, actors.SetPlan{From: 1, Change: map[actors.Key]actors.Want{{}: {}}},
	}
	forged := []any{
		&actor.Started{}, &actor.Stopping{}, &actor.Stopped{}, &actor.Restarting{}, &actor.Restart{}, &actor.Stop{}, &actor.ReceiveTimeout{},
		&actor.Terminated{}, (*actor.Terminated)(nil), &actor.Watch{}, &actor.Failure{}, nil,
	}
	for name, opts := range map[string][]actor.PropsOption{"resumed": {actor.WithGuardian(actors.Guardian())}, "restarted": nil} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, nil, opts...)
				f.start(2)
				p, root := f.probe(), f.system.Root
				for _, message := range asked {
					p.ask(f.supervisor, message)
					switch message.(type) {
					case *actors.CrashShard:
						// nobody is to be told
					}
					if refusal, ok := p.next(time.Second).(*actors.Refusal); !ok || refusal.Err == nil {
						t.Errorf("%T %v is answered with %+v", message, message, refusal)
					}
					root.Send(f.supervisor, message)
					root.Send(f.child(0), message)
				}
				pass(time.Second)
				ignored, sent := f.Board().Ignored(), int64(0)
				for _, message := range append(forged, &actor.Terminated{Who: f.child(1)}, &actor.Terminated{Who: f.supervisor}) {
					for _, pid := range []*actor.PID{f.supervisor, f.child(0), f.child(1)} {
						if message != nil { // with nil the library itself goes on for ever
							root.Send(pid, message)
							p.ask(pid, message)
							sent += 2
						}
					}
				}
				pass(time.Minute)
				if s := f.gateway.Stats(); f.status().Ready() != 2 || s.Connections != 2 {
					t.Errorf("%d ready, %+v", f.status().Ready(), s)
				}
				if n := f.Board().Ignored() - ignored; ignored == 0 || n != sent {
					t.Errorf("%d were ignored, then %d of %d that only the library may send", ignored, n, sent)
				}
				p.next(0)
				if _, err := f.sendsTo(1).Send(t.Context(), events.Heartbeat{}); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestSendOfABrokenEventIsRefused: a nil pointer to an event, an event of somebody else's that panics, and none at all.
func TestSendOfABrokenEventIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil, actor.WithGuardian(actors.Guardian()))
		f.start(1)
		for _, event := range []events.Outgoing{(*events.RequestGuildMembers)(nil), (*events.UpdatePresence)(nil), panics{}, nil} {
			failed, ok := f.ask(actors.SendEvent{ID: 7, Event: event}).(*actors.SendFailed)
			if !ok || failed.ID != 7 || sendError(t, failed.Err).Stage != actors.Refused || errors.Is(failed.Err, actors.ErrCrashed) {
				t.Errorf("%T: %+v", event, failed)
			}
		}
		f.gateway.RequireNoViolations(t)
	})
}

type panics struct{ events.Outgoing }

func (panics) Request() (events.Request, error) { panic(fmt.Errorf("a secret")) }

// TestShardPropsThatPanicCostTheirShard a rest, and if they always do, it is given up; no other shard notices.
func TestShardPropsThatPanicCostTheirShard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var asked atomic.Int64
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.ShardProps = func(key actors.Key) []actor.PropsOption {
				if key.Shard.Index == 1 && asked.Add(1) <= 2 {
					panic("a bug of the user's")
				}
				if key.Shard.Index == 2 {
					return []actor.PropsOption{func(*actor.Props) { panic("another, of an option") }}
				}
				return nil
			}
		}, actor.WithGuardian(actors.Guardian()))
		f.ask(actors.StartShards{Total: 3})
		pass(10 * time.Minute)
		for index, state := range []session.State{session.Ready, session.Ready, session.Closed} {
			if shard, _ := f.shard(index); shard.State != state {
				t.Errorf("shard %d is %v: %v", index, shard.State, shard.Cause)
			}
		}
		if shard, _ := f.shard(2); !errors.Is(shard.Cause, actors.ErrQuarantined) || !shard.Quarantined {
			t.Errorf("shard 2: %v, quarantined: %v", shard.Cause, shard.Quarantined)
		}
		if s := f.gateway.Stats(); s.Identifies != 2 {
			t.Errorf("%d identifies", s.Identifies)
		}
	})
}

// TestSenderMiddlewareThatPanicsOnceCostsNoShard: whatever it panics on as a shard begins.
func TestSenderMiddlewareThatPanicsOnceCostsNoShard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		var failed atomic.Bool
		f.system.Root.WithSenderMiddleware(func(next actor.SenderFunc) actor.SenderFunc {
			return func(ctx actor.SenderContext, to *actor.PID, m *actor.MessageEnvelope) {
				if fmt.Sprintf("%T", m.Message) == "*actors.shardLife" && failed.CompareAndSwap(false, true) {
					panic("a bug")
				}
				next(ctx, to, m)
			}
		})
		f.start(1)
		pass(time.Minute)
		if shard, _ := f.shard(0); !failed.Load() || shard.State != session.Ready || shard.Crashes != 1 {
			t.Errorf("the shard is %v after %d crashes", shard.State, shard.Crashes)
		}
	})
}
