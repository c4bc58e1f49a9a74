package gatewaytest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestCallsAreKept: each call, as it was answered, and no secret of it.
func TestCallsAreKept(t *testing.T) {
	own := http.NewServeMux()
	own.HandleFunc("PUT /channels/{id}/pins/{message}", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s of %s", body, r.PathValue("id"))
	})
	own.HandleFunc("POST /webhooks/{id}/{token}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	own.HandleFunc("POST /silence", func(http.ResponseWriter, *http.Request) {})
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		i := g.World().Command(guildA, gatewaytest.Command{Name: "ping"})
		time.Sleep(time.Second)
		for _, call := range []struct{ method, path, body string }{
			{"GET", "/api/v9/guilds/77?with_counts=true", ""},
			{"POST", fmt.Sprintf("/api/v10/interactions/%v/%s/callback", i.ID, i.Token), `{"type":5}`},
			{"PUT", "/api/v10/channels/1/pins/2", `["pin"]`},
			{"POST", "/api/webhooks/1/t0pS3cret", `{}`},
			{"POST", "/api/v10/silence", `token=t0pS3cret`},
			{"GET", "/api/v10/gateway/bot", ""},
		} {
			if got := do(t, g, call.method, call.path, call.body); call.method == "PUT" && (got.status != 418 || got.body != `["pin"] of 1`) {
				t.Errorf("the own handler: %d %s", got.status, got.body)
			}
		}
		var got []string
		for _, c := range g.Calls() {
			if time.Since(c.At) != 0 {
				t.Errorf("%s came at %v", c.Path, c.At)
			}
			got = append(got, fmt.Sprint(c.Version, " ", c.Method, " ", c.Path, " ", c.Query, " | ", c.Route, " | ", string(c.Body), " ", c.Status))
		}
		want := []string{
			"9 GET /guilds/77 with_counts=true | GET /guilds/{guild_id} |  404",
			fmt.Sprintf(`10 POST /interactions/%v/%s/callback  | POST /interactions/{interaction_id}/{token}/callback | {"type":5} 204`, i.ID, i.Token),
			`10 PUT /channels/1/pins/2  | PUT /channels/{id}/pins/{message} | ["pin"] 418`,
			`0 POST /webhooks/1/…  | POST /webhooks/{id}/{token} | {} 204`,
			`10 POST /silence  | POST /silence |  200`,
			`10 GET /gateway/bot  | GET /gateway/bot |  200`,
		}
		if !slices.Equal(got, want) {
			t.Errorf("calls:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		all, err := json.Marshal(g.Calls())
		if err != nil || strings.Contains(string(all), "t0pS3cret") || strings.Contains(string(all), "Bot t") {
			t.Errorf("a secret was kept: %s %v", all, err)
		}
	}, bothGuilds, gatewaytest.WithREST(own))
}

// TestCallsCanBeAnsweredByTheTest: hooks stack, read bodies, cut connections, and can be removed.
func TestCallsCanBeAnsweredByTheTest(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		path := "/channels/" + (guildA + 1).String() + "/messages"
		var read []string
		g.OnCall(func(w http.ResponseWriter, r *http.Request) bool {
			body, _ := io.ReadAll(r.Body)
			read = append(read, r.Method+" "+r.URL.Path+" "+string(body))
			return false
		})
		remove := g.OnCall(func(w http.ResponseWriter, r *http.Request) bool {
			body, _ := io.ReadAll(r.Body)
			if strings.Contains(string(body), "cut") {
				panic(http.ErrAbortHandler)
			}
			w.WriteHeader(http.StatusBadGateway)
			return true
		})
		for _, test := range []struct {
			body   string
			status int
		}{{`{"content":"a"}`, 502}, {`{"content":"cut"}`, 0}} {
			if got := api(t, g, "POST", path, test.body); got.status != test.status {
				t.Errorf("%s: %d, want %d", test.body, got.status, test.status)
			}
		}
		remove()
		if got := api(t, g, "POST", path, `{"content":"b"}`); got.at("content") != "b" {
			t.Errorf("after the hook's end: %d %s", got.status, got.body)
		}
		if want := []string{"POST " + path + ` {"content":"b"}`}; !slices.Equal(read, want) {
			t.Errorf("the older hook read %q, want %q", read, want)
		}
		var statuses []int
		for _, c := range g.Calls() {
			statuses = append(statuses, c.Status)
		}
		if !slices.Equal(statuses, []int{502, 0, 200}) || len(g.World().Messages(guildA+1)) != 1 {
			t.Errorf("kept %v, and %d messages were written", statuses, len(g.World().Messages(guildA+1)))
		}
		g.OnCall(nil)
		if api(t, g, "GET", path, ""); len(read) != 1 {
			t.Error("a removed hook was asked")
		}
	}, bothGuilds)
}

