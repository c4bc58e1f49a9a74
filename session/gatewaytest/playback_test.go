package gatewaytest_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// taped is a recording: a line for each thing, "shard conn seconds kind", and then what the kind has.
func taped(lines ...string) string {
	text := `{"kind":"recording","version":1,"began":"2026-01-01T00:00:00Z"}` + "\n"
	for _, line := range lines {
		var shard, conn int
		var at float64
		var kind string
		if _, err := fmt.Sscan(line, &shard, &conn, &at, &kind); err != nil {
			panic(err)
		}
		more := ""
		if _, rest, has := strings.Cut(line, kind+" "); has {
			more = "," + rest
		}
		text += fmt.Sprintf(`{"shard":%d,"total":2,"conn":%d,"at":%d,"kind":%q%s}`, shard, conn, int64(at*1e9), kind, more) + "\n"
	}
	return text
}

// data is a payload of a recording.
func data(payload string) string { return fmt.Sprintf(`"data":%q`, payload) }

const recordedHello = `{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":45000}}`

func recordedReady(shard int) string {
	return fmt.Sprintf(`{"t":"READY","s":1,"op":0,"d":{"session_id":"session-%d","resume_gateway_url":"wss://resume-%d.invalid"}}`, shard, shard)
}

// twoShards is a recording of shard 0, whose connection is closed, whose dial is refused, and which resumes, and of shard 1, which identifies before that.
func twoShards() string {
	return taped(
		"0 1 0 dial", "0 1 0 connected", "0 1 0 read "+data(recordedHello), `0 1 1 write "op":2,`+data(`{}`), "0 1 3 read "+data(recordedReady(0)),
		`0 1 10 write "op":1`, `0 1 10.5 read `+data(`{"op":11}`), `0 1 20 write "op":1`,
		`0 1 30 write "op":8,`+data(`{"op":8,"d":{"nonce":"theirs"}}`), "0 1 31 read "+data(`{"op":0,"s":2,"t":"GUILD_MEMBERS_CHUNK","d":{"nonce":"theirs"}}`),
		`0 1 31 move "from":"Ready","to":"Ready"`, `0 1 40 lost "code":4000,"text":"Unknown error."`,
		"0 2 41 dial", `0 2 42 lost "status":503,"retry_after":7000000000`,
		"1 1 45 dial", "1 1 45 connected", "1 1 45 read "+data(recordedHello), `1 1 45 write "op":2,`+data(`{}`), "1 1 46 read "+data(recordedReady(1)),
		"0 3 50 dial", "0 3 50 connected", "0 3 50 read "+data(recordedHello), `0 3 50 write "op":6,`+data(`{}`), "0 3 51 read "+data(`{"op":0,"s":3,"t":"RESUMED","d":{}}`), "0 3 55 lost",
	)
}

