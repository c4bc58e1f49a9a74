package gatewaytest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// virtual runs f in a bubble, with a server on the virtual network.
func virtual(t *testing.T, f func(*testing.T, *gatewaytest.Server), opts ...gatewaytest.Option) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f(t, gatewaytest.NewServer(t, append(opts, gatewaytest.WithVirtualNetwork())...))
	})
}

func rules(g *gatewaytest.Server) (rules []string) {
	for _, v := range g.Violations() {
		rules = append(rules, v.Rule)
	}
	return rules
}

// greeted is a client that has read Hello and sent what is given.
func greeted(t *testing.T, g *gatewaytest.Server, send string) *client {
	t.Helper()
	c := connect(t, g)
	if p, code := c.next(); p.Op != 10 {
		t.Fatalf("no Hello: %+v, %d", p, code)
	}
	c.send(send)
	return c
}

func identifyWith(intents, shard, total int) string {
	return fmt.Sprintf(identify, intents, shard, total)
}

func resumeWith(id string, seq int) string {
	return fmt.Sprintf(`{"op":6,"d":{"token":"t","session_id":%q,"seq":%d}}`, id, seq)
}

func TestMembers(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		c := greeted(t, g, identifyWith(1<<1, 0, 1))
		c.next() // READY
		const full = `{"op":8,"d":{"guild_id":"5","query":"","limit":0,"nonce":"n"}}`
		c.send(full)
		for index, want := range []int{1000, 1000, 500} {
			p, _ := c.next()
			var chunk events.GuildMembersChunk
			if err := json.Unmarshal(p.D, &chunk); err != nil {
				t.Fatal(err)
			}
			if len(chunk.Members) != want || chunk.ChunkIndex != index || chunk.ChunkCount != 3 || chunk.Nonce != "n" {
				t.Errorf("chunk: %d members, %d of %d, nonce %q", len(chunk.Members), chunk.ChunkIndex, chunk.ChunkCount, chunk.Nonce)
			}
		}
		time.Sleep(10 * time.Second)
		c.send(full)
		p, _ := c.next()
		if want := `{"meta":{"guild_id":"5","nonce":"n"},"opcode":8,"retry_after":20}`; p.T != "RATE_LIMITED" || string(p.D) != want {
			t.Errorf("%s %s, want %s", p.T, p.D, want)
		}
		for _, ask := range []struct {
			d        string
			members  int
			notFound []events.Snowflake
		}{
			{`{"guild_id":"5","user_ids":["7","99999"]}`, 1, []events.Snowflake{99999}},
			{`{"guild_id":"5","query":"member-1","limit":7}`, 7, nil},
			{`{"guild_id":"5","query":"member-1","limit":1000}`, 100, nil},
			{`{"guild_id":"5","query":"nobody","limit":1}`, 0, nil},
		} {
			c.send(`{"op":8,"d":` + ask.d + `}`)
			p, _ := c.next()
			var chunk events.GuildMembersChunk
			if err := json.Unmarshal(p.D, &chunk); err != nil {
				t.Fatal(err)
			}
			if len(chunk.Members) != ask.members || fmt.Sprint(chunk.NotFound) != fmt.Sprint(ask.notFound) || chunk.Nonce != "" {
				t.Errorf("%s: %d members, not found %v, nonce %q", ask.d, len(chunk.Members), chunk.NotFound, chunk.Nonce)
			}
		}
		g.RequireNoViolations(t)
	}, gatewaytest.WithMembers(2500))
}

func TestVoiceSoundsAndChannels(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		c := greeted(t, g, identifyWith(1<<7, 0, 1))
		c.next() // READY
		voice := func(channel string) string {
			return `{"op":4,"d":{"guild_id":"5","channel_id":` + channel + `,"self_mute":false,"self_deaf":true}}`
		}
		for _, step := range []struct {
			send string
			want string
		}{
			{voice(`"1"`), "VOICE_STATE_UPDATE VOICE_SERVER_UPDATE"}, // join
			{voice(`"1"`), "VOICE_STATE_UPDATE"},                     // mute or deaf
			{voice(`"2"`), "VOICE_STATE_UPDATE VOICE_SERVER_UPDATE"}, // move
			{voice(`null`), "VOICE_STATE_UPDATE"},                    // leave
			{`{"op":31,"d":{"guild_ids":["5","6"]}}`, "SOUNDBOARD_SOUNDS SOUNDBOARD_SOUNDS"},
			{`{"op":43,"d":{"guild_id":"5","fields":["status"]}}`, "CHANNEL_INFO"},
			{`{"op":3,"d":{"since":null,"activities":[],"status":"idle","afk":false}}`, ""},
		} {
			c.send(step.send)
			c.send(`{"op":1,"d":null}`) // its ACK ends what the step was answered with
			var got []string
			for p, code := c.next(); p.Op != 11; p, code = c.next() {
				if got = append(got, p.T); code != 0 {
					t.Fatalf("%s: close code %d", step.send, code)
				}
			}
			if strings.Join(got, " ") != step.want {
				t.Errorf("%s: %v, want %s", step.send, got, step.want)
			}
		}
		g.RequireNoViolations(t)
	})
}

