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

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// answer is how a REST call was answered.
type answer struct {
	status int
	header http.Header
	body   string
}

// at is a value within the answer's JSON, as text: at("user", "id"), or at("0", "name") in an array.
func (a answer) at(path ...string) string {
	var v any
	_ = json.Unmarshal([]byte(a.body), &v) // what is not JSON has no values
	for _, name := range path {
		switch in := v.(type) {
		case map[string]any:
			v = in[name]
		case []any:
			var n int
			if _, err := fmt.Sscan(name, &n); err != nil || n >= len(in) {
				return "nothing"
			}
			v = in[n]
		default:
			return "nothing"
		}
	}
	return fmt.Sprint(v)
}

// do makes a REST call with a header "Name: value" for each given, and the bot's token if none is.
func do(t *testing.T, g *gatewaytest.Server, method, path, body string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, strings.TrimSuffix(g.APIBase(), "/api/v10")+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if len(headers) == 0 {
		headers = []string{"Authorization: Bot t"}
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		request.Header.Set(name, value)
	}
	response, err := g.Client().Do(request)
	if err != nil {
		return answer{} // it was cut
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

// api is do below the base of version 10.
func api(t *testing.T, g *gatewaytest.Server, method, path, body string) answer {
	t.Helper()
	return do(t, g, method, "/api/v10"+path, body)
}

// TestRESTOfTheWorld: what a library asks at its start, and what it asks about guilds, is answered in any version.
func TestRESTOfTheWorld(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		role := g.World().AddRole(guildA, "judge", nil)
		g.World().Join(guildA, 900, gatewaytest.Fields{"nick": "Niner", "roles": []any{role}})
		for _, test := range []struct {
			path string
			at   []string
			want string
		}{
			{"/api/v10/users/@me", []string{"id"}, "4242"},
			{"/api/v9/users/@me", []string{"bot"}, "true"},
			{"/api/users/@me", []string{"username"}, "signalbox"},
			{"/api/v6/applications/@me", []string{"flags"}, fmt.Sprint(1<<13 | 1<<19)}, // not the members intent
			{"/api/v10/oauth2/applications/@me", []string{"bot", "id"}, "4242"},
			{"/api/v8/gateway", []string{"url"}, g.URL},
			{"/api/v9/gateway/bot", []string{"shards"}, "2"},
			{"/api/v10/users/2", []string{"username"}, "member-2"},
			{"/api/v10/users/900", []string{"username"}, "user-900"},
			{"/api/v10/users/@me/guilds", []string{"1", "id"}, guildB.String()},
			{"/api/v10/users/@me/guilds?limit=1&after=" + guildA.String(), []string{"0", "id"}, guildB.String()},
			{"/api/v10/users/@me/guilds?before=" + guildB.String(), []string{"0", "id"}, guildA.String()},
			{"/api/v10/guilds/" + guildA.String(), []string{"roles", "1", "name"}, "judge"},
			{"/api/v10/guilds/" + guildA.String() + "?with_counts=true", []string{"approximate_member_count"}, "5"},
			{"/api/v10/guilds/" + guildA.String() + "/channels", []string{"0", "name"}, "general"},
			{"/api/v10/guilds/" + guildA.String() + "/roles", []string{"1", "id"}, role.String()},
			{"/api/v10/guilds/" + guildA.String() + "/members/3", []string{"user", "id"}, "3"},
			{"/api/v10/guilds/" + guildA.String() + "/members/4242", []string{"user", "bot"}, "true"},
			{"/api/v10/guilds/" + guildA.String() + "/members/search?query=nin", []string{"0", "user", "id"}, "900"},
			{"/api/v10/guilds/" + guildA.String() + "/members/search?query=member&limit=2", []string{"1", "user", "id"}, "2"},
			{"/api/v10/channels/" + (guildB + 1).String(), []string{"guild_id"}, guildB.String()}, // before anybody asked about the guild
		} {
			if got := do(t, g, "GET", test.path, ""); got.status != 200 || got.at(test.at...) != test.want {
				t.Errorf("%s: %d %.200s, want %q at %v", test.path, got.status, got.body, test.want, test.at)
			}
		}
		if got := api(t, g, "GET", "/guilds/"+guildA.String()+"/members", ""); got.status != 403 || got.at("code") != "50001" {
			t.Errorf("members without the intent: %d %s", got.status, got.body)
		}
	}, bothGuilds, gatewaytest.WithShards(2), gatewaytest.WithAllowedIntents(events.IntentsAll&^events.IntentGuildMembers))
}

// TestRESTPagesOfMembers: members come by id, each once, and the bot among them.
func TestRESTPagesOfMembers(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		var got []string
		for after := "0"; ; {
			page := api(t, g, "GET", "/guilds/"+guildA.String()+"/members?limit=3&after="+after, "")
			var members []struct{ User struct{ ID string } }
			if err := json.Unmarshal([]byte(page.body), &members); err != nil {
				t.Fatal(err)
			}
			for _, m := range members {
				got = append(got, m.User.ID)
				after = m.User.ID
			}
			if len(members) < 3 {
				break
			}
		}
		if want := []string{"1", "2", "3", "4", "5", "4242"}; !slices.Equal(got, want) {
			t.Errorf("members %v, want %v", got, want)
		}
	}, bothGuilds, gatewaytest.WithMembers(5))
}

