package actors_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

func keyOf(generation uint64, index, total int) actors.Key {
	return actors.Key{Generation: generation, Shard: events.ShardID{Index: index, Total: total}}
}

// TestBadPlanChangesNothing: a change that cannot be is refused with a typed error that names the shard, and nothing of it is taken, also not
// what it had besides.
func TestBadPlanChangesNothing(t *testing.T) {
	serving := actors.Want{}
	change := func(key actors.Key, want actors.Want) actors.SetPlan {
		return actors.SetPlan{Change: map[actors.Key]actors.Want{key: want}}
	}
	snapshot := func(index, total int) session.Snapshot {
		return session.Snapshot{Shard: events.ShardID{Index: index, Total: total}, SessionID: "s", ResumeURL: "ws://resume", Seq: 1}
	}
	restore := func(key actors.Key, s session.Snapshot, m actors.SetPlan) actors.SetPlan {
		m.Restore = map[actors.Key]session.Snapshot{key: s}
		return m
	}
	first := keyOf(0, 0, 2)
	// Before: 0/2 runs, with fence 5, one restart and one new session; 1/2 is stopped.
	for name, bad := range map[string]struct {
		message any
		key     actors.Key // that the error names
	}{
		"a total of 0":              {change(keyOf(0, 0, 0), serving), keyOf(0, 0, 0)},
		"an absurd total":           {change(keyOf(0, 0, 1<<40), serving), keyOf(0, 0, 1<<40)},
		"a negative total":          {change(keyOf(0, 0, -1), serving), keyOf(0, 0, -1)},
		"outside its total":         {change(keyOf(0, 2, 2), serving), keyOf(0, 2, 2)},
		"a negative index":          {change(keyOf(0, -1, 2), serving), keyOf(0, -1, 2)},
		"no such mode":              {change(keyOf(1, 1, 2), actors.Want{Mode: 5}), keyOf(1, 1, 2)},
		"a negative mode":           {change(keyOf(1, 1, 2), actors.Want{Mode: -1}), keyOf(1, 1, 2)},
		"no such role":              {change(keyOf(1, 1, 2), actors.Want{Role: 3}), keyOf(1, 1, 2)},
		"bits that no intent has":   {change(keyOf(1, 1, 2), actors.Want{Intents: 1 << 40}), keyOf(1, 1, 2)},
		"a code for one that runs":  {change(keyOf(1, 1, 2), actors.Want{Code: events.CloseNormal}), keyOf(1, 1, 2)},
		"the same guilds":           {change(keyOf(1, 0, 2), serving), keyOf(1, 0, 2)},
		"all guilds":                {change(keyOf(1, 0, 1), serving), keyOf(1, 0, 1)},
		"some of the same guilds":   {change(keyOf(1, 0, 3), serving), keyOf(1, 0, 3)},
		"a part of the same guilds": {change(keyOf(1, 2, 4), actors.Want{Mode: actors.Pause}), keyOf(1, 2, 4)},
		"two of one change": {
			actors.SetPlan{Change: map[actors.Key]actors.Want{keyOf(1, 1, 2): serving, keyOf(2, 1, 2): serving}}, keyOf(2, 1, 2),
		},
		"one beside the one that serves": {
			actors.SetPlan{Change: map[actors.Key]actors.Want{first: {Restarts: 2, Reidentifies: 1, Fence: 6}, keyOf(1, 0, 2): serving}}, keyOf(1, 0, 2),
		},
		"one of all guilds before it": {
			actors.SetPlan{Change: map[actors.Key]actors.Want{keyOf(0, 0, 1): serving, first: {Restarts: 2, Reidentifies: 1, Fence: 6}}}, first,
		},
		"a fence that goes back":         {change(first, actors.Want{Restarts: 1, Reidentifies: 1, Fence: 4}), first},
		"a fence that is left out":       {change(first, actors.Want{Restarts: 1, Reidentifies: 1}), first},
		"restarts that go back":          {change(first, actors.Want{Reidentifies: 1, Fence: 5}), first},
		"new sessions that go back":      {change(first, actors.Want{Restarts: 1, Fence: 5}), first},
		"to be changed and removed":      {actors.SetPlan{Change: map[actors.Key]actors.Want{first: {Restarts: 1, Reidentifies: 1, Fence: 5}}, Remove: []actors.Key{first}}, first},
		"a session nobody is to have":    {restore(keyOf(7, 1, 2), snapshot(1, 2), actors.SetPlan{}), keyOf(7, 1, 2)},
		"a session of another shard":     {restore(keyOf(1, 1, 2), snapshot(0, 2), change(keyOf(1, 1, 2), serving)), keyOf(1, 1, 2)},
		"a session for one that runs":    {restore(first, snapshot(0, 2), actors.SetPlan{}), first},
		"StartShards: a total of 0":      {actors.StartShards{}, keyOf(0, 0, 0)},
		"StartShards: a negative total":  {&actors.StartShards{Generation: 3, Total: -5}, keyOf(3, 0, -5)},
		"StartShards: outside its total": {actors.StartShards{Total: 2, IDs: []int{1, 2}}, keyOf(0, 2, 2)},
		"StartShards: the same guilds":   {actors.StartShards{Generation: 1, Total: 2}, keyOf(1, 0, 2)},
		"StartShards: a session nobody is to have": {
			actors.StartShards{Total: 2, IDs: []int{1}, Sessions: []session.Snapshot{snapshot(7, 9)}}, keyOf(0, 7, 9),
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, nil)
				f.start(2)
				f.ask(actors.RestartShard{Key: first})
				f.ask(actors.ReidentifyShard{Key: first})
				f.ask(actors.StopShards{Keys: []actors.Key{keyOf(0, 1, 2)}})
				plan := f.ask(actors.GetPlan{}).(*actors.Plan)
				want := plan.Wants[first]
				want.Fence = 5
				f.ask(actors.SetPlan{From: plan.Version, Change: map[actors.Key]actors.Want{first: want}})
				pass(time.Minute)
				before, status, connections := f.ask(actors.GetPlan{}).(*actors.Plan), f.status(), f.gateway.Stats().Connections

				message := bad.message
				if set, ok := message.(actors.SetPlan); ok {
					set.From = before.Version
					if message = set; len(set.Restore) == 0 { // what is good beside it is not taken either
						set.Change = maps.Clone(set.Change)
						set.Change[keyOf(9, 1, 2)] = actors.Want{Role: actors.Warming}
						message = set
					}
				}
				var err error
				switch answer := f.ask(message).(type) {
				case *actors.Refusal:
					err = answer.Err
				case *actors.ShardsStarted:
					err = answer.Err
				}
				var problem *actors.PlanError
				if !errors.As(err, &problem) || problem.Key != bad.key || problem.Problem == "" {
					t.Errorf("it is answered with %v", err)
				} else if total := bad.key.Shard.Total; total < 1 && problem.Problem != fmt.Sprintf("a total of %d: at least one shard is needed", total) {
					t.Errorf("the problem: %q", problem.Problem)
				}
				pass(time.Minute)
				after := f.ask(actors.GetPlan{}).(*actors.Plan)
				if after.Version != before.Version || !maps.Equal(after.Wants, before.Wants) {
					t.Errorf("the plan is\n%+v\nand was\n%+v", after, before)
				}
				if now := f.status(); fmt.Sprint(stands(now)) != fmt.Sprint(stands(status)) || f.gateway.Stats().Connections != connections {
					t.Errorf("%v, and it was %v; %d connections, it were %d", stands(now), stands(status), f.gateway.Stats().Connections, connections)
				}
				if _, err := f.sendsTo(0).Send(t.Context(), events.Heartbeat{}); err != nil {
					t.Error(err)
				}
				f.gateway.RequireNoViolations(t)
				// Who serves is as it was: another one still may not, and what nobody serves somebody may.
				for key, may := range map[actors.Key]bool{keyOf(8, 0, 2): false, keyOf(8, 1, 2): true} {
					_, set := f.ask(actors.SetPlan{From: after.Version, Change: map[actors.Key]actors.Want{key: serving}}).(*actors.PlanSet)
					if set != may {
						t.Errorf("%v may serve: %v", key, set)
					}
					after = f.ask(actors.GetPlan{}).(*actors.Plan)
				}
			})
		})
	}
}

