package actors_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

func TestSupervisorByMessages(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newFleet(t, nil)
		for _, bad := range []actors.StartShards{{}, {Total: 2, IDs: []int{2}}, {Total: 2, IDs: []int{-1}}} {
			if started := h.ask(bad).(*actors.ShardsStarted); started.Err == nil {
				t.Errorf("%+v was accepted", bad)
			}
		}
		if started := h.ask(actors.StartShards{Total: 8, IDs: []int{1, 3}}).(*actors.ShardsStarted); started.Err != nil {
			t.Fatal(started.Err)
		}
		if started := h.ask(actors.StartShards{Total: 4}).(*actors.ShardsStarted); started.Err == nil {
			t.Error("another total was accepted")
		}
		time.Sleep(time.Second)
		status := h.ask(actors.GetStatus{}).(*actors.Status)
		if status.Total != 8 || len(status.Shards) != 2 || status.Ready() != 2 {
			t.Errorf("status: %+v", status)
		}
		started := h.ask(actors.StartShards{Total: 8, IDs: []int{1, 5}}).(*actors.ShardsStarted)
		time.Sleep(time.Second)
		if n := h.status().Ready(); started.Err != nil || n != 3 || h.gateway.Stats().Identifies != 3 {
			t.Errorf("%d ready, %+v", n, started)
		}
		h.ask(actors.StopShards{Keys: []actors.Key{h.key(3)}})
		time.Sleep(time.Hour)
		if shard, _ := h.shard(3); shard.State != session.Closed {
			t.Errorf("shard 3 is %v", shard.State)
		}
		failed, ok := h.ask(actors.SendEvent{ID: 7, Shard: h.id(3), Op: events.OpHeartbeat}).(*actors.SendFailed)
		if !ok || failed.ID != 7 || !errors.Is(failed.Err, actors.ErrClosed) {
			t.Errorf("to a stopped shard: %+v", failed)
		}
		sent, ok := h.ask(actors.SendEvent{ID: 8, Shard: h.id(5), Op: events.OpHeartbeat}).(*actors.EventSent)
		if !ok || sent.ID != 8 || sent.Shard != (events.ShardID{Index: 5, Total: 8}) {
			t.Errorf("sent: %+v", sent)
		}
		h.gateway.RequireNoViolations(t)
	})
}

// Failures: F81, F86.
func TestPriorityAndQueueLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.QueueLimit = 10 })
		h.start(1)
		p := h.probe()
		send := func(id uint64, priority actors.Priority) {
			p.ask(h.supervisor, actors.SendEvent{ID: id, Op: events.OpHeartbeat, Priority: priority})
		}
		for id := range uint64(115) {
			send(id, actors.Normal)
		}
		for range 115 {
			expect[*actors.EventSent](p, time.Second)
		}
		send(1001, actors.Low)
		for id := range uint64(8) {
			send(2000+id, actors.Normal)
		}
		send(3000, actors.High)
		send(4000, actors.High) // one too many
		if failed := expect[*actors.SendFailed](p, time.Second); failed.ID != 4000 || !errors.Is(failed.Err, actors.ErrQueueFull) {
			t.Errorf("%d is refused: %v", failed.ID, failed.Err)
		}
		var late []uint64
		for range 10 {
			late = append(late, expect[*actors.EventSent](p, 2*time.Minute).ID)
		}
		if late[0] != 3000 || late[1] != 2000 || late[8] != 2007 || late[9] != 1001 {
			t.Errorf("the order of those who waited: %v", late)
		}
		h.gateway.RequireNoViolations(t)
	})
}

func TestSupervisorThatIsRestartedResumesItsShards(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		h := newFleet(t, nil, crashesOn(&armed, "actors.shardUp"))
		h.start(3)
		armed.Store(true)
		h.gateway.Shard(0).Drop() // when it is up again the supervisor crashes
		time.Sleep(2 * time.Minute)
		if s := h.gateway.Stats(); h.status().Ready() != 3 || s.Identifies != 3 || s.Resumes != 4 {
			t.Errorf("ready %d, identifies %d, resumes %d, want 3, 3 and 4", h.status().Ready(), s.Identifies, s.Resumes)
		}
		if _, ok := h.ask(actors.SendEvent{ID: 1, Shard: h.id(2), Op: events.OpHeartbeat}).(*actors.EventSent); !ok {
			t.Error("after the restart a send was not answered")
		}
		h.gateway.RequireNoViolations(t)
	})
}

