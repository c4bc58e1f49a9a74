package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/health"
)

// TestHandlersAnswerGetAndHeadAlone, under any path, with JSON that nobody may keep.
func TestHandlersAnswerGetAndHeadAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, 1)
		m := newManager(t, g)
		ask := newAsker(t, m)
		begin(t, m)
		mux := http.NewServeMux()
		mux.Handle("/deep/down/livez/", ask.live)
		mux.Handle("/", http.StripPrefix("/probes", ask.ready))
		for _, path := range []string{"/deep/down/livez/", "/deep/down/livez/more?x=y", "/probes/readyz", "/probes"} {
			for method, want := range map[string]int{
				http.MethodGet: 200, http.MethodHead: 200, http.MethodPost: 405, http.MethodPut: 405, http.MethodDelete: 405, http.MethodOptions: 405, "ODD": 405,
			} {
				w := httptest.NewRecorder()
				mux.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader("body")))
				header, body := w.Header(), w.Body.String()
				if w.Code != want || header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s %s: %d, %v", method, path, w.Code, header)
				}
				switch {
				case want == 405:
					if header.Get("Allow") != "GET, HEAD" {
						t.Errorf("%s %s: %v", method, path, header)
					}
					continue
				case header.Get("Content-Type") != "application/json", method == http.MethodHead && body != "":
					t.Errorf("%s %s: %v, %q", method, path, header, body)
				case method == http.MethodGet && (fmt.Sprint(len(body)) != header.Get("Content-Length") || !json.Valid([]byte(body)) || !strings.HasSuffix(body, "}\n")):
					t.Errorf("%s: %v, %s", path, header, body)
				}
			}
		}
	})
}

// TestOptionsThatCannotWorkAreTold.
func TestOptionsThatCannotWorkAreTold(t *testing.T) {
	t.Parallel()
	m, err := shardmanager.New("token")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		m    *shardmanager.Manager
		opt  health.Option
		name string
	}{
		{nil, health.WithListed(1), "New"},
		{m, nil, "New"},
		{m, health.WithTolerance(-0.1, 0), "WithTolerance"},
		{m, health.WithTolerance(1, 0), "WithTolerance"},
		{m, health.WithTolerance(math.NaN(), 0), "WithTolerance"},
		{m, health.WithTolerance(0, -1), "WithTolerance"},
		{m, health.WithListed(-1), "WithListed"},
		{m, health.WithListed(1001), "WithListed"},
	} {
		_, err := health.New(test.m, test.opt)
		var option *shardmanager.OptionError
		if !errors.As(err, &option) || option.Option != "health."+test.name {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	for _, opt := range []health.Option{health.WithTolerance(0, 0), health.WithTolerance(0.999, time.Hour), health.WithListed(0), health.WithListed(1000), health.WithPickedShards()} {
		if _, err := health.New(m, opt); err != nil {
			t.Error(err)
		}
	}
}

// badError is an error of the user's whose text cannot be had when it is armed.
type badError struct{ armed *bool }

func (e badError) Error() string {
	if *e.armed {
		panic("a bug")
	}
	return "bad"
}

// TestAnswersAreBoundedAndPlain, whatever the errors are that the user's code returns.
func TestAnswersAreBoundedAndPlain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, 50)
		m := newManager(t, g, shardmanager.WithNetDial(func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("line one\r\nline two \x1b[31m \xff " + strings.Repeat("ü", 1000))
		}))
		ask, none := newAsker(t, m), newAsker(t, m, health.WithListed(0))
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		r := ask.is(false, health.Starting)
		if len(r.Away) != 20 || r.More != 30 || r.Shards.Away != 50 {
			t.Errorf("%d listed, %d more", len(r.Away), r.More)
		}
		for _, text := range []string{r.Away[0].Text, r.Reason} {
			if len(text) > 300 || !utf8.ValidString(text) || strings.ContainsAny(text, "\r\n\x1b") || !strings.Contains(text, "line one") {
				t.Errorf("%d bytes: %q", len(text), text)
			}
		}
		if r := none.is(false, health.Starting); len(r.Away) != 0 || r.More != 50 || !strings.Contains(r.Reason, "line one") {
			t.Errorf("%+v", r)
		}
	})
}

// TestErrorWhoseTextPanicsCostsItsText.
func TestErrorWhoseTextPanicsCostsItsText(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, 1)
		armed := false
		client := &http.Client{Transport: failing{badError{&armed}}}
		m := newManager(t, g, shardmanager.WithHTTPClient(client))
		ask := newAsker(t, m)
		ctx, cancel := context.WithCancel(t.Context())
		started := make(chan error, 1)
		go func() { started <- m.Start(ctx) }()
		pass(time.Second)
		armed = true
		pass(time.Minute)
		ask.is(false, health.Starting)
		cancel()
		<-started
		ask.is(false, health.Closed)
	})
}

// failing is an HTTP client's transport that fails.
type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

// TestNoSecretIsInAnAnswer: neither the token, nor a session's id, nor its URL, at any time of a life with all sorts of failures.
func TestNoSecretIsInAnAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const token = "MTk4NjIyNDgzNDcxOTI1MjQ4.secret.token"
		g := newGateway(t, 2, gatewaytest.WithToken(token))
		m, err := shardmanager.New(token, shardmanager.WithGateway(g), shardmanager.WithLogger(zap.NewNop()))
		if err != nil {
			t.Fatal(err)
		}
		ask := newAsker(t, m)
		var said strings.Builder
		secrets := []string{"secret.token", strings.TrimPrefix(g.ResumeURL, "ws://")}
		say := func() {
			for _, h := range []http.Handler{ask.live, ask.ready} {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
				said.WriteString(w.Body.String())
			}
		}
		say()
		begin(t, m)
		for _, key := range m.Status().Shards {
			snapshot, err := m.Release(t.Context(), key.Shard.Index)
			if err != nil {
				t.Fatal(err)
			}
			secrets = append(secrets, snapshot.SessionID)
			say()
			if err := m.Adopt(t.Context(), snapshot); err != nil {
				t.Fatal(err)
			}
		}
		for _, fault := range []func(){
			func() { g.OutageAt(g.ResumeURL, true) }, func() { g.Outage(true) }, func() { g.Outage(false) }, func() { g.HangAt(g.ResumeURL, true) }, g.ForgetSessions,
			func() { g.Shard(0).Close(4000) }, func() { g.Shard(1).Close(4011) }, func() { g.Shard(0).Close(4004) },
		} {
			fault()
			for range 20 {
				say()
				pass(3 * time.Second)
			}
		}
		_ = m.Close(t.Context())
		say()
		for _, secret := range secrets {
			if secret == "" || strings.Contains(said.String(), secret) {
				t.Errorf("%q is in an answer", secret)
			}
		}
		if !strings.Contains(said.String(), "connection") {
			t.Error("no failure was told")
		}
	})
}

// TestManyMayAskAtOnce, while shards come and go.
func TestManyMayAskAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, 8)
		m := newManager(t, g)
		ask := newAsker(t, m)
		begin(t, m)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 20 {
					get(t, ask.ready, func(r health.Readiness) bool { return r.Ready })
					get(t, ask.live, func(l health.Liveness) bool { return l.Alive })
					time.Sleep(time.Second)
				}
			})
		}
		for range 20 {
			g.DropAll()
			time.Sleep(time.Second)
		}
		all.Wait()
	})
}
