package browser

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/dashboard"
)

const controlToken, lookToken = "control-control-control", "look-look-look-look"

// bot is a bot on a simulated gateway, with a dashboard on a port.
type bot struct {
	gateway *gatewaytest.Server
	m       *shardmanager.Manager
	asked   *requests
	url     string
}

// newBot starts a bot, and waits until all its shards are Ready.
func newBot(t *testing.T, shards int, opts ...dashboard.Option) *bot {
	t.Helper()
	return newSlowBot(t, shards, shards, opts...)
}

// newSlowBot is newBot with so many shards that may identify at once.
func newSlowBot(t *testing.T, shards, keys int, opts ...dashboard.Option) *bot {
	t.Helper()
	if found() == "" {
		lack(t, "there is no Chromium: install it, or say where it is with -chromium")
	}
	beat := 20 * time.Second
	if shards > 2000 {
		beat = 41250 * time.Millisecond
	}
	gateway, err := gatewaytest.Start(gatewaytest.WithVirtualNetwork(), gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(keys), gatewaytest.WithGuildsPerShard(1),
		gatewaytest.WithMembers(2), gatewaytest.WithSessionStarts(20*shards+1000, 20*shards+1000, 24*time.Hour), gatewaytest.WithHeartbeatInterval(beat))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gateway.Close)
	sends := dashboard.NewSends()
	m, err := shardmanager.New("simulated", shardmanager.WithGateway(gateway), shardmanager.WithShards(shards), shardmanager.WithLogger(zap.NewNop()), shardmanager.WithHooks(sends),
		shardmanager.WithCompression(events.CompressionNone), shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages), shardmanager.WithDialRate(1000))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	t.Cleanup(func() {
		ending, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = m.Close(ending)
	})
	shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) {})
	began := time.Now()
	if err := m.Start(ctx); err != nil {
		t.Fatalf("after %v: %v", time.Since(began), err)
	}
	t.Logf("%d shards are told to start after %v", shards, time.Since(began).Round(time.Millisecond))
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) { // WaitReady asks the supervisor, which is busy: thousands start at once
		ready := 0
		for _, each := range m.Status().Shards {
			if each.State == session.Ready {
				ready++
			}
		}
		if ready == shards {
			t.Logf("%d shards are Ready after %v", shards, time.Since(began).Round(time.Millisecond))
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d shards are Ready", ready, shards)
		}
	}
	b := &bot{gateway: gateway, m: m, asked: &requests{}}
	b.url = serve(t, m, b.asked, append(opts, dashboard.WithSends(sends))...)
	return b
}

// serve serves the dashboard of a Manager on a port, below a path.
func serve(t *testing.T, m *shardmanager.Manager, asked *requests, opts ...dashboard.Option) (url string) {
	t.Helper()
	d, err := dashboard.New(m, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	mux := http.NewServeMux()
	mux.Handle("/ops/shards/", d)
	server := httptest.NewServer(asked.of(mux))
	t.Cleanup(func() {
		d.Close()
		server.Close()
	})
	return server.URL + "/ops/shards/"
}

// requests are the verbs that were asked for, by the browser itself too, which a page of another origin is not told of.
type requests struct {
	mu  sync.Mutex
	all []request
}

type request struct {
	method, origin string
	status         int
}

func (r *requests) of(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, asked *http.Request) {
		if !strings.HasSuffix(asked.URL.Path, "/do") {
			next.ServeHTTP(w, asked)
			return
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, asked)
		r.mu.Lock()
		r.all = append(r.all, request{asked.Method, asked.Header.Get("Origin"), answer.Code})
		r.mu.Unlock()
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

// take takes those since it was asked before.
func (r *requests) take() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
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

var dashboardControl, tokenToLook = dashboard.WithControl(controlToken), dashboard.WithToken(lookToken)
