package actors_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
	"github.com/signalbox-go/signalbox/session"
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
		if started := expect[*actors.ShardsStarted](p, time.Second); started.Err == nil {
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

// TestSupervisorPropsNeedNothingElse: every message by value and by pointer, to a supervisor without anything else in sight.
func TestSupervisorPropsNeedNothingElse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, h := newGateway(t), newHarness(t)
		supervisor, p := h.spawn(actors.SupervisorProps(config(g))), h.probe()
		ask := func(message any) { p.ask(supervisor, message) }
		ask(actors.StartShards{Total: 4, IDs: []int{0}})
		ask(&actors.StartShards{Total: 4, IDs: []int{2}})
		for _, want := range []int{0, 2} {
			if started := expect[*actors.ShardsStarted](p, time.Second); started.Err != nil || !slices.Equal(started.IDs, []int{want}) {
				t.Errorf("started: %+v", started)
			}
		}
		pass(time.Second)
		ask(actors.Subscribe{PID: p.pid, Types: []events.Type{"X"}})
		expect[*actors.Subscribed](p, time.Second)
		g.Shard(0).Dispatch("X", 1)
		g.Shard(0).Dispatch("Y", 2)
		if got := expect[*actors.Dispatch](p, time.Second); got.Raw.Type != "X" || got.Meta.Shard != (events.ShardID{Index: 0, Total: 4}) {
			t.Errorf("dispatched: %+v", got)
		}
		ask(&actors.Subscribe{PID: p.pid, Off: true})
		expect[*actors.Subscribed](p, time.Second)
		g.Shard(0).Dispatch("X", 3)
		p.expectNone(time.Second)
		for _, message := range []any{actors.SendEvent{ID: 7, Op: events.OpHeartbeat}, &actors.SendEvent{ID: 7, Op: events.OpHeartbeat}} {
			ask(message)
			if sent := expect[*actors.EventSent](p, time.Second); sent.ID != 7 || sent.Shard.Total != 4 {
				t.Errorf("sent: %+v", sent)
			}
		}
		for _, message := range []any{actors.SendEvent{ID: 8, Op: 99}, &actors.SendEvent{ID: 8, Shard: &events.ShardID{Index: 1, Total: 4}, Op: events.OpHeartbeat}} {
			ask(message)
			if failed := expect[*actors.SendFailed](p, time.Second); failed.ID != 8 || actors.Sent(failed.Err) {
				t.Errorf("failed: %+v", failed)
			}
		}
		first, third := actors.Key{Shard: events.ShardID{Index: 0, Total: 4}}, actors.Key{Shard: events.ShardID{Index: 2, Total: 4}}
		ask(actors.StopShards{Keys: []actors.Key{first}})
		ask(&actors.StopShards{}) // all
		for _, want := range [][]actors.Key{{first}, {first, third}} {
			if stopping := expect[*actors.ShardsStopping](p, time.Second); !slices.Equal(stopping.Keys, want) {
				t.Errorf("stopping: %+v", stopping)
			}
		}
		pass(time.Second)
		for _, message := range []any{actors.GetStatus{}, &actors.GetStatus{}} {
			ask(message)
			status := expect[*actors.Status](p, time.Second)
			if len(status.Shards) != 2 || status.Shards[0].State != session.Closed || status.Shards[1].State != session.Closed {
				t.Errorf("status: %+v", status)
			}
		}
		g.RequireNoViolations(t)
	})
}

// TestUnknownShardsChangeNothing: whatever is asked of a shard that does not run here, the others never notice.
func TestUnknownShardsChangeNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.ask(actors.StartShards{Total: 4, IDs: []int{0}})
		pass(time.Second)
		for _, index := range []int{3, 4, -1} {
			f.ask(actors.StopShards{Keys: []actors.Key{f.key(index)}})
			f.system.Root.Send(f.supervisor, actors.RestartShard{Key: f.key(index)})
			f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(index)})
			if failed, ok := f.ask(actors.SendEvent{Shard: f.id(index), Op: events.OpHeartbeat}).(*actors.SendFailed); !ok || !errors.Is(failed.Err, actors.ErrUnknownShard) {
				t.Errorf("a send to shard %d: %+v", index, failed)
			}
			if _, ok := f.shard(index); ok {
				t.Errorf("there is a shard %d", index)
			}
		}
		f.system.Root.Send(f.supervisor, actors.SendEvent{Shard: f.id(2), Op: events.OpHeartbeat}) // nobody is to be told
		if failed, ok := f.ask(actors.SendEvent{Shard: f.id(2), Op: events.OpHeartbeat}).(*actors.SendFailed); !ok || !errors.Is(failed.Err, actors.ErrUnknownShard) {
			t.Errorf("a send to a shard that was not started: %+v", failed)
		}
		pass(time.Hour)
		if s := f.gateway.Stats(); s.Connections != 1 || f.status().Ready() != 1 {
			t.Errorf("%d connections, %d ready", s.Connections, f.status().Ready())
		}
	})
}

