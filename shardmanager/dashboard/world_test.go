package dashboard_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/dashboard"
	"github.com/signalbox-go/signalbox/shardmanager/recorder"
)

const (
	lookToken    = "look-look-look-look"
	controlToken = "control-control-control"
)

// world is a bot with its dashboard on a network in memory.
type world struct {
	gateway *gatewaytest.Server
	m       *shardmanager.Manager
	d       *dashboard.Dashboard
	flight  *recorder.Recorder
	l       *memory
}

// bubble runs f in virtual time, with a bot whose shards are Ready.
func bubble(t *testing.T, shards int, f func(t *testing.T, w *world), opts ...dashboard.Option) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{gateway: gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(shards), gatewaytest.WithGuildsPerShard(1),
			gatewaytest.WithSessionStarts(3*shards+1000, 3*shards+1000, 24*time.Hour))}
		sends := dashboard.NewSends()
		w.flight = recorder.New()
		var err error
		w.m, err = shardmanager.New("token", shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages), shardmanager.WithGateway(w.gateway),
			shardmanager.WithLogger(zap.NewNop()), shardmanager.WithHooks(append(w.flight.Hooks(), sends)...))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 6*time.Second)
			defer cancel()
			if err := w.m.Close(ctx); err != nil {
				t.Error(err)
			}
		})
		w.d, err = dashboard.New(w.m, append(opts, dashboard.WithSends(sends))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.d.Close)
		if err := w.m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := w.m.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.l = serve(t, w.d)
		pass(2 * time.Second)
		f(t, w)
	})
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// memory is a listener in memory, whose peers say that they are at an address.
type memory struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func serve(t *testing.T, h http.Handler) *memory {
	l := &memory{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: h}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return l
}

type peer struct {
	net.Conn
	at string
}

type address string

func (address) Network() string     { return "memory" }
func (a address) String() string    { return string(a) }
func (p peer) RemoteAddr() net.Addr { return address(p.at) }
func (l *memory) Addr() net.Addr    { return address("memory") }
func (l *memory) Close() error      { l.once.Do(func() { close(l.closed) }); return nil }
func (l *memory) dial(at string) net.Conn {
	client, server := net.Pipe()
	l.conns <- peer{server, at}
	return client
}

func (l *memory) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// ask is a request: its peer's address, and headers as "Name: value".
type ask struct {
	method, path, from, host, body string
	header                         []string
}

// do asks, and returns the answer with its body to be read.
func (l *memory) do(t *testing.T, a ask) *http.Response {
	t.Helper()
	if a.method == "" {
		a.method = http.MethodGet
	}
	if a.from == "" {
		a.from = "127.0.0.1:5000"
	}
	if a.host == "" {
		a.host = "localhost:8080"
	}
	r, err := http.NewRequestWithContext(t.Context(), a.method, "http://"+a.host+a.path, strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range a.header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return l.dial(a.from), nil }}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatalf("%s %s: %v", a.method, a.path, err)
	}
	return answer
}

// get is the status, the headers and the whole body of an answer.
func (l *memory) get(t *testing.T, a ask) (int, http.Header, string) {
	t.Helper()
	answer := l.do(t, a)
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20)) // a stream that is not expected has no end
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(body)
}

// told is one event of a stream.
type told struct{ name, data string }

// viewer reads a stream.
type viewer struct {
	mu    sync.Mutex
	told  []told
	bytes int
	over  bool
	leave func()
}

func (l *memory) view(t *testing.T, a ask) *viewer {
	t.Helper()
	answer := l.do(t, a)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("the stream answers %d", answer.StatusCode)
	}
	v := &viewer{leave: func() { answer.Body.Close() }}
	t.Cleanup(v.leave)
	go func() {
		lines := bufio.NewReader(answer.Body)
		for name := ""; ; {
			line, err := lines.ReadString('\n')
			v.mu.Lock()
			v.bytes += len(line)
			if is, ok := strings.CutPrefix(line, "event: "); ok {
				name = strings.TrimSpace(is)
			} else if data, ok := strings.CutPrefix(line, "data: "); ok {
				v.told = append(v.told, told{name, strings.TrimSpace(data)})
			}
			v.over = err != nil
			v.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return v
}

// take takes what was told since it was asked before.
func (v *viewer) take() (all []told, bytes int, over bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	all, bytes, over = v.told, v.bytes, v.over
	v.told, v.bytes = nil, 0
	return all, bytes, over
}

// only are the events of one name, decoded.
func only[T any](t *testing.T, all []told, name string) (found []T) {
	t.Helper()
	for _, each := range all {
		if each.name == name {
			var v T
			if err := json.Unmarshal([]byte(each.data), &v); err != nil {
				t.Fatal(err)
			}
			found = append(found, v)
		}
	}
	return found
}
