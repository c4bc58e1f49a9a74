package metrics

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// CauseKind and Causes are what tests look at.
var (
	CauseKind = causeKind
	Causes    = causes
)

// Most is how many names of handlers a label may have.
const Most = mostNames

// Names are all metrics.
func (x *Metrics) Names() (all []string) {
	for _, e := range x.table.entries {
		all = append(all, e.name)
	}
	return all
}

// Page is the table of docs/operations/metrics.md.
func (x *Metrics) Page() string {
	var b strings.Builder
	b.WriteString("| metric | kind | labels | meaning | when it moves, or is there |\n|---|---|---|---|---|\n")
	for _, e := range x.table.entries {
		labels := strings.Join(e.labels, ", ")
		if e.perShard {
			labels += " (with `WithPerShard` alone)"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", e.name, e.kind, labels, strings.TrimSuffix(e.help, "."), e.moves)
	}
	return b.String()
}

// Imagined collects of a bot with so many shards, each with handlers that have been sent something.
type Imagined struct {
	*Metrics
	r *reading
}

// Imagine makes one.
func (x *Metrics) Imagine(shards, handlers int) Imagined {
	now := time.Now()
	r := &reading{at: now, running: true, frame: now}
	r.status.Total = shards
	r.budget = shardmanager.Budget{Known: true, Total: 20000, Remaining: 19000, ResetAt: now, Next: now}
	r.persistence.SavedAt = now
	for i := range shards {
		id := events.ShardID{Index: i, Total: shards}
		s := shardmanager.ShardStatus{Shard: id, State: session.Ready, LastEvent: now, LastFrame: now, LatencyAt: now, Since: now.Add(-time.Hour), Guilds: 1000}
		if i%10 == 0 {
			s.State, s.Cause = session.Backoff, session.ErrZombie
			s.Away = now.Add(-time.Minute)
		}
		r.status.Shards = append(r.status.Shards, s)
		for h := range handlers {
			r.queues = append(r.queues, shardmanager.Queue{Name: fmt.Sprintf("handler-%d", h), Shard: actors.Key{Shard: id}, Limit: 4096})
		}
		for _, name := range ofShards {
			r.queues = append(r.queues, shardmanager.Queue{Name: name, Shard: actors.Key{Shard: id}, Limit: 1024})
		}
	}
	return Imagined{x, r}
}

// Collect implements prometheus.Collector.
func (i Imagined) Collect(ch chan<- prometheus.Metric) {
	for _, c := range i.table.happened {
		c.Collect(ch)
	}
	i.gauges.tell(ch, i.r, i.perShard)
}
