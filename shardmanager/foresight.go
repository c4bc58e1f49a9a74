package shardmanager

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
)

const usualBeat = 41250 * time.Millisecond // from one heartbeat to the next, where none has been yet

// cutTime is how long it is reckoned to take to cut all guilds over when all new shards of a reshard are Ready: both sessions of each have to prove three times that
// they live, the first time within an interval of heartbeats, and then an interval apart.
func cutTime(shards []ShardStatus) time.Duration {
	beat := time.Duration(0)
	for i := range shards {
		beat = max(beat, shards[i].HeartbeatInterval())
	}
	if beat == 0 {
		beat = usualBeat
	}
	return beat * 28 / 10
}

// rehearse has the work done from a time on, on a fresh copy. The error is a *ratelimit.BudgetError if the budget cannot pay.
func (s *foresight) rehearse(work Work, at time.Time, f *Forecast) error {
	queue := s.stands.Copy
	if cloner, ok := queue.(ratelimit.Cloner); ok {
		queue = cloner.Clone(s.asked)
	}
	for i := range s.status.Shards {
		queue.Used(s.asked, limiterShard(s.status.Shards[i].Key())) // a permit that is out is used just now
	}
	probes := s.m.intents()&(events.IntentsPrivileged|s.m.cfg.optional) != 0 && !s.accepts
	r := &rehearsal{
		ctx: s.ctx, began: at, now: at, ends: at, queue: queue, steps: s.steps, apart: s.apart, dials: s.dials, probes: probes,
		waiting: make(map[ratelimit.Shard]func()),
	}
	f.Duration, f.Identifies, f.Resumes, f.ExtraSessions = 0, 0, 0, 0
	if err := work.foresee(s, r, f); err != nil {
		return err
	}
	r.run()
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	if r.refused == nil {
		f.Duration = r.ends.Sub(at)
	}
	return r.refused
}

func limiterShard(key actors.Key) ratelimit.Shard {
	return ratelimit.Shard{Generation: key.Generation, Index: key.Shard.Index, Total: key.Shard.Total}
}

func (c ColdStart) foresee(s *foresight, r *rehearsal, f *Forecast) error {
	total, ids := s.total, s.ids
	switch {
	case c.Shards < 0 || c.Shards > maxShards:
		return fmt.Errorf("shardmanager: forecast of a cold start: %d shards: use 1 to %d, or 0 for as many as Start would begin", c.Shards, maxShards)
	case c.Shards > 0:
		total, ids = c.Shards, upTo(c.Shards)
	}
	for i := range s.status.Shards { // they are not there any more
		r.queue.Withdraw(r.now, limiterShard(s.status.Shards[i].Key()))
	}
	f.Shards, f.Identifies = len(ids), len(ids)
	r.probes = s.m.intents()&(events.IntentsPrivileged|s.m.cfg.optional) != 0
	r.after(s.lead, func() {
		for _, index := range ids {
			r.fresh(ratelimit.Shard{Index: index, Total: total}, nil)
		}
	})
	return nil
}

func (ColdStart) text(shards int) string {
	return "cold start of " + counted(shards, "shard", "shards")
}

func (w ReshardTo) foresee(s *foresight, r *rehearsal, f *Forecast) error {
	if w.Total < 1 || w.Total > maxShards {
		return fmt.Errorf("shardmanager: forecast of a reshard: a total of %d: use 1 to %d", w.Total, maxShards)
	}
	generation := uint64(0)
	for _, shard := range s.status.Shards {
		generation = max(generation, shard.Generation)
	}
	f.Shards, f.Identifies, f.ExtraSessions = w.Total, w.Total, w.Total
	left := w.Total
	for index := range w.Total {
		r.fresh(ratelimit.Shard{Generation: generation + 1, Index: index, Total: w.Total}, func() {
			if left--; left == 0 {
				r.after(cutTime(s.status.Shards), func() { r.done(nil) })
			}
		})
	}
	return nil
}

func (ReshardTo) text(shards int) string { return "reshard to " + counted(shards, "shard", "shards") }

func (w Recovery) foresee(s *foresight, r *rehearsal, f *Forecast) error {
	shards, err := s.running(w.Shards)
	if err != nil {
		return err
	}
	f.Shards = len(shards)
	for i, shard := range shards {
		r.queue.Withdraw(r.now, limiterShard(shard.Key()))
		r.after(s.apartFrom(shard, r.now), func() {
			switch {
			case !s.resumable(shard):
				r.fresh(limiterShard(shard.Key()), nil)
			case w.SessionsLost:
				r.renew(limiterShard(shard.Key()), scattered(i), nil)
			default:
				r.resume(nil)
			}
		})
		if w.SessionsLost || !s.resumable(shard) {
			f.Identifies++
		} else {
			f.Resumes++
		}
	}
	return nil
}

func (w Recovery) text(shards int) string {
	if w.SessionsLost {
		return "recovery of " + counted(shards, "shard", "shards") + " whose sessions are lost"
	}
	return "recovery of " + counted(shards, "shard", "shards")
}

func (how Rolling) foresee(s *foresight, r *rehearsal, f *Forecast) error {
	if err := how.check(); err != nil {
		return err
	}
	shards, err := s.running(nil)
	if err != nil {
		return err
	}
	f.Shards = len(shards)
	for _, shard := range shards {
		if s.resumable(shard) {
			f.Resumes++
		} else {
			f.Identifies++
		}
	}
	if len(shards) == 0 {
		return nil
	}
	restart := func(then func()) {
		shard := shards[0]
		shards = shards[1:]
		r.after(s.apartFrom(shard, r.now), func() {
			if s.resumable(shard) {
				r.resume(then)
			} else {
				r.fresh(limiterShard(shard.Key()), then)
			}
		})
	}
	var next func()
	next = func() {
		if len(shards) > 0 {
			restart(func() { r.after(how.pause(), next) })
		}
	}
	restart(func() {
		r.after(canaryTime, func() {
			r.done(nil)
			for range how.atOnce(len(shards)) {
				next()
			}
		})
	})
	return nil
}

func (Rolling) text(shards int) string {
	return "rolling restart of " + counted(shards, "shard", "shards")
}

// running are shards that serve here, and are to run; none named: all.
func (s *foresight) running(named []int) (shards []*ShardStatus, err error) {
	wanted := make(map[actors.Key]bool)
	if len(named) > 0 {
		keys, err := s.m.keys(s.ctx, named)
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			wanted[key] = true
		}
	}
	for i := range s.status.Shards {
		shard := &s.status.Shards[i]
		if shard.Role == actors.Serving && shard.Mode == actors.Run && (len(named) == 0 || wanted[shard.Key()]) {
			shards = append(shards, shard)
		}
	}
	return shards, nil
}

// resumable reports whether a shard has a session to resume.
func (s *foresight) resumable(shard *ShardStatus) bool {
	_, _, ok := s.m.shards.Session(shard.Key())
	return ok
}

// apartFrom is until when a shard does not dial again since it has just done so.
func (s *foresight) apartFrom(shard *ShardStatus, now time.Time) time.Duration {
	return max(shard.Dialled.Add(dialDistance).Sub(now), 0)
}

// scattered stands for chance: 0 to 1, evenly spread.
func scattered(i int) float64 {
	_, part := math.Modf((float64(i) + 0.5) * math.Phi)
	return part
}
