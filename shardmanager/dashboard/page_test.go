package dashboard_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager/dashboard"
)

// TestAnyPrefix: the page, its files, and what it asks for are found below any path, with http.StripPrefix and without.
func TestAnyPrefix(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		mux := http.NewServeMux()
		mux.Handle("/a/b/", w.d)
		mux.Handle("/stripped/", http.StripPrefix("/stripped", w.d))
		mux.Handle("/bare", http.StripPrefix("/bare", w.d))
		mux.Handle("/pages/", w.d.Page())
		mux.Handle("/streams/shards", w.d.Stream())
		l := serve(t, mux)
		for _, prefix := range []string{"/a/b/", "/stripped/"} {
			for name, kind := range map[string]string{"": "text/html", "page.js": "text/javascript", "page.css": "text/css", "icon.svg": "image/svg+xml", "shard?index=0": "application/json", "find?guild=77": "application/json"} {
				status, h, _ := l.get(t, ask{path: prefix + name})
				if status != 200 || !strings.HasPrefix(h.Get("Content-Type"), kind) {
					t.Errorf("%s%s: %d, %s", prefix, name, status, h.Get("Content-Type"))
				}
			}
		}
		if status, h, _ := l.get(t, ask{path: "/bare"}); status != http.StatusPermanentRedirect || h.Get("Location") != "bare/" {
			t.Errorf("without the slash: %d, to %q", status, h.Get("Location"))
		}
		if status, _, _ := l.get(t, ask{path: "/pages/stream"}); status != 404 {
			t.Errorf("the page apart has a stream: %d", status)
		}
		l.view(t, ask{path: "/streams/shards"})
	})
}

// TestMethodsAndPolicy: HEAD is GET without a body, other methods are refused, nothing from elsewhere may be loaded, and what is the same still is not sent again.
func TestMethodsAndPolicy(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		for _, path := range []string{"/", "/page.js", "/shard?index=0", "/stream"} {
			status, h, body := w.l.get(t, ask{method: "HEAD", path: path})
			if status != 200 || body != "" {
				t.Errorf("HEAD %s: %d, %d bytes", path, status, len(body))
			}
			policy := h.Get("Content-Security-Policy")
			if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || h.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s has the policy %q", path, policy)
			}
			if status, h, _ := w.l.get(t, ask{method: "POST", path: path}); status != 405 || h.Get("Allow") == "" {
				t.Errorf("POST %s: %d", path, status)
			}
		}
		_, h, page := w.l.get(t, ask{path: "/"})
		if status, _, _ := w.l.get(t, ask{path: "/", header: []string{"If-None-Match: " + h.Get("ETag")}}); status != 304 {
			t.Errorf("the same page again: %d", status)
		}
		if strings.Contains(page, "//") && strings.Contains(page, "src=\"http") || strings.Contains(page, "style=") || strings.Contains(page, "onclick") {
			t.Error("the page has what its policy forbids")
		}
	})
}

// TestShardIsTold: state, moves with their causes, queues, and what was sent.
func TestShardIsTold(t *testing.T) {
	bubble(t, 4, func(t *testing.T, w *world) {
		guild := gatewaytest.GuildOf(events.ShardID{Index: 2, Total: 4}, 0)
		if _, err := (events.RequestGuildMembers{GuildID: guild, Query: events.Ptr("m"), Limit: events.Ptr(1)}).SendEvent(t.Context(), w.m); err != nil {
			t.Fatal(err)
		}
		w.gateway.Shard(2).Reconnect()
		pass(2 * time.Minute)
		_, _, body := w.l.get(t, ask{path: "/shard?index=2"})
		for _, want := range []string{`"state":"Ready"`, "op 7", `"name":"sends"`, `"resumes":1`, `"latencies":[[`, `"sendLimit":120`} {
			if !strings.Contains(body, want) {
				t.Errorf("it does not tell %s: %s", want, body)
			}
		}
		if _, _, body := w.l.get(t, ask{path: "/find?guild=" + guild.String()}); !strings.Contains(body, `"index":2,"total":4`) || !strings.Contains(body, `"here":true`) {
			t.Errorf("the guild of shard 2: %s", body)
		}
		if status, _, _ := w.l.get(t, ask{path: "/shard?index=9"}); status != 404 {
			t.Errorf("a shard that is not there: %d", status)
		}
		for _, odd := range []string{"/shard", "/shard?index=-1", "/shard?index=99999999999999999999", "/find?guild=x", "/find?guild=0"} {
			if status, _, _ := w.l.get(t, ask{path: odd}); status != 400 {
				t.Errorf("%s: %d", odd, status)
			}
		}
	})
}

