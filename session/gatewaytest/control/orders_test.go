package control_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/session/gatewaytest/control"
)

const guild0 = `"8388608"` // of shard 0 of 2: GuildOf

// cases show for every order that it does what it says.
var cases = []struct {
	before []string // orders without which this one could not be
	order  string
	done   func(*bundle) bool
}{
	{nil, `{"do":"reconnect","shard":[1,0]}`, func(b *bundle) bool { return b.shards[0].heard("op 7") && b.shards[1].heard("op 7") }},
	{nil, `{"do":"invalid-session","shard":0}`, func(b *bundle) bool {
		return b.shards[0].heard("op 9") && !b.shards[1].heard("op 9") && string(b.shards[0].last) == "false" && b.Shards()[0].State == gatewaytest.ShardOver
	}},
	{nil, `{"do":"invalid-session","shard":0,"resumable":true}`, func(b *bundle) bool {
		return b.shards[0].heard("op 9") && string(b.shards[0].last) == "true" && b.Shards()[0].State == gatewaytest.ShardLost
	}},
	{nil, `{"do":"close","shard":"all"}`, func(b *bundle) bool { return b.shards[0].ended() == 4000 && b.shards[1].ended() == 4000 }},
	{nil, `{"do":"close","shard":1,"code":4014}`, func(b *bundle) bool { return b.shards[0].ended() == 0 && b.shards[1].ended() == 4014 }},
	{nil, `{"do":"drop","shard":1,"total":2}`, func(b *bundle) bool { return b.shards[0].ended() == 0 && b.shards[1].ended() != 0 }},
	{nil, `{"do":"cut","shard":1,"bytes":10}`, func(b *bundle) bool {
		b.Shard(1).Dispatch("TEST", strings.Repeat("x", 100))
		return b.shards[1].ended() != 0 && !b.shards[1].heard("TEST") && b.shards[0].ended() == 0
	}},
	{nil, `{"do":"mute","shard":0,"for":"5s"}`, func(b *bundle) bool {
		beat := func() int {
			b.shards[0].send(`{"op":1,"d":null}`)
			return b.shards[0].count("op 11")
		}
		first := beat()
		b.pass(5 * time.Second)
		return first == 0 && beat() == 1
	}},
	{nil, `{"do":"freeze","shard":0,"for":"5s"}`, func(b *bundle) bool {
		b.Shard(0).Dispatch("TEST", 1)
		during := b.shards[0].heard("TEST")
		b.pass(5 * time.Second)
		return !during && b.shards[0].heard("TEST")
	}},
	{[]string{`{"do":"freeze","shard":0}`}, `{"do":"freeze","shard":0,"on":false}`, func(b *bundle) bool {
		b.Shard(0).Dispatch("TEST", 1)
		return b.shards[0].heard("TEST")
	}},
	{nil, `{"do":"request-heartbeat","shard":0}`, func(b *bundle) bool { return b.shards[0].heard("op 1") }},
	{nil, `{"do":"lag","shard":0,"by":"3s","for":"1m"}`, func(b *bundle) bool {
		b.World().Typing(b.guild, 1)
		during := b.shards[0].heard("TYPING_START")
		b.pass(3 * time.Second)
		after := b.shards[0].heard("TYPING_START")
		b.pass(57 * time.Second)
		return !during && after && b.Shards()[0].Lag == 0
	}},
	{[]string{`{"do":"lag","shard":0,"by":"3s"}`}, `{"do":"lag","shard":0,"by":"0s"}`, func(b *bundle) bool { return b.Shards()[0].Lag == 0 }},
	{nil, `{"do":"lose","shard":0,"events":1}`, func(b *bundle) bool {
		b.World().Typing(b.guild, 1)
		b.World().Typing(b.guild, 1)
		return b.shards[0].count("TYPING_START") == 1
	}},
	{nil, `{"do":"send","shard":0,"payload":{"op":99}}`, func(b *bundle) bool { return b.shards[0].heard("op 99") }},
	{nil, `{"do":"send","shard":0,"payload":"{"}`, func(b *bundle) bool { return b.shards[0].ended() == -1 }},

	{nil, `{"do":"dispatch","type":"TEST","d":{"a":1},"shard":1,"times":3}`, func(b *bundle) bool {
		return b.shards[1].count("TEST") == 3 && b.shards[0].count("TEST") == 0 && string(b.shards[1].last) == `{"a":1}`
	}},
	{nil, `{"do":"dispatch","type":"TEST","d":{"a":1},"guild":` + guild0 + `}`, func(b *bundle) bool { return b.shards[0].heard("TEST") && !b.shards[1].heard("TEST") }},
	{nil, `{"do":"message","shard":"all","content":"hi","times":2}`, func(b *bundle) bool {
		return b.shards[0].count("MESSAGE_CREATE") == 2 && b.shards[1].count("MESSAGE_CREATE") == 2
	}},
	{nil, `{"do":"message","guild":0,"content":"hi","user":2}`, func(b *bundle) bool {
		return b.shards[0].heard("MESSAGE_CREATE") && !b.shards[1].heard("MESSAGE_CREATE")
	}},
	{[]string{`{"do":"message","shard":0,"id":77}`}, `{"do":"edit","message":77,"content":"new"}`, func(b *bundle) bool { return b.shards[0].heard("MESSAGE_UPDATE") }},
	{[]string{`{"do":"message","shard":0,"id":77}`}, `{"do":"delete","message":"77"}`, func(b *bundle) bool { return b.shards[0].heard("MESSAGE_DELETE") }},
	{nil, `{"do":"typing","guild":` + guild0 + `,"user":1}`, func(b *bundle) bool { return b.shards[0].heard("TYPING_START") }},
	{nil, `{"do":"join","shard":0,"fields":{"nick":"Ann"}}`, func(b *bundle) bool {
		return b.shards[0].heard("GUILD_MEMBER_ADD") && strings.Contains(string(b.shards[0].last), `"Ann"`)
	}},
	{nil, `{"do":"leave","shard":0,"user":1}`, func(b *bundle) bool { return b.shards[0].heard("GUILD_MEMBER_REMOVE") }},
	{nil, `{"do":"update-member","shard":0,"user":1,"fields":{"nick":"Ann"}}`, func(b *bundle) bool { return b.shards[0].heard("GUILD_MEMBER_UPDATE") }},
	{nil, `{"do":"presence","shard":0,"user":1,"status":"dnd","activities":[{"name":"chess","type":0}]}`, func(b *bundle) bool {
		return b.shards[0].heard("PRESENCE_UPDATE") && strings.Contains(string(b.shards[0].last), `"chess"`)
	}},
	{[]string{`{"do":"add-channel","shard":0,"name":"talk","fields":{"type":2}}`}, `{"do":"voice","shard":0,"user":1,"channel":5}`, func(b *bundle) bool { return b.shards[0].heard("VOICE_STATE_UPDATE") }},
	{nil, `{"do":"add-guild","guild":16777216}`, func(b *bundle) bool { return b.shards[0].count("GUILD_CREATE") == 2 }},
	{nil, `{"do":"update-guild","shard":0,"fields":{"name":"new"}}`, func(b *bundle) bool { return b.shards[0].heard("GUILD_UPDATE") }},
	{nil, `{"do":"remove-guild","shard":0}`, func(b *bundle) bool { return b.shards[0].heard("GUILD_DELETE") }},
	{nil, `{"do":"guild-outage","shard":0,"for":"5s"}`, func(b *bundle) bool {
		began, back := b.shards[0].count("GUILD_DELETE"), b.shards[0].count("GUILD_CREATE")
		b.pass(5 * time.Second)
		return began == 1 && back == 1 && b.shards[0].count("GUILD_CREATE") == 2
	}},
	{[]string{`{"do":"guild-outage","shard":0,"for":"5s"}`}, `{"do":"remove-guild","shard":0}`, func(b *bundle) bool {
		b.pass(5 * time.Second)
		return b.shards[0].count("GUILD_CREATE") == 1
	}},
	{nil, `{"do":"add-channel","shard":0,"name":"new"}`, func(b *bundle) bool { return b.shards[0].heard("CHANNEL_CREATE") }},
	{nil, `{"do":"update-channel","guild":` + guild0 + `,"channel":` + channel0() + `,"fields":{"name":"new"}}`, func(b *bundle) bool { return b.shards[0].heard("CHANNEL_UPDATE") }},
	{nil, `{"do":"remove-channel","guild":` + guild0 + `,"channel":` + channel0() + `}`, func(b *bundle) bool { return b.shards[0].heard("CHANNEL_DELETE") }},
	{nil, `{"do":"add-role","shard":0,"name":"new"}`, func(b *bundle) bool { return b.shards[0].heard("GUILD_ROLE_CREATE") }},
	{nil, `{"do":"update-role","guild":` + guild0 + `,"role":` + guild0 + `,"fields":{"name":"new"}}`, func(b *bundle) bool { return b.shards[0].heard("GUILD_ROLE_UPDATE") }},
	{nil, `{"do":"remove-role","guild":` + guild0 + `,"role":` + guild0 + `}`, func(b *bundle) bool { return b.shards[0].heard("GUILD_ROLE_DELETE") }},

	{nil, `{"do":"command","shard":0,"name":"roll","options":[{"name":"sides","value":6},{"name":"who","type":6,"value":"1"},{"name":"x","value":1.5}]}`, func(b *bundle) bool {
		return b.shards[0].heard("INTERACTION_CREATE") && strings.Contains(string(b.shards[0].last), `"value":6`) && strings.Contains(string(b.shards[0].last), `"resolved":{"members":{"1"`)
	}},
	{nil, `{"do":"interact","guild":0,"fields":{"type":2,"data":{"name":"roll"}}}`, func(b *bundle) bool { return b.shards[0].heard("INTERACTION_CREATE") }},

	{nil, `{"do":"outage","for":"5s"}`, func(b *bundle) bool {
		dropped, during := b.shards[0].ended(), b.call(http.MethodGet, "/gateway", "")
		b.pass(5 * time.Second)
		return dropped != 0 && during == 0 && b.call(http.MethodGet, "/gateway", "") == 200
	}},
	{[]string{`{"do":"outage","for":"5s"}`}, `{"do":"outage","for":"10s"}`, func(b *bundle) bool {
		b.pass(7 * time.Second)
		during := b.call(http.MethodGet, "/gateway", "")
		b.pass(3 * time.Second)
		return during == 0 && b.call(http.MethodGet, "/gateway", "") == 200
	}},
	{[]string{`{"do":"outage"}`}, `{"do":"outage","on":false}`, func(b *bundle) bool { return b.call(http.MethodGet, "/gateway", "") == 200 }},
	{nil, `{"do":"outage","host":"resume"}`, func(b *bundle) bool {
		_, err := b.DialContext(b.t.Context(), "tcp", "127.0.0.2:80")
		return err != nil && b.shards[0].ended() == 0 && b.call(http.MethodGet, "/gateway", "") == 200
	}},
	{nil, `{"do":"hang","for":"5s"}`, func(b *bundle) bool {
		began := time.Now()
		return b.call(http.MethodGet, "/gateway", "") == 0 && time.Since(began) == 5*time.Second && b.shards[0].ended() == 0
	}},
	{nil, `{"do":"forget-sessions"}`, func(b *bundle) bool {
		b.Shard(0).Drop()
		return b.Shards()[0].State == gatewaytest.ShardOver
	}},
	{nil, `{"do":"budget","remaining":0}`, func(b *bundle) bool { return b.refused(b.connect(0)) }},
	{nil, `{"do":"allow-intents","intents":["GUILDS","GUILD_MESSAGES"]}`, func(b *bundle) bool { return b.connect(0).ended() == 4014 }},
	{nil, `{"do":"no-hello","for":"5s"}`, func(b *bundle) bool {
		silent := !b.connect(-1).heard("op 10")
		b.pass(5 * time.Second)
		return silent && b.connect(-1).heard("op 10")
	}},
	{[]string{`{"do":"ignore","op":8}`}, `{"do":"ignore","op":8,"shard":1,"for":"5s"}`, func(b *bundle) bool {
		ask := func(s *shard, guild events.Snowflake) bool {
			s.send(fmt.Sprintf(`{"op":8,"d":{"guild_id":"%v","user_ids":["1"]}}`, guild))
			return s.heard("GUILD_MEMBERS_CHUNK")
		}
		other := gatewaytest.GuildOf(events.ShardID{Index: 1, Total: 2}, 0)
		answered, ignored := ask(b.shards[0], b.guild), !ask(b.shards[1], other)
		b.pass(5 * time.Second)
		return answered && ignored && ask(b.shards[1], other)
	}},
	{nil, `{"do":"limit-calls","for":"5s"}`, func(b *bundle) bool {
		during := b.call(http.MethodGet, "/users/@me", "")
		b.pass(5 * time.Second)
		return during == 429 && b.call(http.MethodGet, "/users/@me", "") == 200
	}},
	{[]string{`{"do":"limit-calls","for":"5s","route":"GET /users/@me"}`}, `{"do":"limit-calls","on":false,"route":"GET /users/@me"}`, func(b *bundle) bool {
		return b.call(http.MethodGet, "/users/@me", "") == 200
	}},
	{nil, `{"do":"fail-calls","times":1}`, func(b *bundle) bool {
		return b.call(http.MethodGet, "/gateway", "") == 502 && b.call(http.MethodGet, "/gateway", "") == 200
	}},
	{nil, `{"do":"fail-calls","route":"GET /guilds/{id}","status":0}`, func(b *bundle) bool {
		return b.call(http.MethodGet, "/guilds/8388608", "") == 0 && b.call(http.MethodGet, "/gateway", "") == 200
	}},
	{[]string{`{"do":"fail-calls","status":500}`}, `{"do":"fail-calls","after":"3s","for":"1m"}`, func(b *bundle) bool {
		began := time.Now()
		late := b.call(http.MethodGet, "/gateway", "") == 200 && time.Since(began) == 3*time.Second
		b.pass(time.Minute)
		began = time.Now()
		return late && b.call(http.MethodGet, "/gateway", "") == 200 && time.Since(began) == 0
	}},
}

