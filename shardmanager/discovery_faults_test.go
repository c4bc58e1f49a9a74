package shardmanager_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// answer is what GET /gateway/bot answers, with one part of it replaced.
func answer(g *gatewaytest.Server, key string, value any) []byte {
	limit := map[string]any{"total": 1000, "remaining": 1000, "reset_after": 1000, "max_concurrency": 1}
	all := map[string]any{"url": g.URL, "shards": 1, "session_start_limit": limit}
	part := all
	if _, nested := limit[key]; nested {
		part = limit
	}
	if part[key] = value; value == nil {
		delete(part, key)
	}
	text, _ := json.Marshal(all)
	return text
}

// TestHugeRetryAfterOfDiscoveryIsHeeded: for 23 hours discovery is not asked, and those with a session resume.
//
// Failures: F1.
func TestHugeRetryAfterOfDiscoveryIsHeeded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		g.OnDiscovery(func(w http.ResponseWriter) bool {
			w.Header().Set("Retry-After", "82800")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		})
		g.Outage(true)
		pass(90 * time.Second) // dials fail: discovery is asked
		g.Outage(false)
		pass(time.Minute)
		wantResumed(t, g, m, 1)
		for range 4 {
			pass(5 * time.Hour)
			g.Outage(true)
			pass(90 * time.Second)
			g.Outage(false)
		}
		pass(time.Minute)
		if s := g.Stats(); s.Discoveries != 2 || m.Status().Ready() != 1 || s.Resumes != 5 {
			t.Errorf("%d questions, want 2; %d resumes; ready %d", s.Discoveries, s.Resumes, m.Status().Ready())
		}
	})
}

// TestBrokenDiscoveryIsAskedAgain: what may be better later is asked for again.
//
// Failures: F2.
func TestBrokenDiscoveryIsAskedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   func(g *gatewaytest.Server) []byte
	}{
		"empty":   {200, func(*gatewaytest.Server) []byte { return nil }},
		"cut off": {200, func(g *gatewaytest.Server) []byte { return answer(g, "shards", 1)[:40] }},
		"408":     {408, nil}, "425": {425, nil}, "429": {429, nil}, "500": {500, nil}, "503, HTML": {503, func(*gatewaytest.Server) []byte { return []byte("<html>s3cret") }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				g.OnDiscovery(func(w http.ResponseWriter) bool {
					w.WriteHeader(test.status)
					if test.body != nil {
						_, _ = w.Write(test.body(g))
					}
					return true
				})
				m := newManager(t, g)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				err := m.Start(ctx)
				var failed *shardmanager.DiscoveryError
				if !errors.As(err, &failed) || failed.Status != test.status || failed.Fatal() || strings.Contains(err.Error(), "s3cret") {
					t.Errorf("Start: %v", err)
				}
				if n := g.Stats().Discoveries; n < 5 || n > 60 {
					t.Errorf("asked %d times in 5 minutes", n)
				}
			})
		})
	}
}

// TestDiscoveryErrorSaysWhatIsKnown: of a status, a time to wait and a cause, each is told that there is.
func TestDiscoveryErrorSaysWhatIsKnown(t *testing.T) {
	t.Parallel()
	until, cause := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), errors.New("no route")
	for want, err := range map[string]*shardmanager.DiscoveryError{
		"shardmanager: GET /gateway/bot":                                                   {},
		"shardmanager: GET /gateway/bot: status 503":                                       {Status: 503},
		"shardmanager: GET /gateway/bot: no route":                                         {Err: cause},
		"shardmanager: GET /gateway/bot: status 429: ask again after 2026-11-01T12:00:00Z": {Status: 429, Until: until},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err.Error(), want)
		}
	}
}

// TestAnswerOfDiscoveryThatBreaksOffIsNotTaken, even if what came of it can be read.
func TestAnswerOfDiscoveryThatBreaksOffIsNotTaken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		g.OnDiscovery(func(w http.ResponseWriter) bool {
			whole := answer(g, "shards", 3)
			w.Header().Set("Content-Length", strconv.Itoa(len(whole)+1))
			_, _ = w.Write(whole)
			return true
		})
		m := newManager(t, g)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var failed *shardmanager.DiscoveryError
		if err := m.Start(ctx); !errors.As(err, &failed) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Start: %v", err)
		}
	})
}

