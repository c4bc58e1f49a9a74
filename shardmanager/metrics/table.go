package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// kind is how a metric behaves.
type kind string

const (
	counter   kind = "counter"
	gauge     kind = "gauge"
	histogram kind = "histogram"
)

// entry is one metric, as the page of docs has it.
type entry struct {
	name     string
	kind     kind
	labels   []string
	help     string // what it is
	moves    string // when it moves, or is there
	perShard bool   // with WithPerShard alone
}

// table makes metrics, and remembers them: so the page of docs and what is told are one.
type table struct {
	entries  []entry
	happened []prometheus.Collector // counters and histograms: they are told for ever
	read     []*prometheus.Desc     // gauges, made when they are read
}

const prefix = "signalbox_"

func (t *table) note(k kind, name, help, moves string, labels []string) {
	t.entries = append(t.entries, entry{name: prefix + name, kind: k, help: help, moves: moves, labels: labels})
}

func (t *table) counter(name, help, moves string) prometheus.Counter {
	t.note(counter, name, help, moves, nil)
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + name, Help: help})
	t.happened = append(t.happened, c)
	return c
}

func (t *table) counters(name, help, moves string, labels ...string) *prometheus.CounterVec {
	t.note(counter, name, help, moves, labels)
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, labels)
	t.happened = append(t.happened, c)
	return c
}

func (t *table) histogram(name, help, moves string, buckets []float64) prometheus.Histogram {
	t.note(histogram, name, help, moves, nil)
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: prefix + name, Help: help, Buckets: buckets})
	t.happened = append(t.happened, h)
	return h
}

func (t *table) histograms(name, help, moves string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	t.note(histogram, name, help, moves, labels)
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: prefix + name, Help: help, Buckets: buckets}, labels)
	t.happened = append(t.happened, h)
	return h
}

// gauges is what is read of the Manager when somebody asks.
func (t *table) gauges(name, help, moves string, labels ...string) *prometheus.Desc {
	t.note(gauge, name, help, moves, labels)
	return t.desc(name, help, labels)
}

// ofShard is a gauge of each shard.
func (t *table) ofShard(name, help, moves string) *prometheus.Desc {
	t.note(gauge, name, help, moves, []string{"shard"})
	t.entries[len(t.entries)-1].perShard = true
	return t.desc(name, help, []string{"shard"})
}

func (t *table) desc(name, help string, labels []string) *prometheus.Desc {
	d := prometheus.NewDesc(prefix+name, help, labels, nil)
	t.read = append(t.read, d)
	return d
}

// Bounds of the histograms, in seconds.
var (
	quick = []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10, 60}              // from the socket to a handler
	trips = []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}                        // to the gateway and back
	spans = []float64{.01, .1, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 14400, 43200} // of a session's life
)