// TestStoppedShardStaysStoppedWhenTheSupervisorIsRestarted: what was asked for outlives the supervisor that was asked.
func TestStoppedShardStaysStoppedWhenTheSupervisorIsRestarted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		h := newFleet(t, nil, crashesOn(&armed, "actors.shardUp"))
		h.start(3)
		h.ask(actors.StopShards{Keys: []actors.Key{h.key(1)}})
		pass(time.Second)
		armed.Store(true)
		h.gateway.Shard(0).Drop() // it resumes, and the supervisor crashes on that
		pass(2 * time.Minute)
		if armed.Load() {
			t.Fatal("the supervisor did not crash")
		}
		stopped, _ := h.shard(1)
		if s := h.gateway.Stats(); stopped.State != session.Closed || h.status().Ready() != 2 || s.Identifies != 3 || s.Resumes != 3 {
			t.Errorf("the stopped shard is %v; ready %d, identifies %d, resumes %d, want Closed, 2, 3 and 3", stopped.State, h.status().Ready(), s.Identifies, s.Resumes)
		}
	})
}

// TestShardThatStartsIsNotTakenForClosed: a supervisor that crashes while the actor of a shard starts that was closed before does not
// take the new one for the old: when somebody stops that actor, it is seen, and the shard rests before it runs again.
func TestShardThatStartsIsNotTakenForClosed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed, slow atomic.Bool
		h := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.ShardProps = func(actors.Key) []actor.PropsOption {
				return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
					return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
						if _, starts := e.Message.(*actor.Started); starts && slow.Load() {
							time.Sleep(time.Second)
						}
						next(ctx, e)
					}
				})}
			}
		}, crashesOn(&armed, "actors.GetStatus"), actor.WithGuardian(actors.Guardian()))
		h.start(1)
		h.ask(actors.StopShards{Keys: []actors.Key{h.key(0)}})
		pass(time.Second)
		slow.Store(true)
		h.ask(actors.StartShards{Total: 1})
		if shard, _ := h.shard(0); shard.State != session.Idle {
			t.Errorf("a shard that starts is %v, want Idle", shard.State)
		}
		armed.Store(true)
		h.system.Root.Send(h.supervisor, actors.GetStatus{})
		pass(time.Minute)
		if shard, _ := h.shard(0); shard.State != session.Ready || armed.Load() {
			t.Fatalf("the shard is %v, the supervisor has crashed: %v", shard.State, !armed.Load())
		}
		h.system.Root.Stop(h.child(0))
		pass(10 * time.Millisecond)
		if shard, _ := h.shard(0); shard.State != session.Backoff || !errors.Is(shard.Cause, actors.ErrStoppedByOthers) {
			t.Errorf("somebody has stopped its actor, and the shard is %v: %v", shard.State, shard.Cause)
		}
	})
}

// TestQuarantineOutlivesTheSupervisor: what keeps crashing is not started because somebody else crashed.
func TestQuarantineOutlivesTheSupervisor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		h := newFleet(t, nil, crashesOn(&armed, "actors.shardUp"))
		h.start(2)
		for range 5 {
			h.system.Root.Send(h.supervisor, actors.CrashShard{Key: h.key(1)})
			pass(20 * time.Second)
		}
		if shard, _ := h.shard(1); !shard.Quarantined {
			t.Fatalf("after five crashes the shard is %v", shard.State)
		}
		armed.Store(true)
		h.gateway.Shard(0).Drop() // it resumes, and the supervisor crashes on that
		pass(2 * time.Minute)
		if shard, _ := h.shard(1); armed.Load() || shard.State != session.Closed || h.status().Ready() != 1 {
			t.Errorf("the supervisor has not crashed: %v; the shard is %v; %d are ready, want 1", armed.Load(), shard.State, h.status().Ready())
		}
	})
}

