package control_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/session/gatewaytest/control"
)

// see reads a view.
func see[T any](b *bundle, path string) (v T) {
	b.t.Helper()
	status, text := b.ask(http.MethodGet, path, "")
	if err := json.Unmarshal([]byte(text), &v); err != nil || status != http.StatusOK {
		b.t.Fatalf("GET %s: %d %s", path, status, text)
	}
	return v
}

func TestViews(t *testing.T) {
	virtual(t, func(b *bundle) {
		for _, path := range []string{"/violations", "/calls", "/channels/8388609/messages"} {
			if _, text := b.ask(http.MethodGet, path, ""); strings.TrimSpace(text) != "[]" {
				t.Errorf("GET %s with nothing there: %s", path, text)
			}
		}
		b.shards[1].send(`{"op":99}`)
		b.order(`[{"do":"mute","shard":0},{"do":"lag","shard":0,"by":"2s"}]`)
		shards := see[[]struct {
			Shard       [2]int
			State, Lag  string
			Since       time.Time
			Muted       bool
			Guilds      []string
			Conn, Seq   int
			Intents     uint64
			Frozen, Odd bool
		}](b, "/shards")
		if s := shards[0]; len(shards) != 2 || s.Shard != [2]int{0, 2} || s.State != "ready" || !s.Muted || s.Frozen || s.Lag != "2s" || len(s.Guilds) != 1 || s.Guilds[0] != "8388608" ||
			s.Conn != 1 || s.Seq != 2 || !s.Since.Equal(time.Now()) || s.Intents == 0 {
			t.Errorf("GET /shards: %+v", shards)
		}
		violations := see[[]struct {
			Shard [2]int
			Conn  int
			Text  string
		}](b, "/violations")
		if len(violations) != 1 || violations[0].Shard != [2]int{1, 2} || violations[0].Conn != 2 || !strings.Contains(violations[0].Text, ": ") {
			t.Errorf("GET /violations: %+v", violations)
		}
		stats := see[map[string]int](b, "/stats")
		if stats["violations"] != 1 || stats["ready"] != 1 || stats["identifies"] != 2 || stats["connections"] != 2 || stats["dispatched"] != 4 {
			t.Errorf("GET /stats: %v", stats)
		}
		b.call(http.MethodPost, "/channels/8388609/messages", `{"content":"one"}`)
		b.call(http.MethodPost, "/channels/8388609/messages", `{"content":"two"}`)
		calls := see[[]struct {
			Method, Path, Route string
			Status              int
			Body                map[string]string
		}](b, "/calls?last=1")
		if c := calls[0]; len(calls) != 1 || c.Route != "POST /channels/{channel_id}/messages" || c.Path != "/channels/8388609/messages" || c.Status != 200 || c.Body["content"] != "two" {
			t.Errorf("GET /calls: %+v", calls)
		}
		if messages := see[[]struct{ Content string }](b, "/channels/8388609/messages"); len(messages) != 2 || messages[0].Content != "one" {
			t.Errorf("GET /channels/{id}/messages: %+v", messages)
		}
		for _, path := range []string{"/calls?last=x", "/calls?last=0", "/channels/x/messages", "/interactions/x", "/interactions/99"} {
			if status, text := b.ask(http.MethodGet, path, ""); status != http.StatusBadRequest || !strings.HasPrefix(text, `{"done":[],"errors":[{"`) || !strings.Contains(text, `"problem":`) {
				t.Errorf("GET %s: %d %s", path, status, text)
			}
		}
		for _, request := range []string{"GET /order", "PUT /orders", "POST /stats", "DELETE /"} {
			method, path, _ := strings.Cut(request, " ")
			if status, text := b.ask(method, path, ""); (status != http.StatusNotFound) != (path == "/orders" || path == "/stats") || !strings.Contains(text, "POST /orders takes orders") {
				t.Errorf("%s: %d %s", request, status, text)
			}
		}
	})
}

// TestInteractions: a bot's commands, buttons and forms are used from outside, and what it answers is seen there.
func TestInteractions(t *testing.T) {
	virtual(t, func(b *bundle) {
		answered := func(id, callback string) {
			t.Helper()
			var i struct{ Token string }
			if err := json.Unmarshal(b.shards[0].last, &i); err != nil {
				t.Fatal(err)
			}
			if status := b.call(http.MethodPost, "/interactions/"+id+"/"+i.Token+"/callback", callback); status != http.StatusNoContent {
				t.Fatalf("the callback was answered with %d", status)
			}
		}
		type view struct {
			Answered *time.Time
			Callback int
			Data     struct{ Content, Title string }
			Messages []struct{ ID string }
		}
		roll := b.order(`{"do":"command","shard":0,"name":"roll"}`)[0].IDs[0].String()
		if i := see[view](b, "/interactions/"+roll); i.Answered != nil || len(i.Messages) != 0 {
			t.Errorf("before the callback: %+v", i)
		}
		answered(roll, `{"type":4,"data":{"content":"3","components":[{"type":1,"components":[{"type":2,"style":1,"label":"again","custom_id":"again"}]}]}}`)
		i := see[view](b, "/interactions/"+roll)
		if i.Answered == nil || i.Callback != 4 || i.Data.Content != "3" || len(i.Messages) != 1 {
			t.Fatalf("after the callback: %+v", i)
		}
		pressed := b.order(`{"do":"component","message":"` + i.Messages[0].ID + `","custom_id":"again"}`)[0].IDs[0].String()
		answered(pressed, `{"type":9,"data":{"custom_id":"form","title":"sure?","components":[{"type":1,"components":[{"type":4,"style":1,"label":"why","custom_id":"why"}]}]}}`)
		b.order(`{"do":"submit","interaction":"` + pressed + `","values":{"why":"luck"}}`)
		if got := string(b.shards[0].last); b.shards[0].count("INTERACTION_CREATE") != 3 || !strings.Contains(got, `"luck"`) {
			t.Errorf("the last that the bot was told: %s", got)
		}
	})
}

