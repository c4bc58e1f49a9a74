package gatewaytest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// callback answers an interaction, and webhook calls its webhook.
func callback(t *testing.T, g *gatewaytest.Server, i gatewaytest.Interaction, body string) answer {
	t.Helper()
	return api(t, g, "POST", fmt.Sprintf("/interactions/%v/%s/callback?with_response=true", i.ID, i.Token), body)
}

func webhook(t *testing.T, g *gatewaytest.Server, i gatewaytest.Interaction, method, path, body string) answer {
	t.Helper()
	return api(t, g, method, "/webhooks/4242/"+i.Token+path, body)
}

// content is what stands in the messages of an interaction.
func content(t *testing.T, g *gatewaytest.Server, i gatewaytest.Interaction) (all string) {
	t.Helper()
	for _, m := range g.World().Interaction(i.ID).Messages {
		var d struct{ Content string }
		if err := json.Unmarshal(m, &d); err != nil {
			t.Fatal(err)
		}
		all += "[" + d.Content + "]"
	}
	return all
}

// TestInteractionIsAnswered: with a message that everybody in the channel hears of, its changes, and another one.
func TestInteractionIsAnswered(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		l := listen(t, g, events.IntentGuildMessages, 0, 1)
		i := g.World().Command(guildA, gatewaytest.Command{Name: "ping", User: 2})
		d := l.last(t, "INTERACTION_CREATE")
		if d["id"] != i.ID.String() || d["token"] != i.Token || d["channel_id"] != (guildA+1).String() || d["member"].(map[string]any)["user"].(map[string]any)["id"] != "2" {
			t.Errorf("told of %v", d)
		}
		if got := callback(t, g, i, `{"type":4,"data":{"content":"pong"}}`); got.status != 200 || got.at("resource", "message", "content") != "pong" ||
			got.at("interaction", "id") != i.ID.String() || got.at("resource", "message", "type") != "20" || got.at("resource", "message", "interaction_metadata", "user", "id") != "2" {
			t.Errorf("answered: %d %s", got.status, got.body)
		}
		webhook(t, g, i, "PATCH", "/messages/@original", `{"content":"pong!"}`)
		second := webhook(t, g, i, "POST", "", `{"content":"once more"}`)
		if got := webhook(t, g, i, "PATCH", "/messages/"+second.at("id"), `{"content":"twice"}`); got.at("message_reference", "message_id") != l.last(t, "MESSAGE_UPDATE")["message_reference"].(map[string]any)["message_id"] {
			t.Errorf("follow-up: %s", got.body)
		}
		if got := content(t, g, i); got != "[pong!][twice]" {
			t.Errorf("written: %s", got)
		}
		webhook(t, g, i, "DELETE", "/messages/@original", "")
		if got := webhook(t, g, i, "GET", "/messages/@original", ""); got.status != 404 || got.at("code") != "10008" {
			t.Errorf("after it was deleted: %d %s", got.status, got.body)
		}
		want := "[INTERACTION_CREATE MESSAGE_CREATE pong MESSAGE_UPDATE pong! MESSAGE_CREATE once more MESSAGE_UPDATE twice MESSAGE_DELETE]"
		if got := fmt.Sprint(l.events("content")); got != want {
			t.Errorf("heard %s", got)
		}
		if stands := g.World().Interaction(i.ID); stands.Callback != 4 || string(stands.Data) != `{"content":"pong"}` || stands.Answered.IsZero() {
			t.Errorf("stands at %+v", stands)
		}
	}, bothGuilds)
}

