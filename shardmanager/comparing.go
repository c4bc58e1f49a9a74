package shardmanager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// queueTime is by how much longer than was planned a new shard may wait for its Identify.
const queueTime = 10 * time.Minute

// look counts the new shards that are Ready, and those that have a session, and says why one of them will not be Ready, or not soon.
func (r *resharding) look() (ready, extra int, ended error) {
	var poor *ratelimit.BudgetError
	r.each(r.to, func(s ShardStatus) {
		switch {
		case s.State == session.Ready:
			ready++
		case s.Quarantined && r.goesOn: // there is no way back: see revive
		case s.Ended():
			ended = whyEnded(s.Key(), s.Cause)
		case s.Mode != actors.Run:
			ended = fmt.Errorf("shardmanager: the new shard %v is to %v", s.Key(), s.Mode)
		case s.State == session.Backoff && (refusal(s.Cause) || errors.As(s.Cause, &poor) && !r.goesOn): // others have spent what was left
			ended = s.Cause
		case s.State == session.Queued && time.Until(s.Expected) > r.plan.Warm+queueTime && !r.goesOn:
			ended = fmt.Errorf("shardmanager: the new shard %v may not identify before %v: the day's Identifies are spread over what is left of it", s.Key(), s.Expected.Round(time.Second))
		}
		if s.Session > 0 {
			extra++
		}
	})
	return ready, extra, ended
}

// warm waits until all new shards are Ready.
func (r *resharding) warm(ctx context.Context) error {
	for {
		ready, extra, ended := r.look()
		stats := r.step()
		r.show(func(p *ReshardProgress) {
			p.Warm, p.Left = ready, time.Duration(float64(r.plan.Warm)*(1-float64(ready)/float64(r.to.Total)))+r.plan.Cut
			if p.Extra = max(p.Extra, extra); r.back {
				p.Extra = 0
			}
			p.take(stats)
		})
		switch {
		case ended != nil:
			return ended
		case stats.Overflown && !r.goesOn:
			return ErrKeptTooMuch
		case ready == r.to.Total:
			return nil
		}
		if r.goesOn {
			r.revive()
		}
		if err := r.sleep(ctx, reshardTick); err != nil {
			return err
		}
	}
}

// compare waits until all guilds may be cut, or for as long as patience lasts, and all new shards are Ready: one that has lost its session since may be long in getting
// another, and the old ones can still go on.
func (r *resharding) compare(ctx context.Context) error {
	began := time.Now()
	for {
		ready, _, ended := r.look()
		stats := r.step()
		took := time.Since(began)
		r.show(func(p *ReshardProgress) {
			p.Phase, p.Warm, p.Left = ReshardComparing, ready, max(r.plan.Cut-took, 0)
			p.take(stats)
		})
		over := stats.Ready == stats.Guilds || took >= r.patience
		switch {
		case over && r.goesOn: // the first guilds are cut already: there is no way back
			return nil
		case ended != nil && !r.goesOn:
			return ended
		case stats.Overflown && !r.goesOn:
			return ErrKeptTooMuch
		case over && stats.Deaf > 0:
			return fmt.Errorf("%w: of %d new shards, most of their events, or of those of the old ones; %d in all", ErrDisagreed, stats.Deaf, stats.Differed)
		case over && stats.Silent > 0:
			return fmt.Errorf("%w: of %d guilds the new ones tell nothing", ErrDisagreed, stats.Silent)
		case over && stats.Ready == 0:
			return fmt.Errorf("%w: no guild could be compared in %v", ErrDisagreed, r.patience)
		case over && ready == r.to.Total:
			return nil
		}
		if err := r.sleep(ctx, reshardTick); err != nil {
			return err
		}
	}
}

// step has the comparison go on. What another process has cut flows meanwhile.
func (r *resharding) step() actors.CutoverStats {
	if r.goesOn {
		r.keep(r.noteNow(false))
	}
	return r.cut.Step(time.Now(), 0)
}

func (r *resharding) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
