package operations_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/metrics"
)

// bot is a bot in virtual time, which Prometheus asks every 15 s.
type bot struct {
	*testing.T
	g *gatewaytest.Server
	m *shardmanager.Manager
	x *metrics.Metrics

	registry *prometheus.Registry
	wanted   map[string]bool // series that are kept
	samples  []sample
	shards   int
	quiet    bool // nothing happens in the bot's guilds
}

// fault is what goes wrong with a bot, and what it needs for that.
type fault struct {
	shards, guilds int // 0: 2, and 1 a shard
	gateway        []gatewaytest.Option
	manager        []shardmanager.Option
	before         func(*bot) // the start
	unready        bool       // the start is not waited for
	happens        func(*bot) // after the start; it lets time pass
}

// live lives through a fault, and returns what Prometheus has of it.
func live(t *testing.T, f fault, wanted map[string]bool) (samples []sample) {
	synctest.Test(t, func(t *testing.T) {
		f.shards, f.guilds = max(f.shards, 2), max(f.guilds, 1)
		b := &bot{T: t, wanted: wanted, shards: f.shards, x: metrics.New(), registry: prometheus.NewRegistry()}
		b.g = gatewaytest.NewServer(t, append([]gatewaytest.Option{gatewaytest.WithVirtualNetwork(), gatewaytest.WithShards(f.shards),
			gatewaytest.WithMaxConcurrency(f.shards), gatewaytest.WithGuildsPerShard(f.guilds)}, f.gateway...)...)
		b.registry.MustRegister(b.x)
		b.m = b.manager(append([]shardmanager.Option{shardmanager.WithHooks(b.x.Hooks()...)}, f.manager...)...)
		b.x.Attach(b.m)
		if f.before != nil {
			f.before(b)
		}
		if err := b.m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !f.unready {
			if err := b.m.WaitReady(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		b.pass(10 * time.Minute) // all is well
		f.happens(b)
		samples = b.samples
	})
	return samples
}

// manager is a Manager of the gateway, which is closed at the end.
func (b *bot) manager(opts ...shardmanager.Option) *shardmanager.Manager {
	b.Helper()
	m, err := shardmanager.New("token", append([]shardmanager.Option{
		shardmanager.WithIntents(events.IntentsUnprivileged), shardmanager.WithGateway(b.g), shardmanager.WithLogger(zap.NewNop())}, opts...)...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		var cut *shardmanager.CutOffError
		if err := m.Close(context.Background()); err != nil && !errors.As(err, &cut) {
			b.Errorf("Close: %v", err)
		}
	})
	return m
}

// guild is where people chat.
func (b *bot) guild() events.Snowflake {
	return gatewaytest.GuildOf(events.ShardID{Total: b.shards}, 0)
}

// pass lets virtual time pass, in which people chat and Prometheus asks.
func (b *bot) pass(d time.Duration) {
	b.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		if time.Sleep(min(every, time.Until(end))); !b.quiet {
			b.g.World().Message(b.guild(), gatewaytest.Message{Content: "hi"})
		}
		synctest.Wait()
		b.ask()
	}
}

// again does something every so often, for a while.
func (b *bot) again(often, d time.Duration, do func()) {
	b.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); b.pass(often) {
		do()
	}
}

// ask is what Prometheus does.
func (b *bot) ask() {
	b.Helper()
	families, err := b.registry.Gather()
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	if n := len(b.samples); n > 0 && !now.After(b.samples[n-1].at) {
		return
	}
	for _, f := range families {
		for _, m := range f.Metric {
			switch {
			case m.Counter != nil:
				b.keep(f.GetName(), m, now, m.Counter.GetValue())
			case m.Gauge != nil:
				b.keep(f.GetName(), m, now, m.Gauge.GetValue())
			case m.Histogram != nil:
				b.keep(f.GetName()+"_count", m, now, float64(m.Histogram.GetSampleCount()))
				b.keep(f.GetName()+"_sum", m, now, m.Histogram.GetSampleSum())
				for _, bucket := range m.Histogram.Bucket {
					b.keep(f.GetName()+"_bucket", m, now, float64(bucket.GetCumulativeCount()), "le", strconv.FormatFloat(bucket.GetUpperBound(), 'g', -1, 64))
				}
				b.keep(f.GetName()+"_bucket", m, now, float64(m.Histogram.GetSampleCount()), "le", "+Inf")
			}
		}
	}
}

func (b *bot) keep(name string, m *dto.Metric, at time.Time, value float64, more ...string) {
	if !b.wanted[name] {
		return
	}
	pairs := slices.Concat([]string{model.MetricNameLabel, name, "job", "bot", "instance", "bot:9090"}, more)
	for _, pair := range m.Label {
		pairs = append(pairs, pair.GetName(), pair.GetValue())
	}
	b.samples = append(b.samples, sample{labels.FromStrings(pairs...), at, value})
}
