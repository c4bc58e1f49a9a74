package actors_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// TestSendThatComesBackFromACrashIsShownAsWaiting while the shard rests: it goes with the next actor.
func TestSendThatComesBackFromACrashIsShownAsWaiting(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.ShardProps = onShards(func(message string) {
				if message == "actors.admitted" && armed.CompareAndSwap(true, false) {
					panic("a bug in the shard")
				}
			})
		})
		f.start(1)
		armed.Store(true)
		p := f.probe()
		p.ask(f.supervisor, actors.SendEvent{ID: 7, Op: events.OpHeartbeat})
		pass(100 * time.Millisecond)
		if shard, _ := f.shard(0); shard.State != session.Backoff || shard.Waiting != 1 {
			t.Errorf("the shard is %v, and %d wait", shard.State, shard.Waiting)
		}
		expect[*actors.EventSent](p, time.Minute)
		pass(0)
		if shard, _ := f.shard(0); shard.Waiting != 0 {
			t.Errorf("it was sent, and %d wait", shard.Waiting)
		}
	})
}

// TestNothingWaitsForAQuarantinedShard, nor is shown as if it did.
func TestNothingWaitsForAQuarantinedShard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var broken atomic.Bool
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.ShardProps = onShards(func(message string) {
				if message == "*actor.Started" && broken.Load() {
					panic("a bug in the shard")
				}
			})
		})
		f.start(1)
		broken.Store(true)
		f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(0)})
		pass(100 * time.Millisecond)
		p := f.probe()
		p.ask(f.supervisor, actors.SendEvent{ID: 7, Op: events.OpHeartbeat})
		pass(100 * time.Millisecond)
		if shard, _ := f.shard(0); shard.Waiting != 1 {
			t.Errorf("while it rests %d wait", shard.Waiting)
		}
		if failed := expect[*actors.SendFailed](p, time.Minute); !errors.Is(failed.Err, actors.ErrQuarantined) {
			t.Errorf("it is told %v", failed.Err)
		}
		pass(0)
		if shard, _ := f.shard(0); !shard.Quarantined || shard.Waiting != 0 {
			t.Errorf("quarantined: %v, %d wait", shard.Quarantined, shard.Waiting)
		}
	})
}

// TestSendsThatWaitForAForgottenShard are told that there is none, and when the time comes at which they had gone the supervisor looks for nobody.
func TestSendsThatWaitForAForgottenShard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var crashes atomic.Int64
		var f *fleet
		f = newFleet(t, nil, actor.WithGuardian(actors.Guardian()), recoveries(&f, &crashes, ""))
		f.start(2)
		key := f.key(0)
		p := f.probe()
		for id := range uint64(200) {
			p.ask(f.supervisor, actors.SendEvent{ID: id, Op: events.OpHeartbeat, Shard: f.id(0)})
		}
		pass(time.Second)
		waiting, _ := f.shard(0)
		f.ask(actors.SetPlan{From: 1, Remove: []actors.Key{key}})
		told := 0
		for range 200 {
			if failed, ok := p.next(time.Second).(*actors.SendFailed); ok {
				if told++; sendError(t, failed.Err).Sent() {
					t.Errorf("%d: %v", failed.ID, failed.Err)
				}
			}
		}
		if told != waiting.Waiting || told == 0 {
			t.Errorf("%d were told that they were not sent, %d had waited", told, waiting.Waiting)
		}
		pass(2 * time.Minute)
		if n := crashes.Load(); n > 0 || f.status().Ready() != 1 {
			t.Errorf("the supervisor crashed %d times; %v", n, stands(f.status()))
		}
	})
}

// TestRestsOfCrashedShardsDiffer, so that shards which crash together do not come back together, and each is within its bounds; also
// when they are drawn by a seed.
func TestRestsOfCrashedShardsDiffer(t *testing.T) {
	for name, seed := range map[string]uint64{"by a seed": 1, "by chance": 0} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.Seed = seed })
				f.start(8)
				for index := range 8 {
					f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(index)})
				}
				pass(time.Millisecond)
				rests := make(map[time.Duration]bool)
				for _, shard := range f.status().Shards {
					rest := shard.Retry.Sub(shard.Since)
					if rest < 500*time.Millisecond || rest >= time.Second {
						t.Errorf("shard %d rests for %v", shard.Shard.Index, rest)
					}
					rests[rest] = true
				}
				if len(rests) < 6 {
					t.Errorf("eight shards have but %d rests", len(rests))
				}
			})
		})
	}
}

