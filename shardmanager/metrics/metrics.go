package metrics

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

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
	cancel    func() // ends the counting of events
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

// WithoutEvents leaves out what is counted of each event: signalbox_events_total, signalbox_events_replayed_total and signalbox_event_delay_seconds. It spares each
// event a way through a queue of the Manager. The default is to count them.
func WithoutEvents() Option { return func(x *Metrics) { x.noEvents = true } }

// New returns a Metrics that nobody has told anything yet. Register it with a prometheus.Registerer.
func New(opts ...Option) *Metrics {
	x := &Metrics{cancel: func() {}}
	for _, opt := range opts {
		opt(x)
	}
	x.counted = newCounted(&x.table)
	x.gauges = newGauges(&x.table)
	x.lives.of = make(map[events.ShardKey]life)
	return x
}

// handlerName is by what name Queues and Shed know the handler that counts events.
const handlerName = "metrics"

// Attach has x read m from now on, and count its events. Call it before m.Start, or the first events are not counted. A second call puts another Manager in
// the place of the first, such as one that follows it in the same process, and with nil none: what was counted stays.
func (x *Metrics) Attach(m *shardmanager.Manager) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cancel()
	x.manager, x.cancel, x.reading, x.oddFrames = m, func() {}, nil, rising{total: x.oddFrames.total}
	x.forecasts, x.missed = forecasts{}, rising{total: x.missed.total}
	x.lives.clear()
	x.frame.Store(0)
	if m != nil && !x.noEvents {
		x.cancel = shardmanager.OnRaw(m, x.event, shardmanager.WithName(handlerName))
	}
}

// event counts an event.
func (x *Metrics) event(_ context.Context, raw events.Raw, at events.Meta) {
	count, known := x.byType[raw.Type]
	if !known {
		count = x.unknownType
	}
	count.Inc()
	if at.Replayed {
		x.replayed.Inc()
	}
	x.delay.Observe(time.Since(at.Received).Seconds())
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