// TestRESTErrors: what cannot be answered has the status and the code that Discord gives it.
func TestRESTErrors(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		g.World().RemoveGuild(guildB)
		channel, other := (guildA + 1).String(), g.World().Message(guildA, gatewaytest.Message{Content: "mine"}).String()
		long := `{"content":"` + strings.Repeat("ä", 2001) + `"}`
		for _, test := range []struct {
			method, path, body string
			status             int
			code               string
		}{
			{"GET", "/channels/77", "", 404, "10003"},
			{"GET", "/channels/" + (guildB + 1).String(), "", 404, "10003"}, // the bot was removed
			{"GET", "/guilds/77", "", 404, "10004"},
			{"GET", "/guilds/" + guildB.String(), "", 404, "10004"},
			{"GET", "/guilds/" + guildA.String() + "/members/77", "", 404, "10007"},
			{"GET", "/channels/" + channel + "/messages/77", "", 404, "10008"},
			{"GET", "/channels/" + (guildA + 2).String() + "/messages/" + other, "", 404, "10008"}, // it is elsewhere
			{"PATCH", "/channels/" + channel + "/messages/77", `{"content":"x"}`, 404, "10008"},
			{"DELETE", "/channels/" + channel + "/messages/77", "", 404, "10008"},
			{"GET", "/users/77", "", 404, "10013"},
			{"GET", "/applications/77/commands", "", 404, "10002"},
			{"GET", "/applications/4242/commands/77", "", 404, "10063"},
			{"PUT", "/applications/4242/guilds/77/commands", "[]", 403, "50001"},
			{"PATCH", "/channels/" + channel + "/messages/" + other, `{"content":"x"}`, 403, "50005"},
			{"POST", "/channels/" + channel + "/messages", `{}`, 400, "50006"},
			{"POST", "/channels/" + channel + "/messages", `{"content":""}`, 400, "50006"},
			{"POST", "/channels/" + channel + "/messages", long, 400, "50035"},
			{"POST", "/channels/" + channel + "/messages", `{"content":5}`, 400, "50035"},
			{"POST", "/channels/" + channel + "/messages", `{"embeds":{}}`, 400, "50035"},
			{"POST", "/channels/" + channel + "/messages", `{"content":"x","message_reference":{"message_id":"77"}}`, 400, "50035"},
			{"POST", "/channels/" + channel + "/messages", `{"content":`, 400, "50109"},
			{"POST", "/channels/" + channel + "/messages/bulk-delete", `{"messages":["1"]}`, 400, "50016"},
			{"POST", "/users/@me/channels", `{"recipient_id":"4242"}`, 400, "50033"},
			{"PUT", "/applications/4242/commands", `{}`, 400, "50035"},
			{"POST", "/applications/4242/commands", `{"type":1}`, 400, "50035"},
			{"GET", "/channels/abc", "", 400, "50035"},
			{"GET", "/no/such/thing", "", 404, "0"},
			{"DELETE", "/users/@me", "", 405, "0"},
			{"POST", "/interactions/77/interaction-77/callback", `{"type":4}`, 404, "10062"},
			{"POST", "/webhooks/4242/interaction-77", `{"content":"x"}`, 404, "10015"},
		} {
			if got := api(t, g, test.method, test.path, test.body); got.status != test.status || got.at("code") != test.code || got.at("message") == "<nil>" {
				t.Errorf("%s %s %.40s: %d %s, want %d and code %s", test.method, test.path, test.body, got.status, got.body, test.status, test.code)
			}
			time.Sleep(time.Second) // the limit of all calls
		}
	}, bothGuilds)
}

// TestRESTAsksForTheToken: a call without the bot's token, or without the word before it, is told so, except where the path says who asks.
func TestRESTAsksForTheToken(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		for header, want := range map[string]int{
			"Authorization: Bot right": 200, "Authorization: right": 401, "Authorization: Bot wrong": 401, "Authorization: Bearer right": 401,
			"Authorization: Bot ": 401, "Accept: */*": 401,
		} {
			got := do(t, g, "GET", "/api/v10/users/@me", "", header)
			if got.status != want || want == 401 && (got.at("message") != "401: Unauthorized" || got.at("code") != "0") {
				t.Errorf("%q: %d %s", header, got.status, got.body)
			}
		}
		if got := do(t, g, "GET", "/api/v10/gateway", "", "Accept: */*"); got.status != 200 {
			t.Errorf("/gateway asks for a token: %d", got.status)
		}
		i := g.World().Command(guildA, gatewaytest.Command{Name: "ping"})
		if got := do(t, g, "POST", fmt.Sprintf("/api/v10/interactions/%v/%s/callback", i.ID, i.Token), `{"type":5}`, "Accept: */*"); got.status != 204 {
			t.Errorf("a callback asks for a token: %d %s", got.status, got.body)
		}
	}, bothGuilds, gatewaytest.WithToken("right"))
}
