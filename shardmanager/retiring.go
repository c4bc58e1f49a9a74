package shardmanager

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
)

// retire keeps the old shards connected for a while, and ends them then, unless another reshard begins: one back needs them, and any other ends them itself.
func (r *resharding) retire(ctx context.Context) {
	var late sync.WaitGroup
	late.Go(func() { r.finishLate(ctx) })
	defer late.Wait() // the next one writes down other things
	if r.sleep(ctx, r.retirement) != nil {
		return
	}
	r.mu.Lock()
	r.retired = true
	r.mu.Unlock()
	r.endOld() //seam:old-shards-end
	r.show(func(p *ReshardProgress) { p.Phase = ReshardDone })
}

// endOld ends the old shards, which retire.
func (r *resharding) endOld() {
	r.end(r.from, func(want *actors.Want) { want.Mode = actors.Stop })
	r.forget(r.from)
	r.forgetStored()
}

// forgetStored has the store forget the sessions of the old shards, which have ended.
func (r *resharding) forgetStored() {
	store := r.m.cfg.store
	if store == nil || r.from.Total == r.to.Total { // then those of the new ones have taken their place
		return
	}
	ctx, cancel := context.WithTimeout(r.m.life, noteTime)
	defer cancel()
	for i := range r.from.Total {
		id := r.from.Key(i).Shard
		if err := callStore(ctx, "Delete", func() error { return store.Delete(ctx, id) }); err != nil {
			r.m.log.Warn("reshard: a session of the old shards stays stored: it is of no use any more", zap.Stringer("shard", id), zap.Error(err))
			return
		}
	}
}

// turn goes back to the old shards, which retire.
func (r *resharding) turn() error {
	back := &resharding{
		m: r.m, from: r.to, to: r.from, back: true, patience: r.patience, before: r.before, known: r.guilds,
		plan: ReshardPlan{From: r.plan.To, To: r.plan.From, Cut: r.plan.Cut},
	}
	if r.intents != 0 {
		back.intents, back.today = r.today, r.intents
	}
	r.returns = back
	if err := back.reshard(r.m.life); err != nil {
		return fmt.Errorf("shardmanager: no way back to the old shards: %w", errors.Unwrap(err))
	}
	r.end(r.to, func(want *actors.Want) { want.Mode = actors.Stop })
	r.forget(r.to)
	return nil
}
