package dashboard_test

import (
	"bufio"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/shardmanager/dashboard"
	"github.com/signalbox-go/signalbox/shardmanager/recorder"
)

func viewersOption(n int) dashboard.Option { return dashboard.WithViewers(n) }

func newDashboard(t *testing.T, w *world, opts ...dashboard.Option) *dashboard.Dashboard {
	t.Helper()
	d, err := dashboard.New(w.m, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	synctest.Wait()
	return d
}

// TestWithoutAuthenticationThisMachineAlone: who comes from elsewhere, through a proxy, or by a name that was made to lead here is told what to do.
func TestWithoutAuthenticationThisMachineAlone(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		for _, test := range []struct {
			name string
			ask  ask
			want int
		}{
			{"this machine", ask{}, 200},
			{"this machine, IPv6", ask{from: "[::1]:4000", host: "[::1]:8080"}, 200},
			{"another machine", ask{from: "192.0.2.7:4000"}, 403},
			{"a private network", ask{from: "10.0.0.7:4000", host: "10.0.0.1"}, 403},
			{"a socket", ask{from: "@"}, 403},
			{"a proxy that says for whom", ask{header: []string{"X-Forwarded-For: 192.0.2.7"}}, 403},
			{"a proxy that says for whom, emptily", ask{header: []string{"X-Forwarded-For: "}}, 403},
			{"a proxy by the standard", ask{header: []string{"Forwarded: for=127.0.0.1"}}, 403},
			{"a proxy that names itself", ask{header: []string{"Via: 1.1 proxy"}}, 403},
			{"a proxy with another header", ask{header: []string{"X-Real-IP: 127.0.0.1"}}, 403},
			{"a name that leads here", ask{host: "rebound.example:8080"}, 403},
			{"a page of another site", ask{header: []string{"Sec-Fetch-Site: cross-site"}}, 403},
			{"a token that nobody asked for", ask{from: "192.0.2.7:4000", header: []string{"Authorization: Bearer "}}, 403},
		} {
			for _, path := range []string{"/shard?index=0", "/find?guild=1"} {
				a := test.ask
				a.path = path
				if status, _, body := w.l.get(t, a); status != test.want || status == 403 && !strings.Contains(body, "WithToken") && !strings.Contains(body, "another site") {
					t.Errorf("%s: %s gets %d: %s", test.name, path, status, body)
				}
			}
		}
		if status, _, _ := w.l.get(t, ask{path: "/", from: "192.0.2.7:4000"}); status != 403 {
			t.Errorf("the page itself is served to another machine: %d", status)
		}
		conn := w.l.dial("127.0.0.1:4000") // as a proxy does that adds no header
		defer conn.Close()
		if _, err := conn.Write([]byte("GET /shard?index=0 HTTP/1.0\r\nHost: localhost\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if answer, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || answer.StatusCode != 403 {
			t.Errorf("over HTTP/1.0 it gets %v, %v", answer, err)
		}
	})
}

// TestTokenLetsIn: with a token others may look, and nothing but the empty page comes without it.
func TestTokenLetsIn(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		far := "192.0.2.7:4000"
		for path, want := range map[string]int{"/": 200, "/page.js": 200, "/stream": 401, "/shard?index=0": 401, "/find?guild=1": 401, "/do": 401} {
			if status, _, _ := w.l.get(t, ask{path: path, from: far}); status != want {
				t.Errorf("without the token %s gets %d, want %d", path, status, want)
			}
		}
		for _, token := range []string{"", "x", lookToken[:len(lookToken)-1], lookToken + "x", strings.ToUpper(lookToken)} {
			if status, _, _ := w.l.get(t, ask{path: "/shard?index=0", from: far, header: []string{"Authorization: Bearer " + token}}); status != 401 {
				t.Errorf("with the token %q it gets %d", token, status)
			}
		}
		if status, _, _ := w.l.get(t, ask{path: "/shard?index=0", from: far, header: []string{"Authorization: Bearer " + lookToken}}); status != 200 {
			t.Errorf("with the token it gets %d", status)
		}
		stream := serve(t, w.d.Stream()) // at a path that is the page's elsewhere
		if status, _, _ := stream.get(t, ask{path: "/", from: far}); status != 401 {
			t.Errorf("the stream apart gets %d without the token", status)
		}
	}, dashboard.WithToken(lookToken))
}