func channel0() string { return `"` + (events.Snowflake(2<<22) + 1).String() + `"` }

// refused reports whether the latest Identify was.
func (b *bundle) refused(*shard) bool {
	synctest.Wait()
	return b.Stats().Refused == 1
}

func (b *bundle) byHTTP(order string) {
	b.t.Helper()
	if done := b.order(order); len(done) != 1 || !strings.Contains(order, `"do":"`+done[0].Do+`"`) {
		b.t.Errorf("%s: done is %+v", order, done)
	}
}

// byScenario gives an order as a scenario's step: JSON is YAML.
func (b *bundle) byScenario(order string) {
	b.t.Helper()
	scenario, err := control.ParseScenario([]byte("- " + order))
	if err != nil {
		b.t.Fatal(err)
	}
	if result := scenario.Run(b.t.Context(), b.port, nil); result.Err != nil {
		b.t.Errorf("%s: %v", order, result.Err)
	}
	synctest.Wait()
}

// TestOrders: every order does by HTTP, and as a step of a scenario, what it says.
func TestOrders(t *testing.T) {
	t.Parallel()
	shown := make(map[string]bool)
	for _, test := range cases {
		var order struct{ Do string }
		if err := json.Unmarshal([]byte(test.order), &order); err != nil {
			t.Fatal(err)
		}
		shown[order.Do] = true
		for _, by := range []func(*bundle, string){(*bundle).byHTTP, (*bundle).byScenario} {
			t.Run(order.Do, func(t *testing.T) {
				virtual(t, func(b *bundle) {
					for _, order := range test.before {
						by(b, order)
					}
					if by(b, test.order); !test.done(b) {
						t.Errorf("%s did not do it: shard 0 heard %q and ended with %d; shard 1 heard %q", test.order, b.shards[0].got, b.shards[0].ended(), b.shards[1].got)
					}
				})
			})
		}
	}
	shown["component"], shown["submit"] = true, true // see TestInteractions
	for _, name := range names(t) {
		if !shown[name] {
			t.Errorf("there is no case of %s", name)
		}
	}
}

