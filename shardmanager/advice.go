package shardmanager

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
)

const (
	adviseFrom  = 2000           // guilds in a shard: Discord refuses an Identify with more than 2,500, and recommends about 1,000
	adviseLook  = time.Minute    // between two looks at the shards
	adviseAgain = 24 * time.Hour // while it goes on
)

// WithReshardAdvice sets from how many guilds in a shard on more shards are advised: a warning in the log, and HookReshardAdvised. The
// default, 0, is 2,000: with more than 2,500 Discord refuses the next Identify (4011), and the shard ends. Below 0 nothing is advised.
// Nothing else is done, whatever is advised.
func WithReshardAdvice(guilds int) Option { return func(c *config) { c.adviseFrom = guilds } }

// HookReshardAdvised is told that the bot should have more shards. It is told once of a total, and once a day while it goes on.
type HookReshardAdvised interface{ OnReshardAdvised(ReshardAdvised) }

// ReshardAdvised says why the bot should have more shards: one that serves here has as many guilds as Threshold, or Discord recommends at
// least twice as many shards. ShardStatus.Guilds tells how many guilds each has.
type ReshardAdvised struct {
	Shard       events.ShardKey // of those that serve here, the one with the most guilds; its Total is what the bot has now
	Guilds      int             // of Shard
	Threshold   int             // see WithReshardAdvice
	Full        int             // how many shards here have as many guilds as Threshold; 0: it is Discord's recommendation alone
	Recommended int             // the total that Discord recommends, by its latest answer
	Double      int             // the total with which each shard has half of its guilds. A large bot's, too, may be that
}

// adviser advises more shards. It is the refresher's, on its goroutine.
type adviser struct {
	from        int // 0: it advises nothing
	recommended int
	total       int       // that the latest advice was about
	told        time.Time // when that was
}

func newAdviser(from, recommended int) adviser {
	switch {
	case from == 0:
		from = adviseFrom
	case from < 0:
		from = 0
	}
	return adviser{from: from, recommended: recommended}
}

// due is what is to be told now; false: nothing.
func (a *adviser) due(status Status, now time.Time) (advised ReshardAdvised, due bool) {
	if a.from == 0 || a.total == status.Total && now.Sub(a.told) < adviseAgain {
		return ReshardAdvised{}, false
	}
	advised = ReshardAdvised{Threshold: a.from, Recommended: a.recommended}
	for i := range status.Shards {
		s := &status.Shards[i]
		if s.Role != actors.Serving || s.Mode != actors.Run {
			continue
		}
		if advised.Double == 0 || s.Guilds > advised.Guilds {
			advised.Shard, advised.Guilds, advised.Double = s.Key(), s.Guilds, 2*s.Shard.Total
		}
		if s.Guilds >= a.from {
			advised.Full++
		}
	}
	return advised, advised.Full > 0 || advised.Double > 0 && a.recommended >= advised.Double
}

// advise tells what is due, by what Discord recommends now.
func (r *refresher) advise(ctx context.Context, ask func()) {
	if _, due := r.adviser.due(r.m.Status(), time.Now()); !due {
		return
	}
	ask()
	advised, due := r.adviser.due(r.m.Status(), time.Now())
	if !due || ctx.Err() != nil {
		return
	}
	r.adviser.total, r.adviser.told = advised.Shard.Shard.Total, time.Now()
	r.m.log.Warn("shards have many guilds: with more than 2,500 Discord refuses to let one identify (4011): run the bot with more shards, by WithShards or as Discord recommends",
		zap.Stringer("shard", advised.Shard), zap.Int("guilds", advised.Guilds), zap.Int("threshold", advised.Threshold), zap.Int("full", advised.Full),
		zap.Int("recommended", advised.Recommended), zap.Int("double", advised.Double))
	actors.Tell(r.m.observers, func(h HookReshardAdvised) { h.OnReshardAdvised(advised) })
}
