package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// simulated runs gatewaysim in virtual time for a minute, with a client, and returns its exit status and what it printed.
func simulated(t *testing.T, client func(*testing.T, *gatewaytest.Server), args ...string) (status int, output string) {
	t.Helper()
	var printed bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		o, err := parse(append([]string{"-for", "1m", "-addr", "127.0.0.1:0", "-control="}, args...), noEnvironment)
		if err != nil {
			t.Fatal(err)
		}
		report := newReport(&printed, o)
		server, err := start(o, gatewaytest.WithTrace(report.entry), gatewaytest.WithVirtualNetwork())
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan int)
		go func() { done <- simulate(t.Context(), server, o, report) }()
		client(t, server)
		status = <-done
		report.close()
	})
	return status, printed.String()
}

// identify opens a connection, sends what it is given after Hello, and returns what comes until the connection ends.
func identify(t *testing.T, server *gatewaytest.Server, sends ...string) (got []string) {
	t.Helper()
	dialer := websocket.Dialer{NetDialContext: server.DialContext, TLSClientConfig: &tls.Config{RootCAs: server.RootCAs(), ServerName: "localhost"}}
	ws, _, err := dialer.DialContext(t.Context(), server.URL+"/?v=10&encoding=json", nil)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer ws.Close()
	for {
		_, text, err := ws.ReadMessage()
		if err != nil {
			return append(got, err.Error())
		}
		if got = append(got, string(text)); len(got) == 1 {
			for _, send := range sends {
				if err := ws.WriteMessage(websocket.TextMessage, []byte(send)); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

const goodIdentify = `{"op":2,"d":{"token":"canary","intents":33281,"shard":[0,1],"properties":{"os":"","browser":"","device":""}}}`

// TestSay: what -say gives is said to every shard that is connected, as often as -events gives, and by the same members for the same seed.
func TestSay(t *testing.T) {
	t.Parallel()
	heard := func(seed string) (all []string) {
		status, output := simulated(t, func(t *testing.T, server *gatewaytest.Server) {
			m, err := shardmanager.New("token", shardmanager.WithGateway(server), shardmanager.WithLogger(zap.NewNop()),
				shardmanager.WithIntents(events.IntentGuildMessages|events.IntentMessageContent))
			if err != nil {
				t.Fatal(err)
			}
			shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, at events.Meta) {
				if at.Shard.Index == 1 {
					all = append(all, fmt.Sprint(e.Content, " of ", e.Author.ID, " in ", e.GuildID))
				}
			})
			if err := m.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Second)
			if err := m.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}, "-shards", "2", "-events", "3", "-say", "!ping", "-members", "9", "-seed", seed)
		if status != 0 || !strings.HasSuffix(output, "\n0 violations\n") {
			t.Errorf("status %d: %s", status, output)
		}
		return all[:min(60, len(all))] // when the first and the last second of a shard are is not the seed's affair
	}
	first, again, other := heard("1"), heard("1"), heard("2")
	if len(first) < 60 || !strings.HasPrefix(first[0], "!ping of ") {
		t.Fatalf("%d messages: %q", len(first), first)
	}
	if !slices.Equal(first, again) || slices.Equal(first, other) {
		t.Error("the seed does not decide who writes where")
	}
}

// TestSayWhileGuildsGo: a guild that is removed is written to no more, and nothing else ends.
func TestSayWhileGuildsGo(t *testing.T) {
	t.Parallel()
	status, output := simulated(t, func(t *testing.T, server *gatewaytest.Server) {
		go func() {
			time.Sleep(10 * time.Second)
			for _, guild := range server.World().Guilds(events.ShardID{Total: 1}) {
				server.World().RemoveGuild(guild)
			}
			say(server.World(), gatewaytest.GuildOf(events.ShardID{Total: 1}, 0), 1, "too late")
		}()
		if got := identify(t, server, goodIdentify); strings.Count(strings.Join(got, "\n"), "MESSAGE_CREATE") < 5 {
			t.Errorf("heard %q", got)
		}
	}, "-shards", "1", "-say", "x")
	if status != 0 {
		t.Errorf("status %d: %s", status, output)
	}
}

// TestViolationsAreToldAtOnceAndCounted: as text, and as JSON; -quiet leaves out the rest; the token is nowhere.
func TestViolationsAreToldAtOnceAndCounted(t *testing.T) {
	t.Parallel()
	bad := func(t *testing.T, server *gatewaytest.Server) {
		identify(t, server, strings.Replace(goodIdentify, `"intents":33281`, `"intents":2`, 1))
		time.Sleep(10 * time.Second)
		identify(t, server, strings.Replace(goodIdentify, `"shard":[0,1]`, `"shard":[0,1],"compress":"x"`, 1), `{"op":1,"d":1}`, `{"op":99}`)
	}
	for _, test := range []struct {
		args []string
		want []string
		not  []string
	}{
		{nil, []string{"REST base  http://127.0.0.1:80/api/v10\n", "violation: shard 0/1 connection 1 intents: intents: GUILD_MEMBERS is not allowed", "note: ", "connections 2 (", `violations: 1 "intents", `}, []string{"received"}},
		{[]string{"-quiet"}, []string{"violation: ", `violations: 1 "intents", `}, []string{"note: ", "(1 now)"}},
		{[]string{"-trace"}, []string{"received ", `Identify (2) {`, `"token":"…"`, "dispatched ", "READY sequence 1\n", " closing ", "gone "}, nil},
	} {
		status, output := simulated(t, bad, append(test.args, "-intents", "all,-GUILD_MEMBERS")...)
		if status != violated {
			t.Errorf("%q: status %d", test.args, status)
		}
		for _, want := range test.want {
			if !strings.Contains(output, want) {
				t.Errorf("%q: it does not print %q:\n%s", test.args, want, output)
			}
		}
		for _, not := range append(test.not, "canary") {
			if strings.Contains(output, not) {
				t.Errorf("%q: it prints %q:\n%s", test.args, not, output)
			}
		}
	}
}

// TestJSON: with -json every line is an object with its time and kind, from the address to the summary, and no secret is in any.
func TestJSON(t *testing.T) {
	t.Parallel()
	status, output := simulated(t, func(t *testing.T, server *gatewaytest.Server) {
		identify(t, server, goodIdentify, `{"op":99}`)
	}, "-json", "-trace", "-say", "x")
	if status != violated || strings.Contains(output, "canary") {
		t.Errorf("status %d:\n%s", status, output)
	}
	var kinds []string
	var last map[string]any
	for line := range strings.Lines(output) {
		last = nil
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(last["time"])); err != nil {
			t.Error(err)
		}
		kinds = append(kinds, fmt.Sprint(last["kind"]))
	}
	if kinds[0] != "listening" || !slices.Contains(kinds, "violated") || !slices.Contains(kinds, "stats") || kinds[len(kinds)-1] != "summary" || last["text"] == nil || last["violations"] == nil {
		t.Errorf("kinds %v, the last %v", kinds, last)
	}
}