func TestOnlyWrittenDown(t *testing.T) {
	const presence = `{"op":3,"d":{"since":null,"activities":[],"status":"online","afk":false}}`
	for _, test := range []struct {
		rule, send string
		times      int
	}{
		{"presences", presence, 6},
		{"wrong shard", `{"op":8,"d":{"guild_id":"4194304","user_ids":["1"]}}`, 1}, // 1<<22 is of shard 1 of 2
		{"heartbeat", `{"op":1,"d":"x"}`, 1},
	} {
		t.Run(test.rule, func(t *testing.T) {
			virtual(t, func(t *testing.T, g *gatewaytest.Server) {
				c, _ := ready(t, g, 0, 2)
				for range test.times - 1 {
					c.send(test.send)
				}
				synctest.Wait()
				g.RequireNoViolations(t) // not yet
				c.send(test.send)
				synctest.Wait()
				if got := rules(g); fmt.Sprint(got) != "["+test.rule+"]" {
					t.Errorf("violations: %v", got)
				}
				if !g.Shard(0).Live() {
					t.Error("the connection was closed")
				}
			})
		})
	}
}

func TestBudgetResetsTheToken(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		first, id := ready(t, g, 0, 2)
		time.Sleep(5 * time.Second)
		g.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == events.OpIdentify }) // it counts all the same
		greeted(t, g, identifyWith(0, 1, 2))
		if _, code := first.next(); code != 4004 {
			t.Errorf("the other connection: close code %d", code)
		}
		g.OnFrame(nil)
		if _, code := greeted(t, g, resumeWith(id, 1)).next(); code != 4004 {
			t.Errorf("a Resume after the reset: close code %d", code)
		}
		if got := fmt.Sprint(rules(g)); got != "[budget token]" {
			t.Errorf("violations: %s", got)
		}
	}, gatewaytest.WithSessionStarts(1, 1, time.Hour))
}

func TestQueries(t *testing.T) {
	for query, want := range map[string]int{
		"v=9&encoding=json": 4012, "encoding=json": 4012, "v=10&encoding=etf": 4002,
		"v=10&encoding=json&compress=gzip": 4002,
	} {
		t.Run(query, func(t *testing.T) {
			virtual(t, func(t *testing.T, g *gatewaytest.Server) {
				c := dial(t, g, "/?"+query)
				if _, code := c.next(); code != want || fmt.Sprint(rules(g)) != "[query]" {
					t.Errorf("close code %d, want %d; %v", code, want, rules(g))
				}
			}, gatewaytest.WithExact())
		})
	}
}

func TestLateness(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		c, _ := ready(t, g, 0, 1)
		beat := func(after time.Duration) {
			time.Sleep(after)
			c.send(`{"op":1,"d":1}`)
			synctest.Wait()
		}
		beat(9 * time.Second)
		beat(10 * time.Second)
		beat(5 * time.Second) // beside the rhythm
		beat(5 * time.Second)
		if late := g.Stats().Lateness; late != 0 {
			t.Errorf("lateness of a good client: %v", late)
		}
		beat(12 * time.Second)
		if late := g.Stats().Lateness; late != 2*time.Second {
			t.Errorf("lateness %v, want 2s", late)
		}
		g.RequireNoViolations(t)
	}, gatewaytest.WithHeartbeatInterval(10*time.Second))
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	for option, opt := range map[string]gatewaytest.Option{
		"WithShards": gatewaytest.WithShards(0), "WithMaxConcurrency": gatewaytest.WithMaxConcurrency(0),
		"WithSessionStarts": gatewaytest.WithSessionStarts(1, -1, time.Hour), "WithMembers": gatewaytest.WithMembers(-1),
		"WithHeartbeatInterval": gatewaytest.WithHeartbeatInterval(0), "WithAllowedIntents": gatewaytest.WithAllowedIntents(1 << 17),
	} {
		_, err := gatewaytest.Start(opt)
		var bad *gatewaytest.OptionError
		if !errors.As(err, &bad) || bad.Option != option {
			t.Errorf("%s: %v", option, err)
		}
	}
}
