package actors_test

import (
	"errors"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// TestReidentifyGivesUpTheSession of one shard, once for each time that it is asked for, and tells that it is lost; whatever happens
// to the shard's actor meanwhile.
func TestReidentifyGivesUpTheSession(t *testing.T) {
	for name, meanwhile := range map[string]func(f *fleet){
		"nothing":    func(*fleet) {},
		"a crash":    func(f *fleet) { f.system.Root.Send(f.child(0), actors.CrashShard{Key: f.key(0)}) },
		"a restart":  func(f *fleet) { f.ask(&actors.RestartShard{Key: f.key(0)}) },
		"an end":     func(f *fleet) { f.system.Root.Stop(f.child(0)) },
		"an outage":  func(f *fleet) { f.gateway.DropAll() },
		"a new plan": func(f *fleet) { f.ask(actors.StartShards{Total: 2}) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, nil)
				f.start(2)
				var lost int
				changes := f.Board().Watch(t.Context())
				meanwhile(f)
				if set, ok := f.ask(actors.ReidentifyShard{Key: f.key(0)}).(*actors.PlanSet); !ok || set.Version == 0 {
					t.Fatalf("it is answered with %+v", set)
				}
				meanwhile(f)
				pass(time.Minute)
				first, _ := f.shard(0)
				second, _ := f.shard(1)
				if first.State != session.Ready || first.Session != 2 || first.Identifies != 2 || second.Session != 1 || second.State != session.Ready {
					t.Errorf("%+v, beside it %+v", first, second)
				}
				if s := f.gateway.Stats(); s.Identifies != 3 {
					t.Errorf("%d Identifies", s.Identifies)
				}
				f.stop(f.supervisor)
				for change := range changes {
					if change.Lost && change.Key == f.key(0) {
						lost++
					} else if change.Lost {
						t.Errorf("lost as well: %+v", change)
					}
				}
				if lost != 1 {
					t.Errorf("the loss is told %d times", lost)
				}
				f.gateway.RequireNoViolations(t)
			})
		})
	}
}

// TestReidentifyOfAPausedShardIsDoneWhenItRuns: what is asked for is not lost with the actor that was to do it.
func TestReidentifyOfAPausedShardIsDoneWhenItRuns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		f.mode(actors.Pause)
		pass(time.Second)
		f.ask(actors.ReidentifyShard{Key: f.key(0)})
		pass(time.Second)
		if s := f.gateway.Stats(); s.Identifies != 1 || s.Live != 0 {
			t.Errorf("a paused shard: %+v", s)
		}
		f.mode(actors.Run)
		pass(10 * time.Second)
		if shard, _ := f.shard(0); shard.State != session.Ready || shard.Session != 2 {
			t.Errorf("%+v", shard)
		}
		if s := f.gateway.Stats(); s.Identifies != 2 || s.Resumes != 0 {
			t.Errorf("%+v", s)
		}
		refusal, ok := f.ask(actors.ReidentifyShard{Key: f.key(7)}).(*actors.Refusal)
		if !ok || !errors.Is(refusal.Err, actors.ErrUnknownShard) {
			t.Errorf("a shard that there is not: %+v", refusal)
		}
		f.gateway.RequireNoViolations(t)
	})
}

// mode has the first shard run, pause, drain or stop, as a change of the plan that is.
func (f *fleet) mode(mode actors.Mode) {
	f.t.Helper()
	plan := f.ask(actors.GetPlan{}).(*actors.Plan)
	want := plan.Wants[f.key(0)]
	want.Mode = mode
	if set, ok := f.ask(actors.SetPlan{From: plan.Version, Change: map[actors.Key]actors.Want{f.key(0): want}}).(*actors.PlanSet); !ok {
		f.t.Fatalf("%v: %+v", mode, set)
	}
}

// TestShardThatEndsAfterItBeganAnewIsNotStartedAgain: the restart that was asked for together with a new session was carried out with it.
func TestShardThatEndsAfterItBeganAnewIsNotStartedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		plan := f.ask(actors.GetPlan{}).(*actors.Plan)
		want := plan.Wants[f.key(0)]
		want.Restarts, want.Reidentifies = want.Restarts+1, want.Reidentifies+1
		f.ask(actors.SetPlan{From: plan.Version, Change: map[actors.Key]actors.Want{f.key(0): want}})
		pass(time.Minute)
		if shard, _ := f.shard(0); shard.State != session.Ready || shard.Session != 2 {
			t.Fatalf("%+v", shard)
		}
		f.gateway.Shard(0).Close(events.CloseDisallowedIntents)
		pass(time.Hour)
		if shard, _ := f.shard(0); shard.State != session.Closed || f.gateway.Stats().Identifies != 2 {
			t.Errorf("%v, after %d Identifies", shard.State, f.gateway.Stats().Identifies)
		}
	})
}
