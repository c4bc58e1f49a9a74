package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/signalbox-go/signalbox/shardmanager"
)

// reshard is what a bot does: it asks what a reshard would take, and begins it if the day's Identifies pay for it.
func reshard(ctx context.Context, out io.Writer, m *shardmanager.Manager, total int) (shardmanager.ReshardPlan, error) {
	plan, err := m.PlanReshard(ctx, total)
	if err != nil {
		return plan, err
	}
	fmt.Fprintf(out, "the plan: %v\n", plan)
	if !plan.Pays() {
		return plan, fmt.Errorf("not enough Identifies until %v", plan.Until)
	}
	far := progress{out: out, began: time.Now()}
	return plan, m.Reshard(ctx, total, shardmanager.WithReshardProgress(far.tell))
}

// progress prints how far a reshard has come, where that has changed.
type progress struct {
	out    io.Writer
	began  time.Time
	latest string
}

func (p *progress) tell(now shardmanager.ReshardProgress) {
	var line string
	switch now.Phase {
	case shardmanager.ReshardWarming:
		line = fmt.Sprintf("%d of %d new shards are ready", now.Warm, now.To)
	case shardmanager.ReshardComparing:
		line = fmt.Sprintf("%d of %d guilds may be cut over", now.Compared, now.Guilds)
	default:
		line = fmt.Sprintf("%d of %d guilds are cut over", now.Cut, now.Guilds)
	}
	if line = fmt.Sprintf("%-9v  %s", now.Phase, line); line == p.latest {
		return
	}
	p.latest = line
	fmt.Fprintf(p.out, "%5.1f s  %s\n", time.Since(p.began).Seconds(), line)
}