// TestRestartDoesNotWait for a backoff, neither of its own nor one that is under way.
func TestRestartDoesNotWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		restart := func(want int) {
			t.Helper()
			f.system.Root.Send(f.supervisor, actors.RestartShard{Key: f.key(0)})
			pass(100 * time.Millisecond) // dials are spread
			if shard, _ := f.shard(0); shard.State != session.Ready || shard.Resumes != want {
				t.Errorf("after restart %d: %v, resumed %d times", want, shard.State, shard.Resumes)
			}
		}
		for n := range 8 { // each could double the next one's backoff
			pass(time.Second) // between two dials of one shard, whatever for
			restart(n + 1)
		}
		f.gateway.Outage(true)
		for range 1000 { // until there is long to wait
			if shard, _ := f.shard(0); shard.State == session.Backoff && time.Until(shard.Retry) > 5*time.Second {
				break
			}
			pass(time.Second)
		}
		f.gateway.Outage(false)
		pass(time.Second)
		restart(9)
		if s := f.gateway.Stats(); s.Identifies != 1 {
			t.Errorf("%d Identifies", s.Identifies)
		}
		f.gateway.RequireNoViolations(t)
	})
}

// TestCrashBacksOff: a shard whose actor has crashed says so, and until when it waits; a restart meanwhile changes nothing, and
// costs no session.
func TestCrashBacksOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		for n := range 4 {
			begin, least := time.Now(), 500*time.Millisecond<<n
			f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(0)})
			pass(0)
			shard, _ := f.shard(0)
			if wait := shard.Retry.Sub(begin); shard.State != session.Backoff || !errors.Is(shard.Cause, actors.ErrCrashed) || wait < least || wait > 2*least {
				t.Errorf("crash %d: %v until %v later, with %v", n, shard.State, wait, shard.Cause)
			}
			f.system.Root.Send(f.supervisor, actors.RestartShard{Key: f.key(0)})
			pass(time.Until(shard.Retry) - time.Millisecond)
			if s := f.gateway.Stats(); s.Live != 0 {
				t.Errorf("crash %d: it is connected before its time", n)
			}
			pass(time.Second)
			if shard, _ = f.shard(0); shard.State != session.Ready || shard.Crashes != n+1 {
				t.Errorf("crash %d: %v, %d crashes", n, shard.State, shard.Crashes)
			}
		}
		if s := f.gateway.Stats(); s.Identifies != 1 {
			t.Errorf("%d Identifies", s.Identifies)
		}
		f.gateway.RequireNoViolations(t)
	})
}

// TestStalledShardEnds: a reader that waits for credit is told when its connection is given up: by a stop, by a restart, by a
// crash, and by the end of the supervisor.
func TestStalledShardEnds(t *testing.T) {
	for name, end := range map[string]func(f *fleet){
		"stop":       func(f *fleet) { f.ask(actors.StopShards{}) },
		"restart":    func(f *fleet) { f.system.Root.Send(f.supervisor, actors.RestartShard{Key: f.key(0)}) },
		"crash":      func(f *fleet) { f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(0)}) },
		"supervisor": func(f *fleet) { f.stop(f.supervisor) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.Bus = bus.New(bus.Config{HighWater: 4, LowWater: 1}) })
				f.start(1)
				goOn := make(chan struct{})
				f.Handle([]events.Type{"X"}, func(events.Raw, events.Meta) { <-goOn })
				for range 4 * actors.CreditLimit {
					f.gateway.Shard(0).Dispatch("X", 1)
				}
				pass(time.Second)
				if shard, _ := f.shard(0); shard.Frames == 0 || shard.Seq > 2+2*actors.CreditLimit {
					t.Fatalf("it is read on: %+v", shard)
				}
				end(f)
				pass(2 * time.Second)
				close(goOn)
				pass(10 * time.Second)
				shard, _ := f.shard(0)
				switch name {
				case "restart", "crash":
					if shard.State != session.Ready || shard.Seq != f.gateway.Shard(0).Seq() {
						t.Errorf("%v, up to %d of %d", shard.State, shard.Seq, f.gateway.Shard(0).Seq())
					}
				case "stop":
					if shard.State != session.Closed {
						t.Errorf("it is %v", shard.State)
					}
					fallthrough
				case "supervisor":
					ended := make(chan struct{})
					go func() { f.Wait(); close(ended) }()
					select {
					case <-ended:
					case <-time.After(time.Minute):
						t.Error("a goroutine of a connection is left")
						f.gateway.DropAll()
					}
				}
			})
		})
	}
}

// TestAllAreStopped: also a shard that is named and has never run.
func TestAllAreStopped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		never := keyOf(3, 1, 2)
		plan := f.ask(actors.GetPlan{}).(*actors.Plan)
		if set, ok := f.ask(actors.SetPlan{From: plan.Version, Change: map[actors.Key]actors.Want{never: {Mode: actors.Pause, Role: actors.Warming}}}).(*actors.PlanSet); !ok {
			t.Fatalf("%+v", set)
		}
		if stopped, refused := f.ask(actors.StopShards{}).(*actors.Refusal); refused {
			t.Fatal(stopped.Err)
		}
		for key, want := range f.ask(actors.GetPlan{}).(*actors.Plan).Wants {
			if want.Mode != actors.Stop {
				t.Errorf("%v is to %v", key, want.Mode)
			}
		}
	})
}
