package gatewaytest_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// notes are what a server notes.
type notes struct {
	mu  sync.Mutex
	all []string
}

func (n *notes) option() gatewaytest.Option {
	return gatewaytest.WithTrace(func(e gatewaytest.Entry) {
		if n.mu.Lock(); e.Kind == gatewaytest.Noted {
			n.all = append(n.all, e.Text)
		}
		n.mu.Unlock()
	})
}

// holds reports whether there is one note alone, which names a field; "": none.
func (n *notes) holds(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if name == "" {
		return len(n.all) == 0
	}
	return len(n.all) == 1 && strings.Contains(n.all[0], name)
}

const full = `{"op":8,"d":{"guild_id":%s,"query":"","limit":0}}`

// TestWhatDiscordTakes is taken, with a note where it is not documented, and WithExact takes none of it.
func TestWhatDiscordTakes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, query, note string
		binary            bool
		send, wants       string
		code              int    // with WithExact
		rule              string // with WithExact
	}{
		{"version 9", "v=9&encoding=json", "", false, identifyWith(0, 0, 1), `READY "v":9 "private_channels":[]`, 4012, "query"},
		{"version 6", "v=6&encoding=json", "v=6", false, identifyWith(0, 0, 1), `READY "v":6`, 4012, "query"},
		{"no version", "encoding=json", "version 6", false, identifyWith(0, 0, 1), `READY "v":6`, 4012, "query"},
		{"no encoding", "v=10", "encoding", false, identifyWith(0, 0, 1), `READY "v":10`, 4002, "query"},
		{"binary", "v=10&encoding=json", "binary", true, identifyWith(0, 0, 1), `READY`, 4002, "payload"},
		{"no d", "v=10&encoding=json", "heartbeat", false, `{"op":1}`, "11", 0, "heartbeat"},
		{"compress", "v=10&encoding=json", "compress", false, `{"op":2,"d":{"token":"t","properties":{},"intents":0,"compress":"zlib-stream"}}`, `READY`, 4001, "payload"},
		{"a list of one", "v=10&encoding=json", "guild_id", false, identifyWith(2, 0, 1) + "\n" + fmt.Sprintf(full, `["5"]`), `GUILD_MEMBERS_CHUNK "guild_id":"5"`, 4001, "payload"},
	} {
		for _, exact := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, exact %v", test.name, exact), func(t *testing.T) {
				n, opts := new(notes), []gatewaytest.Option(nil)
				if exact {
					opts = append(opts, gatewaytest.WithExact())
				}
				virtual(t, func(t *testing.T, g *gatewaytest.Server) {
					c := dial(t, g, "/?"+test.query)
					kind := websocket.TextMessage
					if test.binary {
						kind = websocket.BinaryMessage
					}
					var got []string
					var code int
					for _, line := range strings.Split(test.send, "\n") {
						_ = c.ws.WriteMessage(kind, []byte(line))
					}
					for range 1 + strings.Count(test.send, "\n") + 1 { // Hello, and an answer to each
						var p payload
						if p, code = c.next(); code != 0 {
							break
						}
						got = append(got, fmt.Sprint(p.Op, p.T, " ", string(p.D)))
					}
					last, taken := strings.Join(got[max(0, len(got)-1):], ""), code == 0
					for _, want := range strings.Fields(test.wants) {
						taken = taken && strings.Contains(last, want)
					}
					switch {
					case !exact && (!taken || !n.holds(test.note) || len(g.Violations()) > 0):
						t.Errorf("it got %q and close code %d, notes %q, violations %v", got, code, n.all, g.Violations())
					case exact && (code != test.code || !slices.Equal(rules(g), []string{test.rule}) || !n.holds("")):
						t.Errorf("close code %d, want %d; notes %q, violations %v", code, test.code, n.all, g.Violations())
					}
				}, append(opts, n.option(), calm)...)
			})
		}
	}
}

// TestIdentifySpacingTolerance: as Discord does, the server takes an Identify that the network made a little early.
func TestIdentifySpacingTolerance(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		after time.Duration
		exact bool
		rules string
	}{
		{4750 * time.Millisecond, false, "[]"},
		{4749 * time.Millisecond, false, "[identify spacing identify concurrency]"},
		{4999 * time.Millisecond, true, "[identify spacing identify concurrency]"},
		{5 * time.Second, true, "[]"},
	} {
		t.Run(fmt.Sprint(test.after, test.exact), func(t *testing.T) {
			opts := []gatewaytest.Option{gatewaytest.WithMaxConcurrency(1)}
			if test.exact {
				opts = append(opts, gatewaytest.WithExact())
			}
			virtual(t, func(t *testing.T, g *gatewaytest.Server) {
				ready(t, g, 0, 2)
				c := connect(t, g)
				c.next()
				time.Sleep(test.after)
				c.send(identifyWith(0, 1, 2))
				synctest.Wait()
				if got := fmt.Sprint(rules(g)); got != test.rules {
					t.Errorf("an Identify after %v: %s, want %s", test.after, got, test.rules)
				}
			}, opts...)
		})
	}
}

// TestEarlyIdentifyIsOneViolation, of each rule, however many came before it: a client in a hot loop is counted, and not squared.
func TestEarlyIdentifyIsOneViolation(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		ready(t, g, 0, 2)
		for range 3 {
			time.Sleep(time.Second)
			c := connect(t, g)
			c.next()
			c.send(identifyWith(0, 1, 2))
			synctest.Wait()
		}
		all := g.Violations()
		if got, want := fmt.Sprint(rules(g)), "[identify spacing identify concurrency identify spacing identify concurrency identify spacing identify concurrency]"; got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		if last := all[len(all)-2]; last.Detail != "key 0 again after 1s" {
			t.Errorf("the last one says %q", last.Detail)
		}
	})
}