// TestFlagsReachTheServer: what the flags say of the gateway, a client gets.
func TestFlagsReachTheServer(t *testing.T) {
	t.Parallel()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	simulated(t, func(t *testing.T, server *gatewaytest.Server) {
		get := func(path string) string {
			request, err := http.NewRequestWithContext(t.Context(), "GET", server.APIURL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bot canary")
			response, err := server.Client().Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(response.StatusCode, " ", response.Header.Get("X-RateLimit-Limit"), " ", string(text))
		}
		discovered, self := get("/gateway/bot"), get("/users/@me")
		got := strings.Join(identify(t, server, goodIdentify), "\n")
		for text, wants := range map[string][]string{
			discovered: {`"shards":7`, `"max_concurrency":3`, `"total":10`, `"remaining":5`, `"reset_after":3600000`, `"url":"wss://gateway.example.test"`},
			self:       {"200 9 "},
			got:        {`"heartbeat_interval":5000`, `"resume_gateway_url":"wss://gateway.example.test/resume"`, `"member_count":12`},
		} {
			for _, want := range wants {
				if !strings.Contains(text, want) {
					t.Errorf("%s is not in %.600s", want, text)
				}
			}
		}
		if n := strings.Count(got, `"GUILD_CREATE"`); n != 4 {
			t.Errorf("%d guilds, want 4", n)
		}
		if wrong := identify(t, server, strings.Replace(goodIdentify, "canary", "another", 1)); !strings.Contains(wrong[len(wrong)-1], "4004") {
			t.Errorf("with another token: %q", wrong)
		}
	}, "-shards", "7", "-max-concurrency", "3", "-budget", "10,5,1h", "-public-url", "wss://gateway.example.test", "-tls", "-tls-ca", ca, "-call-limit", "9/1s",
		"-heartbeat", "5s", "-members", "11", "-guilds", "4", "-token", "canary")
	if pem, err := os.ReadFile(ca); err != nil || !strings.HasPrefix(string(pem), "-----BEGIN CERTIFICATE-----") || strings.Contains(string(pem), "KEY") {
		t.Errorf("-tls-ca wrote %s, %v", pem, err)
	}
}

// TestSignalEndsItInOrder: when the context ends, as by a signal, the summary is printed. On a port, as it is used.
func TestSignalEndsItInOrder(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	done := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		done <- run(ctx, []string{"-addr", "127.0.0.1:0", "-control=", "-json"}, noEnvironment, write, &stderr)
		_ = write.Close() // it is a pipe
	}()
	lines := json.NewDecoder(read)
	var first, last struct{ Kind, API string }
	if err := lines.Decode(&first); err != nil || first.Kind != "listening" {
		t.Fatalf("%+v, %v", first, err)
	}
	response, err := http.Get(first.API + "/gateway")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // the status is all that matters
	cancel()
	for lines.More() {
		if err := lines.Decode(&last); err != nil {
			t.Fatal(err)
		}
	}
	if status := <-done; status != 0 || response.StatusCode != 200 || last.Kind != "summary" || stderr.Len() > 0 {
		t.Errorf("status %d, GET /gateway %d, the last line is %+v; %s", status, response.StatusCode, last, &stderr)
	}
}

// TestSecondOneLeavesTheFirstAlone: where the address is taken, the file of the CA stays that of the server which has it.
func TestSecondOneLeavesTheFirstAlone(t *testing.T) {
	t.Parallel()
	first, err := gatewaytest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte("of the first"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	args := []string{"-control=", "-addr", strings.TrimPrefix(first.URL, "ws://"), "-tls", "-tls-ca", ca}
	if status := run(t.Context(), args, noEnvironment, &stdout, &stderr); status != unusable || !strings.Contains(stderr.String(), "gatewaysim: -addr: ") {
		t.Errorf("status %d: %s", status, &stderr)
	}
	if text, err := os.ReadFile(ca); err != nil || string(text) != "of the first" {
		t.Errorf("the file has %q now, %v", text, err)
	}
}
