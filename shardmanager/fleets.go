package shardmanager

import (
	"context"
	"errors"
	"maps"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// change changes the plan, from what it is now.
func (r *resharding) change(ctx context.Context, f func(plan *actors.Plan, change map[actors.Key]actors.Want)) error {
	for {
		answer, err := r.m.ask(ctx, actors.GetPlan{}, supervisorTimeout)
		if err != nil {
			return err
		}
		plan, change := answer.(*actors.Plan), make(map[actors.Key]actors.Want)
		f(plan, change)
		_, err = r.m.ask(ctx, actors.SetPlan{From: plan.Version, Change: change, Restore: r.restorable(plan)}, supervisorTimeout)
		var stale *actors.StalePlanError
		if !errors.As(err, &stale) { // or somebody else has changed it meanwhile
			return err
		}
	}
}

// restorable are the sessions with which new shards begin that the plan does not name yet.
func (r *resharding) restorable(plan *actors.Plan) map[actors.Key]session.Snapshot {
	all := maps.Clone(r.restore)
	maps.DeleteFunc(all, func(key actors.Key, _ session.Snapshot) bool { _, named := plan.Wants[key]; return named })
	return all
}

// allHere reports whether all old shards serve here, and are to run.
func (r *resharding) allHere() bool {
	serving := 0
	r.each(r.from, func(s ShardStatus) {
		if s.Role == actors.Serving && s.Mode == actors.Run {
			serving++
		}
	})
	return serving == r.from.Total
}

// each looks at the shards of a fleet.
func (r *resharding) each(of actors.Fleet, f func(ShardStatus)) {
	for _, s := range r.m.Status().Shards {
		if of.Has(s.Key()) {
			f(s)
		}
	}
}

// undo ends the new shards, also those of before, which nothing else would end: the old ones have served all the time.
func (r *resharding) undo() {
	r.cut.End()
	r.end(r.to, func(want *actors.Want) { want.Mode, want.Role = actors.Stop, actors.Warming })
	r.forget(r.to)
}

// end changes what is wanted of the shards of a fleet that the plan names, unless the Manager ends, which does more.
func (r *resharding) end(of actors.Fleet, f func(*actors.Want)) {
	err := r.change(r.m.life, func(plan *actors.Plan, change map[actors.Key]actors.Want) {
		for key, want := range plan.Wants {
			if of.Has(key) {
				if f(&want); want.Mode == actors.Stop {
					want.Code = events.CloseNormal // the session is not needed any more
				}
				change[key] = want
			}
		}
	})
	if err != nil && r.m.life.Err() == nil {
		r.m.log.Error("reshard: shards were not stopped", zap.Error(err))
	}
}

// forget removes the shards of a fleet when they have closed.
func (r *resharding) forget(of actors.Fleet) {
	closing, cancel := context.WithTimeout(r.m.life, stopTimeout)
	defer cancel()
	_ = r.m.board.Wait(closing, func(actors.Tally) bool { // those that do not say goodbye are forgotten as well
		open := false
		r.each(of, func(s ShardStatus) { open = open || s.State != session.Closed && s.State != session.Idle })
		return !open
	})
	for r.m.life.Err() == nil {
		answer, err := r.m.ask(r.m.life, actors.GetPlan{}, supervisorTimeout)
		if err != nil {
			return
		}
		plan := answer.(*actors.Plan)
		remove := make([]actors.Key, 0, of.Total)
		for key := range maps.Keys(plan.Wants) {
			if of.Has(key) {
				remove = append(remove, key)
			}
		}
		if _, err = r.m.ask(r.m.life, actors.SetPlan{From: plan.Version, Remove: remove}, supervisorTimeout); err == nil {
			return
		}
		if r.sleep(r.m.life, reshardTick) != nil {
			return
		}
	}
}