// TestRefusalsNameTheField, in the close reason behind Discord's own text, and in the violation.
func TestRefusalsNameTheField(t *testing.T) {
	t.Parallel()
	identify := func(rest string) string {
		return `{"op":2,"d":{"token":"t","properties":{},"intents":0` + rest + `}}`
	}
	for _, test := range []struct{ name, query, send, reason string }{
		{"etf", "v=10&encoding=etf", "", "Decode error: encoding=etf is not spoken here: ask for encoding=json, without erlpack"},
		{"version", "v=11&encoding=json", "", `Invalid API version: v="11" is not spoken here: ask for v=10`},
		{"gzip", "v=10&encoding=json&compress=gzip", "", `Decode error: compress="gzip" is not spoken here: ask for zlib-stream or zstd-stream`},
		{"no token", "", `{"op":2,"d":{"properties":{},"intents":0}}`, "Unknown opcode: Identify: token is missing"},
		{"no object", "", `{"op":2,"d":[]}`, "Unknown opcode: Identify: d is a list: it has to be an object"},
		{"token", "", `{"op":2,"d":{"token":5,"properties":{},"intents":0}}`, "Unknown opcode: Identify: token is a number: it has to be a string"},
		{"properties", "", `{"op":2,"d":{"token":"t","intents":0}}`, "Unknown opcode: Identify: properties is missing"},
		{"compress", "", identify(`,"compress":1`), "Unknown opcode: Identify: compress is a number: it has to be a boolean"},
		{"threshold", "", identify(`,"large_threshold":5`), "Unknown opcode: Identify: large_threshold is 5: 50 to 250"},
		{"shard", "", identify(`,"shard":[3,2]`), "Invalid shard: shard is [3,2]: an index from 0, and a total above it"},
		{"intents", "", `{"op":2,"d":{"token":"t","properties":{},"intents":131072}}`, "Invalid intent(s): intents is 131072: it has bits that no intent has"},
		{"seq", "", `{"op":6,"d":{"token":"t","session_id":"x"}}`, "Unknown opcode: Resume: seq is missing"},
		{"guilds", "", identify("") + "\n" + fmt.Sprintf(full, `["5","6"]`), "Unknown opcode: Request Guild Members (8): guild_id is a list of 2: ask for one guild"},
		{"user_ids", "", identify("") + "\n" + `{"op":8,"d":{"guild_id":"5","user_ids":true}}`, "Unknown opcode: Request Guild Members (8): user_ids is a boolean: it has to be an id"},
		{"query", "", identify("") + "\n" + `{"op":8,"d":{"guild_id":"5","query":5}}`, "Unknown opcode: Request Guild Members (8): query is a number: it has to be a string"},
		{"afk", "", identify("") + "\n" + `{"op":3,"d":{"activities":[],"status":"online"}}`, "Unknown opcode: Presence Update (3): afk is missing"},
		{"channel_id", "", identify("") + "\n" + `{"op":4,"d":{"guild_id":"5","self_mute":false,"self_deaf":false}}`, "Unknown opcode: Voice State Update (4): channel_id is missing"},
		{"guild_ids", "", identify("") + "\n" + `{"op":31,"d":{"guild_ids":"5"}}`, "Unknown opcode: Request Soundboard Sounds (31): guild_ids is a string: it has to be a list of ids"},
		{"fields", "", identify("") + "\n" + `{"op":43,"d":{"guild_id":"5"}}`, "Unknown opcode: Request Channel Info (43): fields is missing"},
		{"a long one", "", `{"op":2,"d":{"token":"t","properties":{},"intents":0,"shard":"` + strings.Repeat("é", 60) + `"}}`, "Invalid shard: shard is "},
	} {
		t.Run(test.name, func(t *testing.T) {
			virtual(t, func(t *testing.T, g *gatewaytest.Server) {
				query := test.query
				if query == "" {
					query = "v=10&encoding=json"
				}
				c := dial(t, g, "/?"+query)
				for _, line := range strings.Split(test.send, "\n") {
					if line != "" {
						c.send(line)
					}
				}
				var err error
				for err == nil {
					_, _, err = c.ws.ReadMessage()
				}
				closed, ok := err.(*websocket.CloseError)
				violations := g.Violations()
				if !ok || !strings.HasPrefix(closed.Text, test.reason) || len(violations) != 1 {
					t.Fatalf("%v; violations %v; want %s", err, violations, test.reason)
				}
				if _, detail, _ := strings.Cut(closed.Text, ": "); !strings.HasPrefix(violations[0].Detail, detail) {
					t.Errorf("the violation says %q", violations[0].Detail)
				}
			}, calm)
		})
	}
}

// TestRefusalsQuoteNoToken: what a client sends in the wrong place may be a secret.
func TestRefusalsQuoteNoToken(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		c := connect(t, g)
		c.send(`{"op":2,"d":{"token":["secret"],"properties":{"os":["secret"]},"intents":0}}`)
		var err error
		for err == nil {
			_, _, err = c.ws.ReadMessage()
		}
		if all := fmt.Sprint(err, g.Violations()); strings.Contains(all, "secret") || !websocket.IsCloseError(err, int(events.CloseUnknownOpcode)) {
			t.Error(all)
		}
	})
}