// names are those of all orders, as the port tells them.
func names(t *testing.T) (all []string) {
	t.Helper()
	var orders []struct{ Do string }
	b := &bundle{Server: &gatewaytest.Server{}, t: t}
	b.handler = control.New(b.Server).Handler()
	if _, text := b.ask(http.MethodGet, "/orders", ""); json.Unmarshal([]byte(text), &orders) != nil || len(orders) < 30 {
		t.Fatalf("GET /orders: %s", text)
	}
	for _, order := range orders {
		all = append(all, order.Do)
	}
	return all
}

func TestOrdersTellWhatTheyHaveMade(t *testing.T) {
	virtual(t, func(b *bundle) {
		done := b.order(`[{"do":"message","shard":"all","times":2},{"do":"mute","shard":1,"for":"5s"},{"do":"add-guild"}]`)
		if len(done) != 3 || len(done[0].IDs) != 4 || len(done[0].Shards) != 2 || len(done[2].IDs) != 1 {
			t.Errorf("done: %+v", done)
		}
		if done[1].Until == nil || !done[1].Until.Equal(time.Now().Add(5*time.Second)) || !slices.Equal(done[1].Shards, []events.ShardID{{Index: 1, Total: 2}}) {
			t.Errorf("what lasts: %+v", done[1])
		}
	})
}

// TestWhatLastsEndsWithItsSession: the end of a freeze is not done to a session that came later, and an old one is thawed.
func TestWhatLastsEndsWithItsSession(t *testing.T) {
	virtual(t, func(b *bundle) {
		b.order(`{"do":"mute","shard":0,"for":"10s"}`)
		b.Shard(0).InvalidSession(false)
		b.pass(6 * time.Second)
		newer := b.connect(0)
		b.order(`{"do":"mute","shard":0,"for":"1m"}`)
		b.pass(10 * time.Second)
		newer.send(`{"op":1,"d":null}`)
		if newer.heard("op 11") {
			t.Error("an order of a former session ended what was done to the newest")
		}
	}, gatewaytest.WithParallelSessions())
}
