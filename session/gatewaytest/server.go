// Package gatewaytest is a simulated Discord Gateway: to a bot what net/http/httptest is to a
// web client. It speaks the whole protocol over real WebSocket connections, on a loopback port
// or on a virtual network inside a testing/synctest bubble, where a test of hours takes
// milliseconds. It punishes what Discord punishes, and writes down every violation.
//
//	server := gatewaytest.NewServer(t, gatewaytest.WithShards(2))
//	m, err := shardmanager.New("token", shardmanager.WithAPIURL(server.APIURL))
//	…
//	server.Shard(0).Dispatch("MESSAGE_CREATE", map[string]any{"content": "!ping"})
//	server.RequireNoViolations(t)
//
// It shares no code with the client that it judges, but for the names of the events package.
package gatewaytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
)

// Server is a simulated gateway. Its methods are safe for concurrent use.
type Server struct {
	URL    string // of the gateway, ws://…
	APIURL string // the REST base, whose /gateway/bot names URL

	set     settings
	net     *network
	http    *http.Server
	running sync.WaitGroup

	mu         sync.Mutex
	sessions   map[string]*sess
	newest     map[int]*sess // by shard index
	conns      map[*conn]bool
	remaining  int
	resetAt    time.Time
	reset      bool         // the token was reset, for too many Identifies
	identified []identifyAt // in the last interval
	fullLists  map[events.Snowflake]time.Time
	violations []Violation
	frames     []Frame
	stats      Stats
	closed     bool
	hello      func(c int) bool // see OnConnect
	intercept  func(Frame) bool // see OnFrame
	discovery  func(http.ResponseWriter) bool
	plans      map[int]plan // for the next connection of a shard
}

type identifyAt struct {
	key int
	at  time.Time
}

// NewServer starts a server, which is closed when the test ends.
func NewServer(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	s, err := Start(opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// Start starts a server outside of a test. The caller closes it.
func Start(opts ...Option) (*Server, error) {
	set := defaults()
	for _, opt := range opts {
		opt(&set)
	}
	if set.shards < 1 || set.concurrency < 1 || set.interval <= 0 {
		return nil, errors.New("gatewaytest: shards, max_concurrency and the heartbeat interval must be positive")
	}
	var tcp net.Listener
	if !set.virtual {
		var err error
		if tcp, err = net.Listen("tcp", set.addr); err != nil {
			return nil, fmt.Errorf("gatewaytest: %w", err)
		}
	}
	s := &Server{
		set: set, net: newNetwork(tcp), sessions: make(map[string]*sess), newest: make(map[int]*sess),
		conns: make(map[*conn]bool), remaining: set.remaining, resetAt: time.Now().Add(set.resetAfter),
		fullLists: make(map[events.Snowflake]time.Time), plans: make(map[int]plan),
	}
	host := s.net.Addr().String()
	s.URL, s.APIURL = "ws://"+host, "http://"+host+"/api/v10"
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v10/gateway/bot", s.gatewayBot)
	mux.HandleFunc("GET /api/v10/gateway", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]string{"url": s.URL})
	})
	mux.HandleFunc("GET /", s.connect)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	s.running.Go(func() { _ = s.http.Serve(s.net) }) // it ends with ErrServerClosed
	return s, nil
}

// DialContext connects to the server, whatever the address says.
func (s *Server) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return s.net.dial(ctx, network, addr)
}

// Client is an HTTP client that reaches the server on its network. It keeps no connections.
func (s *Server) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: s.DialContext, DisableKeepAlives: true}}
}

// Close ends the server and all connections, and returns when nothing of it is left.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.cut()
	}
	s.mu.Unlock()
	_ = s.http.Close()
	_ = s.net.Close()
	s.running.Wait()
}

// gatewayBot answers GET /gateway/bot.
//
// Source: events/gateway#get-gateway-bot
func (s *Server) gatewayBot(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.stats.Discoveries++
	s.refill()
	hook, remaining, wait := s.discovery, s.remaining, time.Until(s.resetAt)
	accepted := s.accepts(trimBot(r.Header.Get("Authorization")))
	s.mu.Unlock()
	switch {
	case hook != nil && hook(w):
	case !accepted:
		w.WriteHeader(http.StatusUnauthorized)
		writeJSON(w, map[string]any{"message": "401: Unauthorized", "code": 0})
	default:
		writeJSON(w, map[string]any{
			"url": s.URL, "shards": s.set.shards,
			"session_start_limit": map[string]any{
				"total": s.set.total, "remaining": remaining, "reset_after": wait.Milliseconds(),
				"max_concurrency": s.set.concurrency,
			},
		})
	}
}

func trimBot(header string) string {
	const prefix = "Bot "
	if len(header) < len(prefix) || header[:len(prefix)] != prefix {
		return ""
	}
	return header[len(prefix):]
}

func (s *Server) accepts(token string) bool {
	return token != "" && !s.reset && (s.set.token == "" || token == s.set.token)
}

func (s *Server) refill() {
	if now := time.Now(); !now.Before(s.resetAt) {
		s.remaining, s.resetAt = s.set.total, now.Add(24*time.Hour)
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may have gone
}

var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}

// connect takes a gateway connection until it ends.
func (s *Server) connect(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // it has answered
	}
	c := newConn(s, ws, events.Compression(query.Get("compress")))
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = ws.Close()
		return
	}
	s.conns[c] = true
	s.stats.Connections++
	c.number = s.stats.Connections
	hello := s.hello
	if query.Get("v") != "10" || query.Get("encoding") != "json" {
		s.violate(c, "query", "v=%q encoding=%q", query.Get("v"), query.Get("encoding"))
	}
	s.running.Go(c.write)
	s.running.Add(1)
	s.mu.Unlock()
	defer s.running.Done()
	if hello == nil || !hello(c.number) {
		c.hello()
	}
	c.read()
}