// TestLimitsOfCalls: each bucket is told, and what goes beyond it or beyond all is refused until its window ends.
func TestLimitsOfCalls(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		path := func(channel int) string { return fmt.Sprintf("/channels/%d/messages", int(guildA)+channel) }
		write := func(channel int) answer { return api(t, g, "POST", path(channel), `{"content":"x"}`) }
		first := write(1)
		for name, want := range map[string]string{"Limit": "2", "Remaining": "1", "Reset-After": "5.000", "Reset": fmt.Sprintf("%d.000", time.Now().Unix()+5)} {
			if got := first.header.Get("X-RateLimit-" + name); got != want {
				t.Errorf("X-RateLimit-%s: %q, want %q", name, got, want)
			}
		}
		time.Sleep(1500 * time.Millisecond)
		write(1)
		if got := write(2); got.status != 200 || got.header.Get("X-RateLimit-Bucket") == "" || got.header.Get("X-RateLimit-Bucket") != first.header.Get("X-RateLimit-Bucket") {
			t.Errorf("another channel: %d %v", got.status, got.header)
		}
		got := write(1)
		if got.status != 429 || got.at("retry_after") != "3.5" || got.at("global") != "false" || got.header.Get("Retry-After") != "4" ||
			got.header.Get("X-RateLimit-Remaining") != "0" || got.header.Get("Via") == "" || got.header.Get("X-RateLimit-Scope") != "user" {
			t.Errorf("the third: %d %s %v", got.status, got.body, got.header)
		}
		time.Sleep(3500 * time.Millisecond)
		if got := write(1); got.status != 200 {
			t.Errorf("after the window: %d", got.status)
		}
		time.Sleep(time.Minute)
		refused := 0
		for n := range 60 {
			if got := api(t, g, "GET", fmt.Sprintf("/channels/%d", n), ""); got.status == 429 {
				if refused++; got.at("global") != "true" || got.header.Get("X-RateLimit-Global") != "true" || got.header.Get("X-RateLimit-Scope") != "global" || got.at("retry_after") != "1" {
					t.Errorf("the global limit: %s %v", got.body, got.header)
				}
			}
		}
		if refused != 10 {
			t.Errorf("%d of 60 in one second were refused", refused)
		}
	}, bothGuilds, gatewaytest.WithCallLimit(2, 5*time.Second))
}

// TestLimitCalls: a test says what is one too many: a route, a path, or all.
func TestLimitCalls(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		one, two := fmt.Sprintf("/channels/%v", guildA+1), fmt.Sprintf("/channels/%v", guildA+2)
		for _, test := range []struct {
			route string
			limit map[string]bool
		}{
			{"GET /channels/{channel_id}", map[string]bool{one: true, two: true, "/users/@me": false}},
			{"GET " + one, map[string]bool{one: true, two: false}},
			{"", map[string]bool{one: true, "/users/@me": true}},
		} {
			g.LimitCalls(test.route, 90*time.Second)
			time.Sleep(30 * time.Second)
			for path, want := range test.limit {
				got := api(t, g, "GET", path, "")
				if (got.status == 429) != want || want && (got.at("retry_after") != "60" || got.at("global") != fmt.Sprint(test.route == "")) {
					t.Errorf("%q limits %s: %d %s", test.route, path, got.status, got.body)
				}
			}
			g.LimitCalls(test.route, 0)
			if got := api(t, g, "GET", one, ""); got.status != 200 {
				t.Errorf("%q limits when it has ended: %d", test.route, got.status)
			}
		}
	}, bothGuilds)
}
