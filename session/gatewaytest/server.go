package gatewaytest

import (
	"context"
	"crypto/tls"
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
	URL    string // of the gateway, ws://… or, with WithTLS, wss://…
	APIURL string // the REST base, whose /gateway/bot names URL: see also WithPublicURL
	// ResumeURL is the URL that READY tells for a Resume. On a virtual network it has an address
	// of its own, which can fail while URL's goes on: see OutageAt.
	ResumeURL string

	set      settings
	net      *network
	playback *playback // nil: there is no recording
	anywhere bool      // it listens on every address, and was not told which one clients should be told
	http     *http.Server
	running  sync.WaitGroup

	// Nothing waits while it holds mu: what is sent goes through each connection's queue.
	mu          sync.Mutex
	sessions    map[string]*sess
	newest      map[events.ShardID]*sess
	latest      map[int]*sess              // the newest of an index, whatever the total
	told        map[events.ShardID][]*sess // who hears of the world, the oldest first
	totals      []int                      // of all sessions, in order
	world       *World
	rest        *rest
	conns       map[*conn]bool
	remaining   int
	resetAt     time.Time
	reset       bool         // the token was reset, for too many Identifies
	identified  []identifyAt // in the last 5 s
	fullLists   map[events.Snowflake]time.Time
	violations  []Violation
	frames      []Frame
	stats       Stats
	closed      bool
	traces      []*func(Entry) // see OnEntry
	hellos      hooks[int]     // see OnConnect
	frameHooks  hooks[Frame]   // see OnFrame
	discovery   hooks[http.ResponseWriter]
	application hooks[http.ResponseWriter]
	cuts        map[int]int64 // see CutAt, by shard index
}

// NewServer starts a server, which is closed when the test ends. With WithStrict, the test
// then fails for each violation.
func NewServer(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	s, err := Start(opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		s.Close()
		if s.set.strict {
			s.RequireNoViolations(tb)
		}
	})
	return s
}

// Start starts a server outside of a test. The caller closes it. The error is an *OptionError
// or says that the address cannot be listened on.
func Start(opts ...Option) (*Server, error) {
	set := defaults()
	for _, opt := range opts {
		opt(&set)
	}
	if err := set.check(); err != nil {
		return nil, err
	}
	var rec *recording
	if set.recording != nil {
		var err error
		if rec, err = readRecording(set.recording); err != nil {
			return nil, &OptionError{"WithRecording", err.Error()}
		}
		set.shards = rec.total
	}
	tcp := set.listener
	if !set.virtual && tcp == nil {
		var err error
		if tcp, err = net.Listen("tcp", set.addr); err != nil {
			return nil, fmt.Errorf("gatewaytest: %w: give WithAddr a free address of this machine", err)
		}
	}
	s := &Server{
		set: set, net: newNetwork(tcp, set.tls != nil), sessions: make(map[string]*sess),
		newest: make(map[events.ShardID]*sess), latest: make(map[int]*sess), told: make(map[events.ShardID][]*sess), conns: make(map[*conn]bool),
		remaining: set.remaining, resetAt: time.Now().Add(set.resetAfter),
		fullLists: make(map[events.Snowflake]time.Time), cuts: make(map[int]int64),
	}
	if set.trace != nil {
		s.traces = append(s.traces, &set.trace)
	}
	if rec != nil {
		s.playback = newPlayback(s, rec)
	}
	s.world, s.rest = newWorld(s), newREST(s)
	s.world.own(set.token)
	s.locate()
	mux := http.NewServeMux()
	mux.HandleFunc("/api/", s.api)
	mux.HandleFunc("/", s.connect)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	var listener net.Listener = s.net
	if set.tls != nil {
		s.http.Protocols = new(http.Protocols)
		s.http.Protocols.SetHTTP1(true)
		s.http.Protocols.SetUnencryptedHTTP2(true) // see secured
		listener = newSecureListener(s.net, set.tls, s.unsecured)
	}
	s.running.Go(func() { _ = s.http.Serve(listener) }) // it ends with ErrServerClosed
	return s, nil
}

// DialContext connects to the server, whatever the address says: in memory with
// WithVirtualNetwork, else to the server's port. Addresses matter to OutageAt and HangAt.
func (s *Server) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return s.net.dial(ctx, network, addr)
}

// Client is an HTTP client that reaches the server on its network, for discovery, and trusts its
// certificate. It keeps no connections.
func (s *Server) Client() *http.Client {
	trusted := &tls.Config{RootCAs: s.RootCAs()}
	return &http.Client{Transport: &http.Transport{DialContext: s.DialContext, TLSClientConfig: trusted, DisableKeepAlives: true}}
}

// Done is closed when the server is being closed.
func (s *Server) Done() <-chan struct{} { return s.net.closing }

// Close ends the server and all connections, and returns when nothing of it is left. Further
// calls do nothing.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.cut()
	}
	s.mu.Unlock()
	_ = s.http.Close() // what it ends has ended either way
	_ = s.net.Close()
	s.running.Wait()
}

var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}

// connect takes a gateway connection until it ends.
//
// Source: events/gateway#connecting
func (s *Server) connect(w http.ResponseWriter, r *http.Request) {
	if s.playback != nil {
		s.playback.connect(w, r)
		return
	}
	resumes := r.URL.Path == resumePath
	if resumes && !s.net.admits(r.Context(), resumePath) {
		panic(http.ErrAbortHandler) // it cuts the connection, without a word
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // it has answered
	}
	query := r.URL.Query()
	c := newConn(s, ws, events.Compression(query.Get("compress")))
	c.resume = s.resumeURLFor(r)
	s.mu.Lock()
	if s.closed || s.net.refuse.Load() {
		s.mu.Unlock()
		_ = ws.Close() // it was never a connection
		return
	}
	s.conns[c] = true
	s.stats.Connections++
	c.number = s.stats.Connections
	if c.resumes = resumes; resumes {
		s.stats.AtResumeURL++
	}
	s.note(c, Entry{Kind: Opened, Remote: r.RemoteAddr})
	s.running.Add(1)
	defer s.running.Done()
	s.running.Go(c.write)
	accepted := s.acceptable(c, query)
	s.mu.Unlock()
	if accepted && !ask(s, &s.hellos, c.number) {
		c.hello()
	}
	c.read()
}