// TestPlaybackFollowsTheClient: it begins when it identifies, and its heartbeats, requests and nonces are its own.
func TestPlaybackFollowsTheClient(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		began := time.Now()
		at := func(what string, want time.Duration) {
			t.Helper()
			if got := time.Since(began); got != want {
				t.Errorf("%s after %v, want %v", what, got, want)
			}
		}
		c := connect(t, g)
		if p, _ := c.next(); p.Op != 10 || string(p.D) != `{"heartbeat_interval":45000}` {
			t.Errorf("%+v", p)
		}
		time.Sleep(11 * time.Second)
		c.send(fmt.Sprintf(identify, 1, 0, 2)) // 10 s later than it was
		p, _ := c.next()
		if at("READY", 13*time.Second); p.T != "READY" || !strings.Contains(string(p.D), g.ResumeURL) {
			t.Errorf("%+v", p)
		}
		c.send(`{"op":1,"d":1}`)
		if p, _ := c.next(); p.Op != 11 {
			t.Errorf("%+v", p)
		}
		at("an ACK", 13500*time.Millisecond)
		c.send(`{"op":1,"d":1}`) // that has no ACK
		c.send(`{"op":8,"d":{"guild_id":"1","nonce":"mine"}}`)
		if p, _ := c.next(); p.T != "GUILD_MEMBERS_CHUNK" || string(p.D) != `{"nonce":"mine"}` {
			t.Errorf("%+v", p)
		}
		at("the chunk", 41*time.Second)
		_, _, err := c.ws.ReadMessage()
		var closed *websocket.CloseError
		if at("the end", 50*time.Second); !errors.As(err, &closed) || closed.Code != 4000 || closed.Text != "Unknown error." {
			t.Errorf("%v", err)
		}
		dialer := websocket.Dialer{NetDialContext: g.DialContext}
		_, response, err := dialer.DialContext(t.Context(), g.URL+"/?v=10&encoding=json", nil)
		if err == nil || response == nil || response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") != "7" {
			t.Fatalf("%v, %v", response, err)
		}
		at("the refusal", 51*time.Second)
		c = connect(t, g) // the recording has shard 1 here
		c.next()
		c.send(`{"op":6,"d":{"token":"t","session_id":"session-0","seq":2}}`)
		if p, _ := c.next(); p.T != "RESUMED" || p.S != 3 {
			t.Errorf("%+v", p)
		}
		at("RESUMED", 52*time.Second)
		if _, code := c.next(); code != 1006 {
			t.Errorf("closed with %d", code)
		}
		at("the loss", 56*time.Second)
		if n := g.Unplayed(); n != 3 {
			t.Errorf("%d steps are left, want those of shard 1", n)
		}
		c = greeted(t, g, fmt.Sprintf(identify, 1, 1, 2))
		if p, _ := c.next(); p.T != "READY" {
			t.Errorf("%+v", p)
		}
		if n := g.Unplayed(); n != 0 {
			t.Errorf("%d steps are left", n)
		}
		c = greeted(t, g, `{"op":1,"d":null}`) // beyond the recording
		if p, _ := c.next(); p.Op != 11 {
			t.Errorf("%+v", p)
		}
		if len(g.Violations()) > 0 || g.Stats().Identifies != 2 || g.Stats().Resumes != 1 || len(g.Frames(0)) != 6 || len(g.Frames(1)) != 1 {
			t.Errorf("%v, %+v, %d and %d frames", g.Violations(), g.Stats(), len(g.Frames(0)), len(g.Frames(1)))
		}
	}, gatewaytest.WithRecording(strings.NewReader(twoShards())))
}

// TestPlaybackGoesOn when a client does not send what it had sent: some seconds later.
func TestPlaybackGoesOn(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		c := greeted(t, g, fmt.Sprintf(identify, 1, 0, 2))
		c.next()
		began := time.Now()
		if p, _ := c.next(); p.T != "GUILD_MEMBERS_CHUNK" || string(p.D) != `{"nonce":"theirs"}` || time.Since(began) != 32*time.Second {
			t.Errorf("%+v, after %v", p, time.Since(began))
		}
		c.send(strings.Repeat("x", 5000))
		if _, code := c.next(); code != 4002 || len(g.Violations()) != 1 {
			t.Errorf("a payload too large: closed with %d, %v", code, g.Violations())
		}
	}, gatewaytest.WithRecording(strings.NewReader(twoShards())))
}

// TestBadRecordings are refused, but for one that was cut off.
func TestBadRecordings(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{}", "x", `{"kind":"recording","version":2}`, taped(), taped("0 1 0 dial") + "x", `{"kind":"dump"}`} {
		_, err := gatewaytest.Start(gatewaytest.WithVirtualNetwork(), gatewaytest.WithRecording(strings.NewReader(text)))
		var bad *gatewaytest.OptionError
		if !errors.As(err, &bad) || bad.Option != "WithRecording" {
			t.Errorf("%q: %v", text, err)
		}
	}
	whole := twoShards()
	g, err := gatewaytest.Start(gatewaytest.WithVirtualNetwork(), gatewaytest.WithRecording(strings.NewReader(whole[:len(whole)-20])))
	if err != nil {
		t.Fatal(err)
	}
	if g.Unplayed() == 0 {
		t.Error("nothing of it is left")
	}
	g.Close()
}
