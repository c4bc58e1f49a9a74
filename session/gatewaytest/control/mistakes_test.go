package control_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

type mistake struct {
	Order              int
	Do, Field, Problem string
}

// mistakes gives orders that cannot be carried out.
func (b *bundle) mistakes(text string) (status int, done []result, errors []mistake) {
	b.t.Helper()
	status, answer := b.ask(http.MethodPost, "/orders", text)
	var all struct {
		Done   []result
		Errors []mistake
	}
	if err := json.Unmarshal([]byte(answer), &all); err != nil || len(all.Errors) == 0 {
		b.t.Fatalf("%s: %d %s", text, status, answer)
	}
	return status, all.Done, all.Errors
}

// TestMistakes: what is wrong is named by its field, with what it may be, before anything is done.
func TestMistakes(t *testing.T) {
	virtual(t, func(b *bundle) {
		for _, test := range []struct{ order, field, says string }{
			{`{`, "", "the body is no JSON"},
			{`{"do":"outage"} {"do":"outage"}`, "", "several orders are a list"},
			{`7`, "", "7 is no order"},
			{`{}`, "do", "say what is to be done: use one of reconnect, "},
			{`{"do":7}`, "do", "7 is no order: use one of "},
			{`{"do":"explode"}`, "do", `"explode" is no order: use one of `},
			{`{"do":"drop"}`, "shard", `it is missing: give a shard's index, a list of them, or "all"`},
			{`{"do":"drop","shard":-1}`, "shard", `-1 will not do: give a shard's index`},
			{`{"do":"drop","shard":[]}`, "shard", `[] will not do`},
			{`{"do":"drop","shard":1.5}`, "shard", `1.5 will not do`},
			{`{"do":"drop","shard":"one"}`, "shard", `"one" will not do`},
			{`{"do":"drop","shard":1,"shards":2}`, "shards", `there is no such field: use shard, total`},
			{`{"do":"forget-sessions","shard":1}`, "shard", `there is no such field: this takes none`},
			{`{"do":"close","shard":1,"code":999}`, "code", `999 will not do: give a close code, from 1000 to 4999`},
			{`{"do":"close","shard":1,"code":1005}`, "code", `1005 will not do: give a close code`},
			{`{"do":"close","shard":1,"code":1006}`, "code", `but for 1004 to 1006 and 1015, which nobody sends`},
			{`{"do":"close","shard":1,"code":1015}`, "code", `1015 will not do`},
			{`{"do":"dispatch","shard":0,"type":"","d":{}}`, "type", `"" will not do: give an event's name, such as MESSAGE_CREATE`},
			{`{"do":"dispatch","shard":0,"type":"message create","d":{}}`, "type", `will not do`},
			{`{"do":"add-channel","shard":0,"name":""}`, "name", `"" will not do: give a text that is not empty`},
			{`{"do":"command","shard":0,"name":""}`, "name", `"" will not do`},
			{`{"do":"component","message":"1","custom_id":""}`, "custom_id", `"" will not do`},
			{`{"do":"command","shard":0,"name":"roll","options":[{"name":"a","value":{}}]}`, "options", "value (a text, a number, true or false)"},
			{`{"do":"mute","shard":1,"for":5}`, "for", `5 will not do: give a positive duration, such as 5s`},
			{`{"do":"mute","shard":1,"for":"-5s"}`, "for", `"-5s" will not do`},
			{`{"do":"mute","shard":1,"on":"no"}`, "on", `"no" will not do: give true or false`},
			{`{"do":"mute","shard":1,"on":false,"for":"5s"}`, "for", `leave it out where on is false`},
			{`{"do":"outage","host":"api"}`, "host", `"api" will not do: give all or resume`},
			{`{"do":"message","content":"hi"}`, "guild", `it is missing: give the id of a guild, or a shard`},
			{`{"do":"message","guild":"8388608","shard":0}`, "shard", `leave it out where a guild is named`},
			{`{"do":"message","shard":0,"times":1001}`, "times", `give a number from 1 to 1000`},
			{`{"do":"message","shard":0,"times":2,"id":5}`, "id", `each has its own`},
			{`{"do":"message","shard":0,"fields":[]}`, "fields", `[] will not do: give an object`},
			{`{"do":"message","shard":0,"id":"x"}`, "id", `"x" will not do: give an id`},
			{`{"do":"presence","shard":0,"user":1,"status":"asleep"}`, "status", `give online or dnd or idle`},
			{`{"do":"dispatch","shard":0,"type":"TEST"}`, "d", "it is missing: give an object, its data"},
			{`{"do":"command","shard":0,"name":"roll","options":[{"value":1}]}`, "options", "give a list of objects with name, value (a text, a number, true or false)"},
			{`{"do":"allow-intents","intents":["GUILD"]}`, "intents", "or a list of names such as GUILD_MESSAGES"},
			{`{"do":"allow-intents","intents":131072}`, "intents", "131072 will not do"},
			{`{"do":"limit-calls"}`, "for", "it is missing: say how long"},
			{`{"do":"limit-calls","for":"5s","route":"/users"}`, "route", `"/users" will not do: give a method and a path`},
			{`{"do":"fail-calls","route":"GET /{"}`, "route", `will not do`},
			{`{"do":"fail-calls","status":200}`, "status", `200 will not do: give a status from 400 to 599, or 0`},
			{`{"do":"fail-calls","body":{}}`, "body", `give a status as well`},
			{`{"do":"send","shard":0,"payload":null,"text":"` + strings.Repeat("x", 1000) + `"}`, "text", `there is no such field: use shard, total, payload`},
		} {
			status, done, errors := b.mistakes(test.order)
			if e := errors[0]; status != http.StatusBadRequest || len(done) != 0 || len(errors) != 1 || e.Field != test.field || !strings.Contains(e.Problem, test.says) {
				t.Errorf("%.80s: %d %+v", test.order, status, errors)
			}
		}
		if _, _, errors := b.mistakes(`[{"do":"outage"},{"do":"drop","all":true},5]`); len(errors) != 3 || errors[0].Order != 1 || errors[0].Do != "drop" || errors[2].Order != 2 {
			t.Errorf("a list with several mistakes: %+v", errors)
		}
		if b.shards[0].ended() != 0 || b.call(http.MethodGet, "/gateway", "") != http.StatusOK {
			t.Error("an order was carried out whose list had a mistake")
		}
	})
}

