package control_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/session/gatewaytest/control"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const (
	loadShards = 500
	loadRate   = 100 // requests a second
)

// loaded is a bot of many shards, which counts the messages that it hears.
type loaded struct {
	server  *gatewaytest.Server
	manager *shardmanager.Manager
	heard   atomic.Int64
}

func load(tb testing.TB, opts ...gatewaytest.Option) *loaded {
	tb.Helper()
	l := &loaded{server: gatewaytest.NewServer(tb, append(opts,
		gatewaytest.WithShards(loadShards), gatewaytest.WithMaxConcurrency(loadShards), gatewaytest.WithGuildsPerShard(1))...)}
	m, err := shardmanager.New("token", shardmanager.WithGateway(l.server), shardmanager.WithLogger(zap.NewNop()),
		shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages))
	if err != nil {
		tb.Fatal(err)
	}
	shardmanager.On(m, func(_ context.Context, _ *events.MessageCreate, _ events.Meta) { l.heard.Add(1) })
	if err := m.Start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	if err := m.WaitReady(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	l.manager = m
	return l
}

// request is the nth of a mix: orders to shards, and views.
func request(n int) (method, path, body string) {
	switch {
	case n%4 == 0:
		return http.MethodPost, "/orders", fmt.Sprintf(`{"do":"message","shard":%d,"content":"hello"}`, n%loadShards)
	case n%4 == 1:
		return http.MethodPost, "/orders", fmt.Sprintf(`[{"do":"request-heartbeat","shard":%d},{"do":"typing","shard":0,"user":1}]`, n%loadShards)
	case n%50 == 2: // as a page asks, twice a second
		return http.MethodGet, "/shards", ""
	}
	return http.MethodGet, "/stats", ""
}

// judge says what was lost.
func (l *loaded) judge(tb testing.TB, orders int64) {
	tb.Helper()
	l.server.RequireNoViolations(tb)
	if heard := l.heard.Load(); heard != orders {
		tb.Errorf("the bot heard %d messages of %d", heard, orders)
	}
	if s := l.server.Stats(); s.Connections != loadShards || s.Live != loadShards || s.Identifies != loadShards || s.Refused != 0 {
		tb.Errorf("connections were lost: %+v", s)
	}
}

// TestUnderLoad: 100 requests a second for a minute, and a page that listens, cost 500 connected shards nothing: no event and
// no connection is lost, and no heartbeat is late.
func TestUnderLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := load(t, gatewaytest.WithVirtualNetwork())
		b := &bundle{Server: l.server, t: t, handler: control.New(l.server).Handler()}
		client := b.serve()
		next := b.listen(client)
		var told atomic.Int64
		go func() {
			for line := next(); line != ""; line = next() {
				if strings.HasPrefix(line, "event: order") {
					told.Add(1)
				}
			}
		}()
		const seconds = 60
		var messages, orders int64
		for n := range loadRate * seconds {
			method, path, body := request(n)
			began := time.Now()
			r, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:8081"+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := client.Do(r)
			if err != nil || answer.StatusCode != http.StatusOK {
				t.Fatalf("request %d: %v, %v", n, answer, err)
			}
			var whole any
			if err := json.NewDecoder(answer.Body).Decode(&whole); err != nil {
				t.Fatal(err)
			}
			if err := answer.Body.Close(); err != nil {
				t.Fatal(err)
			}
			if d := time.Since(began); d != 0 {
				t.Fatalf("request %d was answered after %v", n, d)
			}
			switch n % 4 {
			case 0:
				messages, orders = messages+1, orders+1
			case 1:
				orders += 2
			}
			time.Sleep(time.Second / loadRate)
		}
		synctest.Wait()
		l.judge(t, messages)
		if told.Load() != orders {
			t.Errorf("the page was told of %d orders of %d", told.Load(), orders)
		}
		if late := l.server.Stats().Lateness; late > 10*time.Millisecond {
			t.Errorf("a heartbeat was %v late", late)
		}
		if err := l.manager.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// BenchmarkUnderLoad is the same on sockets: how long requests of 100 a second take while 500 shards are connected, and whether anything
// was lost.
//
//	go test ./session/gatewaytest/control -run '^$' -bench UnderLoad -benchtime 3000x
func BenchmarkUnderLoad(b *testing.B) {
	l := load(b)
	listener, err := control.Listen("127.0.0.1:0", "")
	if err != nil {
		b.Fatal(err)
	}
	web := &http.Server{Handler: control.New(l.server).Handler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = web.Serve(listener) }() // it ends with ErrServerClosed
	defer func() { _ = web.Close() }()
	var mu sync.Mutex
	var took []time.Duration
	var messages atomic.Int64
	var asking sync.WaitGroup
	tick := time.NewTicker(time.Second / loadRate)
	defer tick.Stop()
	b.ResetTimer()
	for n := range b.N {
		<-tick.C
		asking.Go(func() {
			method, path, body := request(n)
			r, err := http.NewRequestWithContext(b.Context(), method, "http://"+listener.Addr().String()+path, strings.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			began := time.Now()
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				b.Error(err)
				return
			}
			var whole any
			if err := json.NewDecoder(answer.Body).Decode(&whole); err != nil || answer.StatusCode != http.StatusOK {
				b.Errorf("%s %s: %d, %v", method, path, answer.StatusCode, err)
			}
			_ = answer.Body.Close() // it was read
			mu.Lock()
			took = append(took, time.Since(began))
			mu.Unlock()
			if n%4 == 0 {
				messages.Add(1)
			}
		})
	}
	asking.Wait()
	b.StopTimer()
	for range 100 { // what was sent is on its way
		if l.heard.Load() == messages.Load() {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	l.judge(b, messages.Load())
	slices.Sort(took)
	for name, at := range map[string]int{"p50": len(took) / 2, "p99": len(took) * 99 / 100, "max": len(took) - 1} {
		b.ReportMetric(float64(took[at].Microseconds())/1000, name+"-ms")
	}
	b.ReportMetric(float64(l.server.Stats().Lateness.Milliseconds()), "heartbeat-late-ms")
	b.ReportMetric(float64(messages.Load()-l.heard.Load()), "lost")
	if err := l.manager.Close(b.Context()); err != nil {
		b.Error(err)
	}
}