// stands is where all shards stand.
func stands(status actors.Status) (all []string) {
	for _, s := range status.Shards {
		all = append(all, fmt.Sprint(s.Key(), s.Mode, s.Role, s.State, s.Conn, s.Session))
	}
	return all
}

// TestStaleChangeOfAPlanIsRefused, with both versions; the same change is taken when it is made anew.
func TestStaleChangeOfAPlanIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(2)
		version := f.ask(actors.GetPlan{}).(*actors.Plan).Version
		stop := map[actors.Key]actors.Want{keyOf(0, 1, 2): {Mode: actors.Stop}}
		for _, from := range []uint64{0, version - 1, version + 1, 1 << 63} {
			refusal, ok := f.ask(actors.SetPlan{From: from, Change: stop}).(*actors.Refusal)
			var stale *actors.StalePlanError
			if !ok || !errors.As(refusal.Err, &stale) || *stale != (actors.StalePlanError{From: from, Version: version}) {
				t.Errorf("from %d of %d: %+v", from, version, refusal)
			}
		}
		pass(time.Minute)
		if plan := f.ask(actors.GetPlan{}).(*actors.Plan); plan.Version != version || plan.Wants[keyOf(0, 1, 2)].Mode != actors.Run || f.status().Ready() != 2 {
			t.Errorf("%+v, %d ready", plan, f.status().Ready())
		}
		if set, ok := f.ask(actors.SetPlan{From: version, Change: stop}).(*actors.PlanSet); !ok || set.Version != version+1 {
			t.Errorf("made anew: %+v", set)
		}
		pass(time.Minute)
		if states := stateOfAll(f.status()); !slices.Equal(states, []session.State{session.Ready, session.Closed}) {
			t.Errorf("%v", states)
		}
	})
}

func stateOfAll(status actors.Status) (all []session.State) {
	for _, s := range status.Shards {
		all = append(all, s.State)
	}
	return all
}

// TestLargestTotalIsNoMistake, but one more is.
func TestLargestTotalIsNoMistake(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		for _, total := range []int{65_537, 65_536} { // in this order: after a change that is taken another would be stale
			m := actors.SetPlan{Change: map[actors.Key]actors.Want{keyOf(uint64(total), 0, total): {Mode: actors.Pause}}}
			if _, ok := f.ask(m).(*actors.PlanSet); ok != (total == 65_536) {
				t.Errorf("a total of %d is taken: %v", total, ok)
			}
		}
	})
}

// TestPlanThatIsToldIsACopy: whoever changes it changes nothing.
func TestPlanThatIsToldIsACopy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		plan := f.ask(actors.GetPlan{}).(*actors.Plan)
		plan.Wants[keyOf(0, 0, 1)] = actors.Want{Mode: actors.Stop}
		plan.Wants[keyOf(5, 0, 0)] = actors.Want{}
		pass(time.Minute)
		if now := f.ask(actors.GetPlan{}).(*actors.Plan); len(now.Wants) != 1 || now.Wants[keyOf(0, 0, 1)] != (actors.Want{}) || f.status().Ready() != 1 {
			t.Errorf("%+v", now)
		}
	})
}
