package shardmanager_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestDiscoveryThatCannotHealEndsStartAtOnce: one question, and an error that says where, what, and what to do. A bounded part of
// the answer is read, and nothing of it is shown.
//
// Failures: F2, F5.
func TestDiscoveryThatCannotHealEndsStartAtOnce(t *testing.T) {
	say := func(status int, body string) func(*gatewaytest.Server, http.ResponseWriter) {
		return func(_ *gatewaytest.Server, w http.ResponseWriter) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	part := func(key string, value any) func(*gatewaytest.Server, http.ResponseWriter) {
		return func(g *gatewaytest.Server, w http.ResponseWriter) { _, _ = w.Write(answer(g, key, value)) }
	}
	for name, test := range map[string]struct {
		answer func(*gatewaytest.Server, http.ResponseWriter)
		want   string
	}{
		"a wrong path": {say(404, "s3cret"), "status 404: no gateway is there: WithAPIURL must be a REST base, such as \"https://discord.com/api/v10\""},
		"403":          {say(403, "s3cret"), "status 403: access is refused: look at WithAPIURL, and at proxies"},
		"405":          {say(405, ""), "status 405: no gateway is there"},
		"407":          {say(407, ""), "status 407: the proxy wants to know who asks"},
		"300":          {say(300, ""), "status 300: it redirects to somewhere else, which is not followed: WithAPIURL"},
		"204":          {say(204, ""), "status 204: no gateway is there"},
		"a redirect": {func(_ *gatewaytest.Server, w http.ResponseWriter) {
			w.Header().Set("Location", "https://other.example/s3cret")
			w.WriteHeader(http.StatusMovedPermanently)
		}, "status 301: it redirects to https://other.example, which is not followed: WithAPIURL"},
		"HTML":                 {say(200, "<html>s3cret</html>"), "status 200: the answer is no JSON: WithAPIURL"},
		"a list":               {say(200, `["s3cret"]`), "the answer is not a gateway's"},
		"a megabyte":           {say(200, `{"s3cret":"`+strings.Repeat("x", 1<<20)+`"}`), "the answer is too long"},
		"reset_after a string": {part("reset_after", "s3cret"), "the answer is not a gateway's"},
		"no shards":            {part("shards", nil), "the answer lacks url, shards or session_start_limit"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				g.OnDiscovery(func(w http.ResponseWriter) bool { test.answer(g, w); return true })
				m := newManager(t, g)
				began := time.Now()
				err := m.Start(t.Context())
				var failed *shardmanager.DiscoveryError
				if !errors.As(err, &failed) || !failed.Fatal() || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), test.want) ||
					!strings.HasPrefix(err.Error(), "shardmanager: GET /api/v10/gateway/bot: status ") {
					t.Errorf("Start: %v", err)
				}
				if n := g.Stats().Discoveries; n != 1 || time.Since(began) > time.Second {
					t.Errorf("asked %d times in %v", n, time.Since(began))
				}
			})
		})
	}
}

// heard is a hook that notes what is asked.
type heard struct{ all chan shardmanager.Discovery }

func (q heard) OnDiscovery(d shardmanager.Discovery) { q.all <- d }

// TestQuestionsAreTold: each question of Start, and when the next is, and those of the life after it.
func TestQuestionsAreTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		var down atomic.Int64
		down.Store(2)
		g.OnDiscovery(func(w http.ResponseWriter) bool {
			if down.Add(-1) < 0 {
				return false
			}
			w.WriteHeader(http.StatusBadGateway)
			return true
		})
		told := heard{make(chan shardmanager.Discovery, 10)}
		m := newManager(t, g, shardmanager.WithHooks(told))
		start(t, m)
		for attempt := 1; attempt <= 3; attempt++ {
			d := <-told.all
			var failed *shardmanager.DiscoveryError
			if d.Attempt != attempt || errors.As(d.Err, &failed) != (attempt < 3) || d.Retry.IsZero() != (attempt == 3) {
				t.Errorf("question %d: %+v", attempt, d)
			}
		}
		down.Store(1)
		g.Outage(true)
		pass(90 * time.Second)
		g.Outage(false)
		if d := <-told.all; d.Attempt != 1 || d.Err == nil || !d.Retry.IsZero() {
			t.Errorf("the question when dials fail: %+v", d)
		}
	})
}

// TestStartThatTimesOutSaysWhatWasWrong, and not that the time was up alone.
func TestStartThatTimesOutSaysWhatWasWrong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		asked := 0
		g.OnDiscovery(func(w http.ResponseWriter) bool {
			if asked++; asked == 1 {
				w.WriteHeader(http.StatusBadGateway)
				return true
			}
			time.Sleep(10 * time.Second)
			return false
		})
		m := newManager(t, g)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := m.Start(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "status 502") {
			t.Errorf("Start: %v", err)
		}
		pass(time.Minute)
	})
}

// TestStartThatWouldBeTooLateIsADeadlineExceeded: it returns before its context ends, with both what was wrong and why it asks no more.
func TestStartThatWouldBeTooLateIsADeadlineExceeded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		g.OnDiscovery(func(w http.ResponseWriter) bool {
			w.Header().Set("Retry-After", "20")
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		})
		m := newManager(t, g)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		err := m.Start(ctx)
		var failed *shardmanager.DiscoveryError
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &failed) || failed.Status != http.StatusServiceUnavailable || time.Since(began) > time.Second {
			t.Errorf("Start, after %v: %v", time.Since(began), err)
		}
		if ctx.Err() != nil {
			t.Error("its context has ended")
		}
	})
}
