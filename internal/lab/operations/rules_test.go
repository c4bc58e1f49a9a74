package operations_test

import (
	"context"
	"log/slog"
	"math"
	"os"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/teststorage"
)

const docs = "../../../docs/operations/"

// every is how often Prometheus asks, and looks at its rules.
const every = 15 * time.Second

func newParser() parser.Parser { return parser.NewParser(parser.Options{}) }

// rules are the alert rules.
func rules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	text, err := os.ReadFile(docs + "alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse(text, false, model.LegacyValidation, newParser(), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil || len(groups.Groups) != 1 {
		t.Fatal("want one group of rules")
	}
	return groups.Groups[0].Rules
}

// names are the metrics that an expression names.
func names(t *testing.T, expr string) (all []string) {
	t.Helper()
	parsed, err := newParser().ParseExpr(expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			all = append(all, s.Name)
		}
		return nil
	})
	return all
}

// sample is what one series had at one moment.
type sample struct {
	labels labels.Labels
	at     time.Time
	value  float64
}

// fired are the alerts that fire at any time, with since when, as Prometheus would have it of the samples.
func fired(t *testing.T, all []rulefmt.Rule, samples []sample) map[string]time.Time {
	t.Helper()
	store := teststorage.New(t)
	appender := store.Appender(context.Background())
	for _, s := range samples {
		if _, err := appender.Append(0, s.labels, s.at.UnixMilli(), s.value); err != nil {
			t.Fatal(err)
		}
	}
	if err := appender.Commit(); err != nil {
		t.Fatal(err)
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: math.MaxInt32, Timeout: time.Minute, LookbackDelta: every + every/2, Parser: newParser()})
	first, last := samples[0].at, samples[len(samples)-1].at
	firing := make(map[string]time.Time)
	for _, rule := range all {
		query, err := engine.NewRangeQuery(context.Background(), store, nil, rule.Expr, first, last, every)
		if err != nil {
			t.Fatalf("%s: %v", rule.Alert, err)
		}
		found, err := query.Exec(context.Background()).Matrix()
		if err != nil {
			t.Fatalf("%s: %v", rule.Alert, err)
		}
		for _, series := range found {
			if at := firesAt(series.Floats, time.Duration(rule.For)); !at.IsZero() && (firing[rule.Alert].IsZero() || at.Before(firing[rule.Alert])) {
				firing[rule.Alert] = at
			}
		}
		query.Close()
	}
	return firing
}

// firesAt is when an alert fires that is pending wherever there is a point: when there was one at each step for so long. Zero: never.
func firesAt(points []promql.FPoint, pending time.Duration) time.Time {
	var since, before int64
	for i, p := range points {
		if i == 0 || p.T-before > every.Milliseconds() {
			since = p.T
		}
		if before = p.T; p.T-since >= pending.Milliseconds() {
			return time.UnixMilli(p.T)
		}
	}
	return time.Time{}
}
