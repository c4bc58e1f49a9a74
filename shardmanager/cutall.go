package shardmanager

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
)

const cutTick = 100 * time.Millisecond

// cutAll has all guilds cut over, and then the new shards serve. It ends early with the Manager alone.
func (r *resharding) cutAll() error {
	life := r.m.life
	began, looked, overflown, failed := time.Now(), time.Time{}, 0, 0
	r.takeOverPresences()
	r.cut.Want() //seam:guilds-wanted
	for {
		if cuts := r.cut.Cuts(); len(cuts) > 0 {
			r.flow(cuts)
		}
		if now := time.Now(); now.Sub(looked) >= reshardTick {
			looked = now
			stats := r.cut.Step(now, r.patience)
			if stats.Flowing > 0 {
				r.keep(r.noteNow(false))
			}
			r.show(func(p *ReshardProgress) {
				p.Phase, p.Left = ReshardCutting, 0
				if p.take(stats); stats.Flowing > 0 {
					p.Left = time.Duration(float64(now.Sub(began)) * float64(stats.Guilds-stats.Flowing) / float64(stats.Flowing))
				}
			})
			if stats.Flowing == stats.Guilds && stats.Open == 0 {
				err := r.flip(life)
				if err == nil {
					return r.settle(life)
				}
				if failed++; seldom(failed) && life.Err() == nil { // there is no way back: the guilds are the new shards'
					r.m.log.Error("reshard: the new shards cannot take their place yet: tried again", zap.Int("failures", failed), zap.Error(err))
				}
			}
			r.revive()
			if stats.Overflown {
				overflown++
			}
			if stats.Overflown && seldom(overflown) {
				r.m.log.Warn("reshard: many events are kept: handlers are far behind, or a session is", zap.Int("bytes", stats.Bytes), zap.Int("guilds", stats.Guilds-stats.Flowing))
			}
		}
		select {
		case <-r.cut.News():
		case <-time.After(cutTick):
		case <-life.Done():
			return context.Cause(life)
		}
	}
}

// reviveEvery is how often new shards that are quarantined are started again.
const reviveEvery = time.Minute

// revive starts new shards again that kept crashing. Before the first cut the old shards go on instead; after it some guilds have none but these, and the
// others wait for them. No verb of an operator's is for shards that do not serve yet. They resume.
func (r *resharding) revive() {
	if time.Since(r.revived) < reviveEvery {
		return
	}
	r.revived = time.Now()
	var all []ShardStatus
	r.each(r.to, func(s ShardStatus) {
		if s.Quarantined {
			all = append(all, s)
		}
	})
	for _, s := range all {
		if _, err := r.m.ask(r.m.life, actors.RestartShard{Key: s.Key()}, supervisorTimeout); err != nil {
			r.m.log.Error("reshard: a new shard kept crashing, and cannot be started again: tried again in a minute", zap.Stringer("shard", s.Key()), zap.Error(err))
			return
		}
		r.m.log.Warn("reshard: a new shard kept crashing, and is started again: mend what crashes (props, middleware)", zap.Stringer("shard", s.Key()))
	}
}

// flow has the events of guilds that were cut flow, when whoever asked to has been told.
func (r *resharding) flow(cuts []GuildCut) {
	if r.before != nil {
		bounded, cancel := context.WithTimeout(r.m.life, beforeCutTime)
		_, err := heeding(bounded, "WithBeforeCut", func() (none struct{}, err error) { return none, r.before(bounded, cuts) })
		cancel()
		if err != nil {
			r.m.log.Error("reshard: WithBeforeCut failed: the guilds are cut over all the same", zap.Int("guilds", len(cuts)), zap.Error(err))
		}
	}
	r.mu.Lock()
	r.cuts = append(r.cuts, cuts...)
	r.mu.Unlock()
	r.keep(r.noteNow(false))
	guilds := make([]events.Snowflake, len(cuts))
	for i, of := range cuts {
		guilds[i] = of.Guild
	}
	r.cut.Flow(guilds...)
}

// flip has the new shards serve, and the old ones retire, in one change of the plan.
func (r *resharding) flip(ctx context.Context) error {
	r.takeOverVoices()
	r.takeOverPresences() // the last: one that is set while the old shards are asked where the bot is goes to them
	return r.change(ctx, func(plan *actors.Plan, change map[actors.Key]actors.Want) {
		for key, want := range plan.Wants {
			switch {
			case r.from.Has(key):
				want.Role = actors.Retiring
			case r.to.Has(key):
				want.Role = actors.Serving //seam:new-shards-serve
			default:
				continue
			}
			change[key] = want
		}
	})
}

// settle waits until they have taken their place.
func (r *resharding) settle(ctx context.Context) error {
	limit := time.Now().Add(flipTime)
	for {
		stats := r.cut.Step(time.Now(), 0)
		if cuts := r.cut.Cuts(); len(cuts) > 0 { // guilds that the bot has joined since
			r.flow(cuts)
		}
		late := time.Now().After(limit)
		if stats.Flowing == stats.Guilds && (late || stats.Serving == r.to.Total) {
			if stats.Serving < r.to.Total {
				r.m.log.Warn("reshard: not all new shards have taken their place yet: they will", zap.Int("serving", stats.Serving), zap.Int("shards", r.to.Total))
			}
			r.show(func(p *ReshardProgress) {
				p.Phase, p.Left = ReshardRetiring, 0
				p.take(stats)
			})
			r.finish()
			r.m.log.Info("reshard: the new shards serve", zap.Int("shards", r.to.Total), zap.Int("guilds", stats.Guilds), zap.Int("flagged", stats.Flagged))
			return nil
		}
		select {
		case <-r.cut.News():
		case <-time.After(cutTick):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

const flipTime = time.Minute // for a shard's actor to take its role
