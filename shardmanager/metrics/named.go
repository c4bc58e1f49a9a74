package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/signalbox-go/signalbox/events"
)

const (
	mostNames = 100     // of handlers, in one label
	otherName = "other" // stands for those beyond
)

// named are counters by the names of handlers. A program that makes names up without end costs no more than mostNames of them.
type named struct {
	vec *prometheus.CounterVec

	mu  sync.Mutex
	has map[string]prometheus.Counter
}

func (n *named) of(name string) prometheus.Counter {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c, ok := n.has[name]; ok {
		return c
	}
	if n.has == nil {
		n.has = make(map[string]prometheus.Counter)
	}
	if len(n.has) >= mostNames {
		return n.vec.WithLabelValues(otherName)
	}
	c := n.vec.WithLabelValues(printable(name))
	n.has[name] = c
	return c
}

// Timed returns h as a handler that x measures, by a name: how old events are when h is called, how long it takes, and how many of its calls run. E is what the
// handler of On or OnRaw takes:
//
//	shardmanager.On(m, metrics.Timed(x, "messages", onMessage), shardmanager.WithName("messages"))
//
// Two handlers with one name are measured together. Names are the program's own: each is a label.
func Timed[E any](x *Metrics, name string, h func(context.Context, E, events.Meta)) func(context.Context, E, events.Meta) {
	if h == nil {
		return nil // On tells
	}
	name = printable(name)
	delay, took, runs := x.handlerDelay.WithLabelValues(name), x.handlerTook.WithLabelValues(name), x.handlerRuns.WithLabelValues(name)
	return func(ctx context.Context, event E, at events.Meta) {
		began := time.Now()
		delay.Observe(began.Sub(at.Received).Seconds())
		runs.Inc()
		defer func() {
			runs.Dec()
			took.Observe(time.Since(began).Seconds())
		}()
		h(ctx, event, at)
	}
}