// TestInteractionExpires: 3 s for the callback, of which there is one, and 15 minutes for what follows.
func TestInteractionExpires(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		refused := func(what string, got answer, status int, code string) {
			t.Helper()
			if got.status != status || got.at("code") != code {
				t.Errorf("%s: %d %s, want %d and %s", what, got.status, got.body, status, code)
			}
		}
		const pong = `{"type":4,"data":{"content":"pong"}}`
		late := g.World().Command(guildA, gatewaytest.Command{Name: "ping"})
		time.Sleep(3*time.Second + time.Millisecond)
		refused("late", callback(t, g, late, pong), 404, "10062")
		refused("after a late callback", webhook(t, g, late, "POST", "", `{"content":"x"}`), 404, "10015")

		i := g.World().Command(guildA, gatewaytest.Command{Name: "ping"})
		time.Sleep(3 * time.Second)
		refused("before the callback", webhook(t, g, i, "PATCH", "/messages/@original", `{"content":"x"}`), 404, "10015")
		refused("another's token", callback(t, g, gatewaytest.Interaction{ID: i.ID, Token: late.Token}, pong), 404, "10062")
		refused("nothing in it", callback(t, g, i, `{"type":4,"data":{}}`), 400, "50006")
		refused("of another kind", callback(t, g, i, `{"type":8,"data":{"choices":[]}}`), 400, "50035")
		refused("no modal", callback(t, g, i, `{"type":9,"data":{"custom_id":"x","title":"y","components":[]}}`), 400, "50035")
		if got := callback(t, g, i, pong); got.status != 200 {
			t.Errorf("in time: %d %s", got.status, got.body)
		}
		refused("again", callback(t, g, i, pong), 400, "40060")
		refused("another application", api(t, g, "POST", "/webhooks/77/"+i.Token, `{"content":"x"}`), 404, "10015")
		time.Sleep(15*time.Minute - 3*time.Second)
		if got := webhook(t, g, i, "POST", "", `{"content":"just so"}`); got.status != 200 {
			t.Errorf("after 15 minutes: %d %s", got.status, got.body)
		}
		time.Sleep(time.Millisecond)
		refused("after more", webhook(t, g, i, "POST", "", `{"content":"x"}`), 401, "50027")
		if got := content(t, g, i); got != "[pong][just so]" {
			t.Errorf("written: %s", got)
		}
	}, bothGuilds)
}

// TestInteractionIsDeferred: the message is there, loading, until it is edited or followed up; what is for one user alone stays so.
func TestInteractionIsDeferred(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		l := listen(t, g, events.IntentGuildMessages|events.IntentDirectMessages, 0, 1)
		for _, flags := range []int{0, 64} {
			i := g.World().Command(guildA, gatewaytest.Command{Name: "slow"})
			got := callback(t, g, i, fmt.Sprintf(`{"type":5,"data":{"flags":%d}}`, flags))
			if got.at("interaction", "response_message_loading") != "true" || got.at("interaction", "response_message_ephemeral") != fmt.Sprint(flags == 64) {
				t.Errorf("deferred: %s", got.body)
			}
			created := l.last(t, "MESSAGE_CREATE")
			if _, inGuild := created["guild_id"]; inGuild != (flags == 0) || created["flags"] != float64(flags|128) {
				t.Errorf("told of %v", created)
			}
			time.Sleep(10 * time.Second)
			if got := webhook(t, g, i, "POST", "", `{"content":"done","flags":64}`); got.at("id") != created["id"] || got.at("flags") != fmt.Sprint(flags) {
				t.Errorf("the first follow-up: %s", got.body)
			}
			if got := l.last(t, "MESSAGE_UPDATE"); got["id"] != created["id"] || got["content"] != "done" {
				t.Errorf("told of %v", got)
			}
			if got := webhook(t, g, i, "POST", "", `{"content":"to all"}`); (got.at("referenced_message", "content") == "done") != (flags == 0) {
				t.Errorf("the next follow-up quotes: %s", got.body)
			}
			path := "/channels/" + (guildA + 1).String() + "/messages/" + created["id"].(string)
			if got := api(t, g, "GET", path, ""); (got.status == 200) != (flags == 0) {
				t.Errorf("in the channel: %d %s", got.status, got.body)
			}
		}
		if n := len(g.World().Messages(guildA + 1)); n != 3 {
			t.Errorf("%d messages in the channel, want all but the one for a user alone", n)
		}
	}, bothGuilds)
}

