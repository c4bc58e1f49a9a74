package gatewaytest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// client is a few lines that speak to the gateway.
type client struct {
	t  *testing.T
	ws *websocket.Conn
}

func connect(t *testing.T, g *gatewaytest.Server) *client {
	t.Helper()
	return dial(t, g, "/?v=10&encoding=json")
}

func dial(t *testing.T, g *gatewaytest.Server, path string) *client {
	t.Helper()
	dialer := websocket.Dialer{NetDialContext: g.DialContext}
	ws, _, err := dialer.DialContext(t.Context(), g.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	return &client{t, ws}
}

type payload struct {
	Op int             `json:"op"`
	T  string          `json:"t"`
	S  int64           `json:"s"`
	D  json.RawMessage `json:"d"`
}

// next is the next payload, or the close code.
func (c *client) next() (payload, int) {
	var p payload
	err := c.ws.ReadJSON(&p)
	if closed, ok := err.(*websocket.CloseError); ok {
		return p, closed.Code
	}
	if err != nil {
		return p, -1
	}
	return p, 0
}

func (c *client) send(text string) { _ = c.ws.WriteMessage(websocket.TextMessage, []byte(text)) }

const identify = `{"op":2,"d":{"token":"t","properties":{},"intents":%d,"shard":[%d,%d]}}`

// ready connects, identifies and reads READY.
func ready(t *testing.T, g *gatewaytest.Server, shard, total int) (*client, string) {
	t.Helper()
	c := connect(t, g)
	if p, _ := c.next(); p.Op != 10 {
		t.Fatalf("first payload: %+v", p)
	}
	c.send(fmt.Sprintf(identify, 513, shard, total))
	p, code := c.next()
	if p.T != "READY" {
		t.Fatalf("after Identify: %+v, close code %d", p, code)
	}
	var r struct {
		SessionID string `json:"session_id"`
	}
	if err := json.Unmarshal(p.D, &r); err != nil || r.SessionID == "" {
		t.Fatal(err)
	}
	return c, r.SessionID
}

func TestPunishments(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		send string // after READY, unless early
		code int
		rule string
		opts []gatewaytest.Option
		bare bool // without READY
	}{
		{"not JSON", `hello`, 4002, "payload", nil, false},
		{"too large", `{"op":1,"d":null,"x":"` + strings.Repeat("x", 4096) + `"}`, 4002, "payload size", nil, false},
		{"no such opcode", `{"op":5,"d":{}}`, 4001, "payload", nil, false},
		{"members without query and ids", `{"op":8,"d":{"guild_id":"1"}}`, 4001, "payload", nil, false},
		{"presence without activities", `{"op":3,"d":{"status":"online","afk":false}}`, 4001, "payload", nil, false},
		{"before READY", `{"op":3,"d":{}}`, 4003, "not authenticated", nil, true},
		{"identify twice", fmt.Sprintf(identify, 0, 0, 1), 4005, "authenticated twice", nil, false},
		{"wrong token", fmt.Sprintf(identify, 0, 0, 1), 4004, "token", []gatewaytest.Option{gatewaytest.WithToken("other")}, true},
		{"shard outside the total", fmt.Sprintf(identify, 0, 1, 1), 4010, "shard", nil, true},
		{"unknown intent", fmt.Sprintf(identify, 1<<17, 0, 1), 4013, "intents", nil, true},
		{"disallowed intent", fmt.Sprintf(identify, 2, 0, 1), 4014, "intents", []gatewaytest.Option{gatewaytest.WithAllowedIntents(events.IntentsUnprivileged)}, true},
		{"beyond the budget", fmt.Sprintf(identify, 0, 0, 1), 4004, "budget", []gatewaytest.Option{gatewaytest.WithSessionStarts(1000, 0, time.Hour)}, true},
		{"heartbeat of the future", `{"op":1,"d":99}`, 0, "heartbeat", nil, false},
		{"long nonce", `{"op":8,"d":{"guild_id":"0","user_ids":"1","nonce":"` + strings.Repeat("n", 33) + `"}}`, 0, "nonce", nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := gatewaytest.NewServer(t, append(test.opts, gatewaytest.WithVirtualNetwork())...)
				var c *client
				if test.bare {
					c = connect(t, g)
					c.next()
				} else {
					c, _ = ready(t, g, 0, 1)
				}
				c.send(test.send)
				if _, code := c.next(); code != test.code {
					t.Errorf("close code %d, want %d", code, test.code)
				}
				violations := g.Violations()
				if test.rule == "" && len(violations) != 0 || test.rule != "" && (len(violations) != 1 || violations[0].Rule != test.rule) {
					t.Errorf("violations: %v, want %q", violations, test.rule)
				}
			})
		})
	}
}

func TestSendLimitIsASlidingWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork())
		c, _ := ready(t, g, 0, 1)
		time.Sleep(50 * time.Second)
		for range 119 {
			c.send(`{"op":1,"d":null}`)
		}
		time.Sleep(10*time.Second + time.Millisecond) // the Identify is out of the window
		c.send(`{"op":1,"d":null}`)
		for range 120 {
			if p, code := c.next(); p.Op != 11 {
				t.Fatalf("%+v, %d", p, code)
			}
		}
		c.send(`{"op":1,"d":null}`)
		if _, code := c.next(); code != 4008 {
			t.Errorf("the 121st in 60 s: close code %d", code)
		}
	})
}

func TestIdentifySpacing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithMaxConcurrency(2))
		ready(t, g, 0, 4)
		ready(t, g, 1, 4)
		c := connect(t, g)
		c.next()
		c.send(fmt.Sprintf(identify, 0, 2, 4)) // the key of shard 0
		if p, _ := c.next(); p.Op != 9 || string(p.D) != "false" {
			t.Errorf("too early: %+v", p)
		}
		if v := g.Violations(); len(v) != 2 { // of the key, and of the total
			t.Errorf("violations: %v", v)
		}
		time.Sleep(5 * time.Second)
		ready(t, g, 2, 4)
	})
}

func TestResumeReplays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithResumeTimeout(time.Minute))
		c, id := ready(t, g, 0, 1)
		g.Shard(0).Drop()
		if _, code := c.next(); code != websocket.CloseAbnormalClosure { // there was no close frame
			t.Errorf("after Drop: close code %d", code)
		}
		g.Shard(0).Dispatch("A", 1)
		g.Shard(0).Dispatch("B", 2)
		resume := func(seq int) *client {
			c := connect(t, g)
			c.next()
			c.send(fmt.Sprintf(`{"op":6,"d":{"token":"t","session_id":%q,"seq":%d}}`, id, seq))
			return c
		}
		c = resume(1)
		var got []string
		for range 3 {
			p, _ := c.next()
			got = append(got, fmt.Sprint(p.S, p.T))
		}
		if fmt.Sprint(got) != "[2A 3B 4RESUMED]" {
			t.Errorf("replayed: %v", got)
		}
		c.ws.Close()
		time.Sleep(2 * time.Minute)
		if p, _ := resume(4).next(); p.Op != 9 || string(p.D) != "false" {
			t.Errorf("after the session's end: %+v", p)
		}
		g.RequireNoViolations(t)
	})
}

func TestDiscoveryOnAPort(t *testing.T) {
	t.Parallel()
	g := gatewaytest.NewServer(t, gatewaytest.WithShards(5), gatewaytest.WithToken("right"))
	for token, want := range map[string]int{"right": 200, "wrong": 401} {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, g.APIURL+"/gateway/bot", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bot "+token)
		response, err := g.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Shards int    `json:"shards"`
			URL    string `json:"url"`
		}
		_ = json.NewDecoder(response.Body).Decode(&answer)
		response.Body.Close()
		if response.StatusCode != want || want == 200 && (answer.Shards != 5 || answer.URL != g.URL) {
			t.Errorf("token %s: %d %+v", token, response.StatusCode, answer)
		}
	}
}

func TestSilentClientIsNoticed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork())
		ready(t, g, 0, 1)
		time.Sleep(2 * time.Minute)
		if v := g.Violations(); len(v) != 1 || v[0].Rule != "heartbeat" {
			t.Errorf("violations: %v", v)
		}
	})
}