// TestWhatCannotBeCarriedOut: what nothing is there for is told, too, with what was done before it.
func TestWhatCannotBeCarriedOut(t *testing.T) {
	virtual(t, func(b *bundle) {
		b.Shard(1).Drop()
		for _, test := range []struct{ order, field, says string }{
			{`{"do":"drop","shard":7}`, "shard", "shard 7 has had no session: those that have are 0, 1 of 2"},
			{`{"do":"drop","shard":0,"total":4}`, "shard", "no shard has yet; wait until they are ready"},
			{`{"do":"drop","shard":[0,1]}`, "shard", "shard 1/2 has no connection now (it is over): wait until it is ready"},
			{`{"do":"drop","shard":"all","total":4}`, "shard", "no shard has a connection: wait until one is ready"},
			{`{"do":"message","guild":99,"content":"hi"}`, "guild", "the bot is not in guild 99: GET /shards lists those that it is in, such as 8388608"},
			{`{"do":"edit","message":99,"content":"hi"}`, "", "there is no message 99"},
			{`{"do":"leave","shard":0,"user":99}`, "", "user 99 is no member"},
			{`{"do":"component","message":99,"custom_id":"x"}`, "", `message 99 has no component "x"`},
			{`{"do":"submit","interaction":99,"values":{}}`, "", `there is no interaction 99`},
		} {
			status, done, errors := b.mistakes(`[{"do":"forget-sessions"},` + test.order + `,{"do":"outage"}]`)
			if e := errors[0]; status != http.StatusConflict || len(done) != 1 || e.Order != 1 || e.Do == "" || e.Field != test.field || !strings.Contains(e.Problem, test.says) {
				t.Errorf("%s: %d done %+v, %+v", test.order, status, done, errors)
			}
		}
		if b.shards[0].ended() != 0 {
			t.Error("an order was carried out behind one that could not be")
		}
	})
}

func TestGuildsThatShardsHaveNot(t *testing.T) {
	virtual(t, func(b *bundle) {
		_, _, errors := b.mistakes(`{"do":"message","shard":0}`)
		if e := errors[0]; e.Field != "shard" || !strings.Contains(e.Problem, "shard 0/2 has no guild: start the server with guilds") {
			t.Errorf("%+v", e)
		}
	}, gatewaytest.WithGuildsPerShard(0))
}

// TestWhatWasDoneIsTold where an order for several shards fails in the midst of them.
func TestWhatWasDoneIsTold(t *testing.T) {
	virtual(t, func(b *bundle) {
		status, _, errors := b.mistakes(`{"do":"message","shard":"all","content":"hi","channel":"8388609"}`) // of the first guild
		if status != http.StatusConflict || !strings.Contains(errors[0].Problem, "before that it was done 1 times, and that stays") {
			t.Errorf("%d %+v", status, errors)
		}
	})
}