// TestCommandOptions: options have the types of their values, ids are resolved, and a focused one is completed.
func TestCommandOptions(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		l := listen(t, g, 0, 0, 1)
		role := g.World().AddRole(guildA, "judge", nil)
		registered := api(t, g, "PUT", "/applications/4242/commands", `[{"name":"x","description":"y"},{"name":"x","type":2}]`)
		type opts = []gatewaytest.CommandOption
		g.World().Command(guildA, gatewaytest.Command{Name: "x", Options: opts{{Name: "sub", Options: opts{
			{Name: "s", Value: "text"}, {Name: "i", Value: 5}, {Name: "b", Value: true}, {Name: "n", Value: 0.5}, {Name: "u", Value: events.Snowflake(2)},
			{Name: "me", Value: gatewaytest.BotID}, {Name: "c", Value: guildA + 1}, {Name: "r", Value: role}, {Name: "m", Value: role, Type: 9},
		}}}})
		d := l.last(t, "INTERACTION_CREATE")["data"].(map[string]any)
		got := ""
		for _, o := range d["options"].([]any)[0].(map[string]any)["options"].([]any) {
			got += fmt.Sprint(o.(map[string]any)["name"], o.(map[string]any)["type"], " ")
		}
		if got != "s3 i4 b5 n10 u6 me6 c7 r8 m9 " || d["id"] != registered.at("0", "id") {
			t.Errorf("options %s of %v", got, d)
		}
		resolved, _ := json.Marshal(d["resolved"])
		for _, want := range []string{`"username":"member-2"`, `"4242":{`, fmt.Sprintf(`"channels":{"%v":`, guildA+1), fmt.Sprintf(`"roles":{"%v":`, role)} {
			if !strings.Contains(string(resolved), want) {
				t.Errorf("resolved has no %s: %s", want, resolved)
			}
		}
		i := g.World().Command(guildA, gatewaytest.Command{Name: "x", Options: opts{{Name: "s", Value: "te", Focused: true}}})
		if d := l.last(t, "INTERACTION_CREATE"); d["type"] != 4.0 {
			t.Errorf("completion is of type %v", d["type"])
		}
		callback(t, g, i, `{"type":8,"data":{"choices":[{"name":"text","value":"text"}]}}`)
		if got := string(g.World().Interaction(i.ID).Data); got != `{"choices":[{"name":"text","value":"text"}]}` {
			t.Errorf("choices: %s", got)
		}
		g.World().Command(guildA, gatewaytest.Command{Name: "x", Type: 2, Target: 3})
		if d := l.last(t, "INTERACTION_CREATE")["data"].(map[string]any); d["target_id"] != "3" || d["resolved"] == nil || d["id"] != registered.at("1", "id") {
			t.Errorf("a user's command: %v", d)
		}
		g.World().Command(0, gatewaytest.Command{Name: "x", User: 2})
		if d := l.last(t, "INTERACTION_CREATE"); d["guild_id"] != nil || d["user"].(map[string]any)["id"] != "2" || d["context"] != 1.0 {
			t.Errorf("in direct messages: %v", d)
		}
		requireWorldError(t, "Command", func() {
			g.World().Command(guildA, gatewaytest.Command{Name: "x", Options: opts{{Name: "u", Value: events.Snowflake(77)}}})
		})
		requireWorldError(t, "Command", func() { g.World().Command(guildA, gatewaytest.Command{Name: "x", User: 77}) })
		requireWorldError(t, "Interaction", func() { g.World().Interaction(77) })
		requireWorldError(t, "Message", func() { g.World().Message(guildA, gatewaytest.Message{Channel: guildB + 1}) })
	}, bothGuilds)
}

// requireWorldError fails the test unless f panics with the error of an order.
func requireWorldError(t *testing.T, order string, f func()) {
	t.Helper()
	defer func() {
		var wrong *gatewaytest.WorldError
		if err, _ := recover().(error); !errors.As(err, &wrong) || wrong.Order != order {
			t.Errorf("%s: %v", order, err)
		}
	}()
	f()
}

// TestCommandsAreRegistered: those of all guilds and of one, whose ids stay when they are written anew.
func TestCommandsAreRegistered(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		for _, scope := range []string{"/applications/4242/commands", "/applications/4242/guilds/" + guildA.String() + "/commands"} {
			made := api(t, g, "POST", scope, `{"name":"ping","description":"1"}`)
			again := api(t, g, "POST", scope, `{"name":"ping","description":"2"}`)
			all := api(t, g, "PUT", scope, `[{"name":"roll","description":"3"},{"name":"ping","description":"4"}]`)
			id := made.at("id")
			if made.status != 201 || again.status != 200 || again.at("id") != id || all.at("1", "id") != id || all.at("0", "id") == id {
				t.Errorf("%s: %s %s %s", scope, made.body, again.body, all.body)
			}
			if got := api(t, g, "PATCH", scope+"/"+id, `{"description":"5"}`); got.at("description") != "5" || got.at("name") != "ping" {
				t.Errorf("%s: %s", scope, got.body)
			}
			if got := api(t, g, "DELETE", scope+"/"+all.at("0", "id"), ""); got.status != 204 {
				t.Errorf("%s: %d", scope, got.status)
			}
			if got := api(t, g, "GET", scope, ""); got.at("0", "description") != "5" || got.at("1") != "nothing" || api(t, g, "GET", scope+"/"+id, "").at("id") != id {
				t.Errorf("%s: %s", scope, got.body)
			}
		}
	}, bothGuilds)
}
