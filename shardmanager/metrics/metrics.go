package metrics

import (
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// Metrics counts what a Manager's hooks tell, and reads the rest from the Manager when Prometheus asks: it is a prometheus.Collector. Make it with New. Safe for
// concurrent use.
//
// One Metrics belongs to one Manager at a time. A process with several bots registers each with a label of its own, by prometheus.WrapRegistererWith.
type Metrics struct {
	perShard, noEvents bool

	table table
	counted
	gauges gauges

	lives lives
	frame atomic.Int64 // when a frame was last read, in Unix nanoseconds; 0: none was

	mu        sync.Mutex // of all that follows
	manager   *shardmanager.Manager
	reading   *reading
	oddFrames rising
	missed    rising
	forecasts forecasts
}

// Option changes one setting of a Metrics.
type Option func(*Metrics)

// WithPerShard adds metrics of each shard, with the label shard: 10 series for each that runs here. The default is none of them: what is told then
// does not grow with the number of shards.
func WithPerShard() Option { return func(x *Metrics) { x.perShard = true } }

// WithoutEvents leaves out what is counted of each event: signalbox_events_total and signalbox_events_replayed_total, which stay 0. The default is to count them, for
// some tens of nanoseconds each.
func WithoutEvents() Option { return func(x *Metrics) { x.noEvents = true } }

// New returns a Metrics that nobody has told anything yet. Register it with a prometheus.Registerer.
func New(opts ...Option) *Metrics {
	x := new(Metrics)
	for _, opt := range opts {
		opt(x)
	}
	x.counted = newCounted(&x.table)
	x.gauges = newGauges(&x.table)
	x.lives.of = make(map[events.ShardKey]life)
	return x
}

// Attach has x read m from now on: how it stands, while what happens comes by the hooks. A second call puts another Manager in the place of the first, such as one that
// follows it in the same process, and with nil none: what was counted stays.
func (x *Metrics) Attach(m *shardmanager.Manager) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.manager, x.reading, x.oddFrames = m, nil, rising{total: x.oddFrames.total}
	x.forecasts, x.missed = forecasts{}, rising{total: x.missed.total}
	x.lives.clear()
	x.frame.Store(0)
}

// Describe implements prometheus.Collector.
func (x *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range x.table.happened {
		c.Describe(ch)
	}
	for _, d := range x.table.read {
		ch <- d
	}
}

// Collect implements prometheus.Collector. It asks no shard. Where the Manager's supervisor does not answer, it waits for two seconds at the most, and
// tells nothing of the budget.
func (x *Metrics) Collect(ch chan<- prometheus.Metric) {
	r := x.read()
	for _, c := range x.table.happened {
		c.Collect(ch)
	}
	x.gauges.tell(ch, r, x.perShard)
}
