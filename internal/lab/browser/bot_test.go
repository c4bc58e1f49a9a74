package browser

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/dashboard"
)

const (
	controlToken = "control-control-control"
)

// bot is a bot on a simulated gateway, with a dashboard on a port.
type bot struct {
	gateway *gatewaytest.Server
	m       *shardmanager.Manager
	sends   *dashboard.Sends
	url     string
}

// newBot starts a bot, and waits until all its shards are Ready.
func newBot(t *testing.T, shards int, opts ...dashboard.Option) *bot {
	t.Helper()
	if found() == "" {
		lack(t, "there is no Chromium: install it, or say where it is with -chromium")
	}
	gateway, err := gatewaytest.Start(gatewaytest.WithVirtualNetwork(), gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(shards), gatewaytest.WithGuildsPerShard(1),
		gatewaytest.WithMembers(2), gatewaytest.WithSessionStarts(20*shards+1000, 20*shards+1000, 24*time.Hour), gatewaytest.WithHeartbeatInterval(20*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gateway.Close)
	sends := dashboard.NewSends()
	m, err := shardmanager.New("simulated", shardmanager.WithGateway(gateway), shardmanager.WithShards(shards), shardmanager.WithLogger(zap.NewNop()), shardmanager.WithHooks(sends),
		shardmanager.WithCompression(events.CompressionNone), shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages), shardmanager.WithDialRate(2000))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	t.Cleanup(func() {
		ending, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = m.Close(ending)
	})
	shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) {})
	if err := m.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := m.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return &bot{gateway, m, sends, serve(t, m, append(opts, dashboard.WithSends(sends))...)}
}

// serve serves the dashboard of a Manager on a port, below a path.
func serve(t *testing.T, m *shardmanager.Manager, opts ...dashboard.Option) (url string) {
	t.Helper()
	d, err := dashboard.New(m, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	mux := http.NewServeMux()
	mux.Handle("/ops/shards/", d)
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		d.Close()
		server.Close()
	})
	return server.URL + "/ops/shards/"
}

// live has messages come, and the bot send, until the test ends.
func (b *bot) live(t *testing.T, shards int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-over
	})
	go func() {
		defer close(over)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			for i := range 5 + n%7 {
				shard := events.ShardID{Index: (n*37 + i*11) % shards, Total: shards}
				b.gateway.World().Message(gatewaytest.GuildOf(shard, 0), gatewaytest.Message{Content: "hello"})
			}
			if n%8 == 0 {
				guild := gatewaytest.GuildOf(events.ShardID{Index: n % shards, Total: shards}, 0)
				sending, cancel := context.WithTimeout(ctx, 5*time.Second)
				_, _ = events.RequestGuildMembers{GuildID: guild, Query: events.Ptr("m"), Limit: events.Ptr(2)}.SendEvent(sending, b.m)
				cancel()
			}
		}
	}()
}

var dashboardControl = dashboard.WithControl(controlToken)
