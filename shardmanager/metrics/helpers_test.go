package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/metrics"
)

// bubble runs f in virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

// pass lets virtual time pass, and all that happens in it come to rest.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// bot is a bot on a simulated gateway, with its metrics.
type bot struct {
	*testing.T
	g *gatewaytest.Server
	m *shardmanager.Manager
	x *metrics.Metrics
	r *prometheus.Registry
}

// setting is how a bot differs.
type setting struct {
	gateway []gatewaytest.Option
	manager []shardmanager.Option
	metrics []metrics.Option
}

// newBot is a bot that was not started.
func newBot(t *testing.T, s setting) *bot {
	t.Helper()
	b := &bot{T: t, g: gatewaytest.NewServer(t, append([]gatewaytest.Option{gatewaytest.WithVirtualNetwork(), gatewaytest.WithExact()}, s.gateway...)...)}
	b.x, b.r = metrics.New(s.metrics...), prometheus.NewPedanticRegistry()
	b.r.MustRegister(b.x)
	b.follow(s)
	return b
}

// follow makes a Manager, in the place of the one before.
func (b *bot) follow(s setting) {
	b.Helper()
	m, err := shardmanager.New("token", append([]shardmanager.Option{
		shardmanager.WithIntents(events.IntentsUnprivileged), shardmanager.WithGateway(b.g), shardmanager.WithLogger(zap.NewNop()),
		shardmanager.WithHooks(b.x.Hooks()...),
	}, s.manager...)...)
	if err != nil {
		b.Fatal(err)
	}
	b.m = m
	b.x.Attach(m)
	b.Cleanup(func() { b.end(m) })
}

func (b *bot) end(m *shardmanager.Manager) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var cut *shardmanager.CutOffError
	if err := m.Close(ctx); err != nil && !errors.As(err, &cut) {
		b.Errorf("Close: %v", err)
	}
}

// start starts the bot and waits until it is ready.
func (b *bot) start() {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	if err := b.m.Start(ctx); err != nil {
		b.Fatalf("Start: %v", err)
	}
	if err := b.m.WaitReady(ctx); err != nil {
		b.Fatalf("WaitReady: %v", err)
	}
	pass(2 * time.Second)
}

// newReady is a bot that is ready.
func newReady(t *testing.T, s setting) *bot {
	t.Helper()
	b := newBot(t, s)
	b.start()
	return b
}

// scrape is all that is told now, by name and labels: name{label="value",…}. Of a histogram name_count and name_sum.
func (b *bot) scrape() map[string]float64 {
	b.Helper()
	synctest.Wait()
	families, err := b.r.Gather()
	if err != nil {
		b.Fatal(err)
	}
	all := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.Metric {
			switch labels := labelsOf(m); {
			case m.Counter != nil:
				all[f.GetName()+labels] = m.Counter.GetValue()
			case m.Gauge != nil:
				all[f.GetName()+labels] = m.Gauge.GetValue()
			case m.Histogram != nil:
				all[f.GetName()+"_count"+labels] = float64(m.Histogram.GetSampleCount())
				all[f.GetName()+"_sum"+labels] = m.Histogram.GetSampleSum()
			}
		}
	}
	return all
}

func labelsOf(m *dto.Metric) string {
	var pairs []string
	for _, pair := range m.Label {
		pairs = append(pairs, fmt.Sprintf("%s=%q", pair.GetName(), pair.GetValue()))
	}
	if pairs == nil {
		return ""
	}
	slices.Sort(pairs)
	return "{" + strings.Join(pairs, ",") + "}"
}

// want fails unless a metric has the value.
func (b *bot) want(name string, value float64) {
	b.Helper()
	got, there := b.scrape()[full(name)]
	if !there || math.Abs(got-value) > 1e-6 {
		b.Errorf("%s is %v (there: %v), want %v", name, got, there, value)
	}
}

// wantBetween fails unless a metric is between two values.
func (b *bot) wantBetween(name string, least, most float64) {
	b.Helper()
	got, there := b.scrape()[full(name)]
	if !there || got < least || got > most {
		b.Errorf("%s is %v (there: %v), want %v to %v", name, got, there, least, most)
	}
}

// wantGone fails if a metric is there.
func (b *bot) wantGone(name string) {
	b.Helper()
	if got, there := b.scrape()[full(name)]; there {
		b.Errorf("%s is %v, and should not be there", name, got)
	}
}

func full(name string) string { return "signalbox_" + name }