// TestWhoMayAsk: other sites, names that lead here, and whoever has no token where one is asked for, are refused.
func TestWhoMayAsk(t *testing.T) {
	virtual(t, func(b *bundle) {
		guarded := control.New(b.Server, control.WithToken("secret")).Handler()
		for _, test := range []struct {
			what    string
			handler http.Handler
			request string
			headers string
			status  int
		}{
			{"curl", b.handler, "POST http://127.0.0.1:8081/orders", "", 200},
			{"the page", b.handler, "POST http://localhost:8081/orders", "Origin: http://localhost:8081, Sec-Fetch-Site: same-origin", 200},
			{"IPv6", b.handler, "GET http://[::1]:8081/stats", "", 200},
			{"IPv6 without a port", b.handler, "GET http://[::1]/stats", "", 200},
			{"another site", b.handler, "POST http://127.0.0.1:8081/orders", "Origin: https://example.com, Sec-Fetch-Site: cross-site", 403},
			{"another site, an older browser", b.handler, "POST http://127.0.0.1:8081/orders", "Origin: https://example.com", 403},
			{"a name that leads here", b.handler, "GET http://example.com:8081/stats", "", 403},
			{"one that begins as ours", b.handler, "GET http://localhost.example.com/stats", "", 403},
			{"without a token", guarded, "GET http://127.0.0.1:8081/stats", "", 401},
			{"a wrong token", guarded, "GET http://127.0.0.1:8081/events", "Authorization: Bearer secrets", 401},
			{"not a bearer", guarded, "GET http://127.0.0.1:8081/stats", "Authorization: secret", 401},
			{"an order without a token", guarded, "POST http://127.0.0.1:8081/orders", "", 401},
			{"a token", guarded, "POST http://127.0.0.1:8081/orders", "Authorization: Bearer secret", 200},
			{"a name, with a token", guarded, "GET http://gatewaysim:8081/stats", "Authorization: Bearer secret", 200},
			{"the page, which asks for the token", guarded, "GET http://gatewaysim:8081/", "", 200},
			{"no such path", b.handler, "GET http://127.0.0.1:8081/nothing", "", 404},
			{"another method", b.handler, "DELETE http://127.0.0.1:8081/orders", "", 405},
		} {
			method, url, _ := strings.Cut(test.request, " ")
			r := httptest.NewRequestWithContext(t.Context(), method, url, strings.NewReader(`{"do":"request-heartbeat","shard":0}`))
			for header := range strings.SplitSeq(test.headers, ", ") {
				if name, value, set := strings.Cut(header, ": "); set {
					r.Header.Set(name, value)
				}
			}
			w := httptest.NewRecorder()
			test.handler.ServeHTTP(w, r)
			if w.Code != test.status {
				t.Errorf("%s: %d %s, want %d", test.what, w.Code, w.Body, test.status)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("%s: the answer holds the token: %s", test.what, w.Body)
			}
			if w.Code >= 401 && w.Code <= 403 && !strings.Contains(w.Body.String(), `"problem":"`) {
				t.Errorf("%s: the answer does not say what to do: %s", test.what, w.Body)
			}
		}
	})
}

func TestListen(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ addr, token, says string }{
		{"127.0.0.1:0", "", ""},
		{"localhost:0", "", ""},
		{"0.0.0.0:0", "secret", ""},
		{"0.0.0.0:0", "", "0.0.0.0:0: other machines could give orders there: set a token, or listen on 127.0.0.1"},
		{":0", "", "other machines could give orders there"},
		{"127.0.0.1:x", "", "give a free address of this machine, such as 127.0.0.1:8081"},
	} {
		l, err := control.Listen(test.addr, test.token)
		switch {
		case err == nil:
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			if test.says != "" {
				t.Errorf("%s is listened on", test.addr)
			}
		case test.says == "" || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "\n"):
			t.Errorf("%s: %v", test.addr, err)
		}
	}
}

// TestThePage has what it needs, and nothing from elsewhere.
func TestThePage(t *testing.T) {
	virtual(t, func(b *bundle) {
		for _, path := range []string{"/", "/page.css", "/page.js"} {
			status, text := b.ask(http.MethodGet, path, "")
			if status != http.StatusOK || text == "" || strings.Contains(text, "http://") || strings.Contains(text, "https://") || strings.Contains(text, "//cdn") {
				t.Errorf("GET %s: %d, %d bytes", path, status, len(text))
			}
		}
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/", nil))
		if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'self'") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("the page's policy is %q", policy)
		}
	}, gatewaytest.WithExact())
}
