package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/metrics"
)

func noEvent(context.Context, *events.MessageCreate, events.Meta) {}

// series is how many series a collector tells, with the buckets of histograms, and how long that took.
func series(t *testing.T, c prometheus.Collector) (n int, took time.Duration) {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(c)
	began := time.Now()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	took = time.Since(began)
	for _, f := range families {
		for _, m := range f.Metric {
			if n++; m.Histogram != nil {
				n += len(m.Histogram.Bucket) + 2
			}
		}
	}
	return n, took
}

// TestCardinality: without WithPerShard the number of series does not depend on the number of shards; with it, it grows by ten for each.
func TestCardinality(t *testing.T) {
	t.Parallel()
	var plain []int
	for _, shards := range []int{1, 1000, 10000} {
		few, took := series(t, metrics.New().Imagine(shards, 5))
		many, tookMany := series(t, metrics.New(metrics.WithPerShard()).Imagine(shards, 5))
		t.Logf("%6d shards: %5d series (gathered in %v), with WithPerShard %6d (%v)", shards, few, took.Round(time.Millisecond), many, tookMany.Round(time.Millisecond))
		if plain = append(plain, few); few > 1500 || many-few > 10*shards {
			t.Errorf("%d shards: %d series, and %d with WithPerShard", shards, few, many)
		}
	}
	if plain[1] != plain[2] {
		t.Errorf("the number of series depends on that of shards: %v", plain)
	}
}

// TestNamesWithoutEndAreBounded: a program that makes up names of handlers, and a gateway that makes up types, cost a bounded number of series.
func TestNamesWithoutEndAreBounded(t *testing.T) {
	t.Parallel()
	x := metrics.New()
	before, _ := series(t, x.Imagine(1, 0))
	for _, hook := range x.Hooks() {
		for i := range 1000 {
			name := fmt.Sprintf("handler-%d\xff", i)
			if h, ok := hook.(shardmanager.HookShed); ok {
				h.OnShed(shardmanager.Shed{Name: name, Count: 1})
			}
			if h, ok := hook.(shardmanager.HookHandlerPanic); ok {
				h.OnHandlerPanic(shardmanager.HandlerPanic{Handler: name})
			}
			if h, ok := hook.(shardmanager.HookSend); ok {
				h.OnSend(actors.SendMoved{Op: events.Opcode(i), Stage: actors.SendEnded, Err: errors.New(name)})
			}
			if h, ok := hook.(shardmanager.HookChange); ok {
				h.OnChange(shardmanager.Change{Change: session.Change{From: session.Ready, To: session.Backoff, Cause: errors.New(name)}})
			}
		}
	}
	after, _ := series(t, x.Imagine(1, 1000))
	if most := 3*(metrics.Most+1) + metrics.Most + 1; after-before > most {
		t.Errorf("%d series more, want %d at the most", after-before, most)
	}
}

// TestCausesAreKinds: a cause is one of a list, and its text is never a label.
func TestCausesAreKinds(t *testing.T) {
	t.Parallel()
	all := make(map[string]bool)
	for _, kind := range metrics.Causes() {
		if all[kind] {
			t.Errorf("%s is there twice", kind)
		}
		all[kind] = true
	}
	for want, cause := range map[string]error{
		"zombie":          fmt.Errorf("shard 3: %w", session.ErrZombie),
		"taken_over":      errors.Join(errors.New("transport: connection lost"), session.ErrTakenOver),
		"quarantined":     fmt.Errorf("%w: %w", actors.ErrQuarantined, actors.ErrCrashed),
		"crash":           actors.ErrCrashed,
		"close_4009":      &session.CloseError{Code: events.CloseSessionTimedOut, Reason: "secret"},
		"close_other":     &session.CloseError{Code: 4999},
		"budget":          &ratelimit.BudgetError{},
		"ledger":          &ratelimit.LedgerError{},
		"terms":           &session.TermsError{},
		"too_old":         &session.AgeError{},
		"panic":           &shardmanager.PanicError{},
		"reconnect_asked": session.ErrReconnect,
		"other":           errors.New("anything at all"),
	} {
		if kind := metrics.CauseKind(cause); kind != want || !all[kind] {
			t.Errorf("%v is %q, want %q", cause, kind, want)
		}
	}
	if kind := metrics.CauseKind(nil); kind != "other" {
		t.Errorf("no cause is %q", kind)
	}
}