// TestDrainThatIsTakenBackEndsNoActor: by a restart, or by a new session, which may have been asked for while the shard drained. It is never Closed, and takes sends again.
func TestDrainThatIsTakenBackEndsNoActor(t *testing.T) {
	for name, plan := range map[string][]actors.Want{
		"by a restart":                        {{Mode: actors.Drain}, {Restarts: 1}},
		"by a new session":                    {{Mode: actors.Drain}, {Reidentifies: 1}},
		"after a restart was asked for":       {{Mode: actors.Drain}, {Mode: actors.Drain, Restarts: 1}, {Restarts: 1}},
		"of a release, by a restart":          {{Mode: actors.Release}, {Restarts: 1, Fence: 1}},
		"of a release, by a new session":      {{Mode: actors.Release}, {Reidentifies: 1, Fence: 1}},
		"of a release, and nothing else asks": {{Mode: actors.Release}, {Fence: 1}},
	} {
		t.Run(name, func(t *testing.T) { bubble(t, func(t *testing.T) { drainTakenBack(t, plan) }) })
	}
}

func drainTakenBack(t *testing.T, plan []actors.Want) {
	var closed atomic.Int64
	f := sharing(t, func(cfg *actors.SupervisorConfig) {
		cfg.Changed = func(_ actors.Key, c session.Change) {
			if c.To == session.Closed {
				closed.Add(1)
			}
		}
	})
	p := f.probe()
	p.ask(f.supervisor, actors.SendEvent{Op: events.OpRequestGuildMembers, Data: data(t, some())}) // its answer is due as long as it drains
	pass(100 * time.Millisecond)
	for version, want := range plan {
		set := actors.SetPlan{From: uint64(version) + 1, Change: map[actors.Key]actors.Want{f.key(0): want}}
		if answer, ok := f.ask(set).(*actors.PlanSet); !ok {
			t.Fatalf("%+v", answer)
		}
		pass(100 * time.Millisecond)
	}
	pass(time.Minute)
	last := plan[len(plan)-1]
	if s := f.gateway.Stats(); s.Resumes != int(last.Restarts) || s.Identifies != 1+int(last.Reidentifies) {
		t.Errorf("%+v", s)
	}
	if shard, _ := f.shard(0); shard.State != session.Ready || closed.Load() > 0 {
		t.Errorf("the shard is %v, was Closed %d times", shard.State, closed.Load())
	}
	if _, err := f.sendsTo(0).Send(t.Context(), events.UpdatePresence{Status: events.StatusIdle}); err != nil {
		t.Error(err)
	}
}

// TestCrashesFarApartAreNotCountedTogether: a shard is given up at the fifth crash within five minutes. One that crashes more seldom always comes
// back, and soon.
func TestCrashesFarApartAreNotCountedTogether(t *testing.T) {
	for name, c := range map[string]struct {
		every time.Duration
		after int // crashes it is given up; 0: never
	}{
		"five within five minutes":    {74 * time.Second, 5},
		"five in more than that":      {76 * time.Second, 0},
		"five within ten minutes":     {2 * time.Minute, 0},
		"as seldom as once in a hour": {time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, nil)
				f.start(1)
				for n := 1; n <= 12; n++ {
					f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(0)})
					pass(c.every)
					shard, _ := f.shard(0)
					if n == c.after {
						if !shard.Quarantined || !errors.Is(shard.Cause, actors.ErrQuarantined) {
							t.Errorf("after %d crashes it is %v: %v", n, shard.State, shard.Cause)
						}
						return
					}
					if shard.State != session.Ready || shard.Crashes != n || c.every-time.Since(shard.Since) > 10*time.Second {
						t.Fatalf("after %d crashes it is %v since %v (%v)", n, shard.State, time.Since(shard.Since), shard.Cause)
					}
				}
			})
		})
	}
}