// TestRollingRestartIsShownAndAborted: it goes on when who asked has gone, a second one is refused, and it can be aborted.
func TestRollingRestartIsShownAndAborted(t *testing.T) {
	bubble(t, 8, func(t *testing.T, w *world) {
		do := func(order string) (int, string) {
			status, _, body := w.l.get(t, ask{method: "POST", path: "/do", body: order, header: []string{"Content-Type: application/json", "Authorization: Bearer " + controlToken}})
			return status, body
		}
		if status, body := do(`{"verb":"rolling"}`); status != 200 {
			t.Fatalf("%d: %s", status, body)
		}
		if status, body := do(`{"verb":"rolling"}`); status != 409 || !strings.Contains(body, "under way") {
			t.Errorf("a second one: %d: %s", status, body)
		}
		pass(13 * time.Second) // the canary, and some more
		v := w.l.view(t, ask{path: "/stream"})
		pass(time.Second)
		all, _, _ := v.take()
		type now struct {
			Rolling struct {
				Done, Of int
				Over     bool
				Err      string
			}
		}
		if nows := only[now](t, all, "now"); nows[0].Rolling.Of != 8 || nows[0].Rolling.Done < 2 || nows[0].Rolling.Over {
			t.Errorf("it shows %+v", nows[0])
		}
		if status, body := do(`{"verb":"abort"}`); status != 200 {
			t.Errorf("abort: %d: %s", status, body)
		}
		pass(2 * time.Second)
		all, _, _ = v.take()
		nows := only[now](t, all, "now")
		if last := nows[len(nows)-1].Rolling; !last.Over || !strings.Contains(last.Err, "aborted") {
			t.Errorf("after the abort it shows %+v", last)
		}
	}, dashboard.WithControl(controlToken))
}

// TestRollingRestartOfTheManagerIsShown, which nobody can abort here.
func TestRollingRestartOfTheManagerIsShown(t *testing.T) {
	bubble(t, 4, func(t *testing.T, w *world) {
		over := make(chan error, 1)
		go func() { over <- w.m.RollingRestart(t.Context()) }()
		pass(5 * time.Second)
		v := w.l.view(t, ask{path: "/stream"})
		pass(10 * time.Second)
		if err := <-over; err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		all, _, _ := v.take()
		type now struct {
			Rolling *struct {
				Done, Of, Left int
				Own            bool
			}
		}
		nows := only[now](t, all, "now")
		if first := nows[0].Rolling; first == nil || first.Of != 4 || first.Done != 0 || first.Left != -1 || first.Own {
			t.Errorf("at first it shows %+v", first)
		}
		if last := nows[len(nows)-1].Rolling; last != nil {
			t.Errorf("after its end it shows %+v", last)
		}
	})
}

// TestNoSecrets: nothing that is answered has the token, a session's id, the resume URL, or what was written in a guild.
func TestNoSecrets(t *testing.T) {
	bubble(t, 2, func(t *testing.T, w *world) {
		var mu sync.Mutex
		secrets := []string{w.gateway.ResumeURL, "a-canary-of-contents", lookToken, controlToken}
		defer w.gateway.OnEntry(func(e gatewaytest.Entry) {
			mu.Lock()
			defer mu.Unlock()
			if e.Kind == gatewaytest.Began {
				secrets = append(secrets, string(e.Data))
			}
		})()
		auth := []string{"Authorization: Bearer " + controlToken, "Content-Type: application/json"}
		v := w.l.view(t, ask{path: "/stream", header: auth})
		if err := w.m.Reidentify(t.Context(), 0, 1); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		w.gateway.World().Message(gatewaytest.GuildOf(events.ShardID{Total: 2}, 0), gatewaytest.Message{Content: "a-canary-of-contents"})
		w.gateway.Shard(0).Drop()
		w.gateway.Shard(1).InvalidSession(false)
		w.gateway.OutageAt(w.gateway.ResumeURL, true)
		pass(20 * time.Second)
		all, _, _ := v.take()
		said := ""
		for _, each := range all {
			said += each.data + "\n"
		}
		for _, path := range []string{"/", "/page.js", "/shard?index=0", "/shard?index=1", "/find?guild=77", "/nothing"} {
			_, h, body := w.l.get(t, ask{path: path, header: auth})
			for name, values := range h {
				said += name + strings.Join(values, " ")
			}
			said += body
		}
		_, _, body := w.l.get(t, ask{method: "POST", path: "/do", body: `{"verb":"pause","shards":[9]}`, header: auth})
		said += body
		mu.Lock()
		defer mu.Unlock()
		if len(secrets) < 6 || !strings.Contains(said, "connection lost") {
			t.Fatalf("the test looks at nothing: %d secrets", len(secrets))
		}
		for _, secret := range secrets {
			if strings.Contains(said, strings.Trim(secret, `"`)) {
				t.Errorf("it tells %q", secret)
			}
		}
	}, dashboard.WithToken(lookToken), dashboard.WithControl(controlToken))
}