// TestOwnAuthentication: the program says who may look, and one that panics lets nobody in.
func TestOwnAuthentication(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		for user, want := range map[string]int{"ann": 200, "bob": 403, "panic": 403} {
			for _, path := range []string{"/", "/shard?index=0"} {
				if status, _, _ := w.l.get(t, ask{path: path, from: "192.0.2.7:4000", header: []string{"X-User: " + user, "X-Forwarded-For: 192.0.2.9"}}); status != want {
					t.Errorf("%s of %s gets %d, want %d", path, user, status, want)
				}
			}
		}
	}, dashboard.WithAuthentication(func(r *http.Request) bool {
		if r.Header.Get("X-User") == "panic" {
			panic("no")
		}
		return r.Header.Get("X-User") == "ann"
	}))
}

// TestVerbsAreGuarded: they need the option, the token, this origin, and POST.
func TestVerbsAreGuarded(t *testing.T) {
	bubble(t, 2, func(t *testing.T, w *world) {
		token, kind, order := "Authorization: Bearer "+controlToken, "Content-Type: application/json", `{"verb":"restart","shards":[1]}`
		for _, test := range []struct {
			name string
			ask  ask
			want int
		}{
			{"without a token", ask{method: "POST", body: order, header: []string{kind}}, 401},
			{"with another token", ask{method: "POST", body: order, header: []string{kind, token + "x"}}, 401},
			{"with the token to look", ask{method: "POST", body: order, header: []string{kind, "Authorization: Bearer " + lookToken}}, 401},
			{"from another site", ask{method: "POST", body: order, header: []string{kind, token, "Sec-Fetch-Site: cross-site"}}, 403},
			{"from another origin", ask{method: "POST", body: order, header: []string{kind, token, "Origin: http://evil.example"}}, 403},
			{"as a form", ask{method: "POST", body: order, header: []string{"Content-Type: text/plain", token}}, 400},
			{"by GET", ask{header: []string{token}}, 405},
			{"of no shard", ask{method: "POST", body: `{"verb":"restart"}`, header: []string{kind, token}}, 400},
			{"no verb", ask{method: "POST", body: `{"verb":"crash","shards":[1]}`, header: []string{kind, token}}, 400},
			{"of a shard that is not there", ask{method: "POST", body: `{"verb":"restart","shards":[7]}`, header: []string{kind, token}}, 409},
		} {
			test.ask.path = "/do"
			if status, _, body := w.l.get(t, test.ask); status != test.want || !strings.Contains(body, "error") {
				t.Errorf("%s: %d: %s", test.name, status, body)
			}
		}
		pass(time.Second)
		if s, _ := w.m.Shard(1).Status(); s.Conn != 1 {
			t.Fatalf("a verb was carried out that was refused: %d connections", s.Conn)
		}
		if status, _, body := w.l.get(t, ask{method: "POST", path: "/do", body: order, header: []string{kind, token, "Sec-Fetch-Site: same-origin"}}); status != 200 {
			t.Errorf("restart: %d: %s", status, body)
		}
		pass(time.Second)
		if s, _ := w.m.Shard(1).Status(); s.Conn != 2 || s.Resumes != 1 {
			t.Errorf("after the restart: %d connections, %d resumes", s.Conn, s.Resumes)
		}
	}, dashboard.WithToken(lookToken), dashboard.WithControl(controlToken))
}

// TestReadOnlyByDefault: without WithControl no token changes anything.
func TestReadOnlyByDefault(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		status, _, body := w.l.get(t, ask{method: "POST", path: "/do", body: `{"verb":"pause","shards":[0]}`, header: []string{"Content-Type: application/json", "Authorization: Bearer "}})
		if status != 403 || !strings.Contains(body, "read-only") {
			t.Errorf("%d: %s", status, body)
		}
	})
}

// TestOptionsAreChecked: all that is wrong is said, each by its option.
func TestOptionsAreChecked(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		for name, opts := range map[string][]dashboard.Option{
			"WithToken": {dashboard.WithToken("short")}, "WithControl": {dashboard.WithToken(lookToken), dashboard.WithControl(lookToken)}, "WithAuthentication": {dashboard.WithAuthentication(nil)},
			"WithViewers": {dashboard.WithViewers(-1)}, "WithStreamAt": {dashboard.WithStreamAt("https://elsewhere.example/stream")}, "New": {nil},
			"WithRecorder": {dashboard.WithControl(controlToken), dashboard.WithRecorder((*recorder.Recorder)(nil))},
		} {
			_, err := dashboard.New(w.m, opts...)
			var wrong *dashboard.OptionError
			if !errors.As(err, &wrong) || wrong.Option != name {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
