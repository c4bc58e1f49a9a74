package sim

import (
	"context"
	"errors"
	"time"

	"github.com/signalbox-go/signalbox/shardmanager"
)

// rolling has an operator restart all shards in turn, and at times give that up.
func (sim *simulation) rolling(f Injection) {
	p := sim.current()
	if !p.up() {
		return
	}
	sim.work.Go(func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		gives := f.N%4 == 0
		if gives {
			defer time.AfterFunc(f.For/2, cancel).Stop()
		}
		how := shardmanager.Rolling{AtOnce: 1 + f.N%3, Pause: []time.Duration{0, -1, 5 * time.Second}[f.N/3%3], Progress: func(shardmanager.RollingProgress) {
			if !p.dead.Load() {
				sim.record(Record{Witness: Fault, What: "inject rolling", Shard: -1})
			}
		}}
		sim.record(Record{Witness: Operator, What: "rolls", Process: p.number, Shard: -1, Call: int(f.At), Seq: int64(how.AtOnce)})
		err := p.m.RollingRestartWith(ctx, how)
		if p.dead.Load() {
			return
		}
		r := Record{Witness: Operator, What: "rolled", Process: p.number, Shard: -1, Call: int(f.At)}
		if err != nil {
			r.Text = err.Error()
		}
		if ctx.Err() != nil || errors.Is(err, shardmanager.ErrRolling) {
			r.Who = "given up"
		}
		sim.record(r)
	})
}