// crashesOn has an actor panic instead of handling the next message of a type, when it is armed.
func crashesOn(armed *atomic.Bool, message string) actor.PropsOption {
	return actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
		return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
			if fmt.Sprintf("%T", e.Message) == message && armed.CompareAndSwap(true, false) {
				panic("a bug in the supervisor")
			}
			next(ctx, e)
		}
	})
}

func TestNewSupervisorRefusesBadConfig(t *testing.T) {
	t.Parallel()
	good := actors.SupervisorConfig{Identify: events.Identify{Token: "t"}, URL: "wss://gateway.discord.gg", Limiter: ratelimit.Local(ratelimit.SessionStart{})}
	if _, err := actors.NewSupervisor(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*actors.SupervisorConfig){
		"token": func(c *actors.SupervisorConfig) { c.Identify.Token = "" }, "intents": func(c *actors.SupervisorConfig) { c.Identify.Intents = 1 << 18 },
		"URL": func(c *actors.SupervisorConfig) { c.URL = "" }, "limiter": func(c *actors.SupervisorConfig) { c.Limiter = nil },
	} {
		bad := good
		spoil(&bad)
		if _, err := actors.NewSupervisor(bad); err == nil {
			t.Errorf("without its %s it was accepted", name)
		}
	}
}

// TestMessageLostWithTheSupervisorIsADelay: whichever message it crashes on, all shards are soon well again, and sends end.
func TestMessageLostWithTheSupervisorIsADelay(t *testing.T) {
	for _, message := range []string{
		"actors.SendEvent", "actors.landed", "actors.askIdentify", "actors.dueTick", "actors.shardUp", "actors.shardDown", "actors.shardSays",
	} {
		t.Run(message, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var armed atomic.Bool
				h := newFleet(t, nil, crashesOn(&armed, message))
				h.start(3)
				armed.Store(true)
				h.system.Root.Send(h.supervisor, actors.CrashShard{Key: h.key(1)})
				h.gateway.Shard(0).InvalidSession(false)
				for id := range uint64(10) {
					h.system.Root.Send(h.supervisor, actors.SendEvent{ID: id, Shard: h.id(1 + int(id%2)), Op: events.OpHeartbeat})
				}
				pass(time.Minute)
				if armed.Load() {
					t.Fatal("the supervisor did not crash")
				}
				if ready := h.status().Ready(); ready != 3 {
					t.Errorf("%d shards are ready a minute later: %+v", ready, h.status().Shards)
				}
				for i := range 3 {
					if sent, ok := h.ask(actors.SendEvent{ID: 100, Shard: h.id(i), Op: events.OpHeartbeat}).(*actors.EventSent); !ok {
						t.Errorf("a send to shard %d: %+v", i, sent)
					}
				}
				h.gateway.RequireNoViolations(t)
			})
		})
	}
}

// TestSessionOfAShard is that which the gateway knows, and there is none of a shard that the plan does not name, or that has not begun one.
func TestSessionOfAShard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		key := actors.Key{Shard: events.ShardID{Index: 1, Total: 2}}
		if snapshot, number, ok := f.Session(key); ok || number != 0 || snapshot.SessionID != "" {
			t.Errorf("before the start: %v, %d", ok, number)
		}
		f.gateway.Outage(true)
		f.ask(actors.StartShards{Total: 2})
		if _, _, ok := f.Session(key); ok {
			t.Error("there is one before the gateway could be reached")
		}
		f.gateway.Outage(false)
		pass(time.Minute)
		snapshot, number, ok := f.Session(key)
		if !ok || number != 1 || snapshot.SessionID == "" || snapshot.Shard != key.Shard || snapshot.Seq == 0 {
			t.Errorf("session %d of shard %v at %d: %v", number, snapshot.Shard, snapshot.Seq, ok)
		}
		latest := f.gateway.Shard(key.Shard.Index).Dispatch("X", 1)
		synctest.Wait()
		if snapshot, _, _ := f.Session(key); snapshot.Seq != latest {
			t.Errorf("it is at %d, and the latest event was %d", snapshot.Seq, latest)
		}
		if _, _, ok := f.Session(actors.Key{Shard: events.ShardID{Index: 2, Total: 3}}); ok {
			t.Error("there is one of a shard that the plan does not name")
		}
	})
}