// TestDiscoveryIsNeverAskedMoreThanThreeTimesASecond, whatever the answer says.
func TestDiscoveryIsNeverAskedMoreThanThreeTimesASecond(t *testing.T) {
	for name, broken := range map[string]func(http.ResponseWriter){
		"Retry-After: 0": func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"status 500": func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		"nothing":    func(http.ResponseWriter) {},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				var mu sync.Mutex
				var at []time.Time
				g.OnDiscovery(func(w http.ResponseWriter) bool {
					mu.Lock()
					defer mu.Unlock()
					at = append(at, time.Now())
					broken(w)
					return true
				})
				m := newManager(t, g)
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				if err := m.Start(ctx); err == nil {
					t.Error("it has started")
				}
				if most := busiest(at, time.Second); most > 3 || len(at) < 5 || len(at) > 60 {
					t.Errorf("asked %d times in two minutes, at most %d times in a second", len(at), most)
				}
			})
		})
	}
}

// TestRejectedTokenCostsOneQuestionAndNoDial: one question, no dial, and all who wait are told.
//
// Failures: F3.
func TestRejectedTokenCostsOneQuestionAndNoDial(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithToken("right"))
		m := newManager(t, g)
		if err := m.Start(t.Context()); !errors.Is(err, shardmanager.ErrAuthentication) {
			t.Errorf("Start: %v", err)
		}
		if err := m.WaitReady(t.Context()); !errors.Is(err, shardmanager.ErrAuthentication) {
			t.Errorf("WaitReady: %v", err)
		}
		if !errors.Is(m.Err(), shardmanager.ErrAuthentication) {
			t.Errorf("Err: %v", m.Err())
		}
		pass(24 * time.Hour)
		if s := g.Stats(); s.Discoveries != 1 || s.Connections != 0 || s.Identifies != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestHostileGatewayURLGetsNoToken: the token goes nowhere.
//
// Failures: F8.
func TestHostileGatewayURLGetsNoToken(t *testing.T) {
	for _, bad := range []string{
		"http://gateway.discord.gg", "wss://evil.example", "wss://gateway.discord.gg@evil.example", "wss://u:p@gateway.discord.gg",
		"wss://gateway.discord.gg:22", "wss://203.0.113.7", "ws://gateway.discord.gg", "wss:gateway.discord.gg",
	} {
		t.Run(strings.NewReplacer("/", "", ":", "").Replace(bad), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				g.OnDiscovery(func(w http.ResponseWriter) bool { _, _ = w.Write(answer(g, "url", bad)); return true })
				log := &dialLog{g: g}
				m := newManager(t, g, shardmanager.WithNetDial(log.dial))
				if err := m.Start(t.Context()); err == nil || strings.Contains(err.Error(), "evil") {
					t.Errorf("Start: %v", err)
				}
				pass(time.Hour)
				if n := len(log.take()); n != 0 {
					t.Errorf("%d dials", n)
				}
			})
		})
	}
}

// TestMissingNamesCostNoIdentify: five minutes without names, at the start and in between, cost no Identify more.
//
// Failures: F10.
func TestMissingNamesCostNoIdentify(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(7), gatewaytest.WithMaxConcurrency(7), gatewaytest.WithResumeTimeout(time.Hour))
		var down atomic.Bool
		dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
			if down.Load() {
				return nil, &net.DNSError{Err: "server misbehaving", Name: addr, IsTemporary: true}
			}
			return g.DialContext(ctx, network, addr)
		}
		m := newManager(t, g, shardmanager.WithNetDial(dial),
			shardmanager.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}))
		down.Store(true)
		time.AfterFunc(5*time.Minute, func() { down.Store(false) })
		began := time.Now()
		start(t, m)
		if took := time.Since(began); took > 6*time.Minute {
			t.Errorf("ready %v after the names were back", took-5*time.Minute)
		}
		pass(time.Minute)
		down.Store(true)
		g.DropAll()
		pass(5 * time.Minute)
		down.Store(false)
		pass(time.Minute)
		wantResumed(t, g, m, 7)
		for i := range 7 {
			for _, f := range g.Frames(i)[1:] {
				if f.Op == events.OpIdentify {
					t.Errorf("shard %d identified again", i)
				}
			}
		}
	})
}
