package gatewaytest_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestComponentIsUsed: a button of the bot's message, with which the message changes, or which is only acknowledged.
func TestComponentIsUsed(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		l := listen(t, g, events.IntentGuildMessages, 0, 1)
		const rows = `[{"type":1,"components":[{"type":2,"custom_id":"again","label":"Again","style":1}]},{"type":1,"components":[{"type":3,"custom_id":"pick","options":[]}]}]`
		written := api(t, g, "POST", "/channels/"+(guildA+1).String()+"/messages", `{"content":"roll","components":`+rows+`}`)
		var id events.Snowflake
		if err := json.Unmarshal([]byte(`"`+written.at("id")+`"`), &id); err != nil {
			t.Fatal(err)
		}
		i := g.World().Component(id, 3, "again")
		d := l.last(t, "INTERACTION_CREATE")
		if d["type"] != 3.0 || d["message"].(map[string]any)["id"] != id.String() || d["data"].(map[string]any)["component_type"] != 2.0 {
			t.Errorf("told of %v", d)
		}
		if got := callback(t, g, i, `{"type":7,"data":{"content":"rolled","components":[]}}`); got.at("resource", "message", "id") != id.String() {
			t.Errorf("updated: %d %s", got.status, got.body)
		}
		if d := l.last(t, "MESSAGE_UPDATE"); d["content"] != "rolled" || len(d["components"].([]any)) != 0 {
			t.Errorf("told of %v", d)
		}
		requireWorldError(t, "Component", func() { g.World().Component(id, 3, "again") })
		api(t, g, "PATCH", "/channels/"+(guildA+1).String()+"/messages/"+id.String(), `{"components":`+rows+`}`)
		i = g.World().Component(id, 0, "pick", "one", "two")
		if d := l.last(t, "INTERACTION_CREATE")["data"].(map[string]any); fmt.Sprint(d["component_type"], d["values"]) != "3 [one two]" {
			t.Errorf("told of %v", d)
		}
		callback(t, g, i, `{"type":6}`)
		if got := webhook(t, g, i, "PATCH", "/messages/@original", `{"content":"picked"}`); got.at("id") != id.String() || got.at("content") != "picked" {
			t.Errorf("edited: %s", got.body)
		}
	}, bothGuilds)
}

// TestModalIsSubmitted: the user fills in what the bot has asked for, which comes back in the shape in which it was asked.
func TestModalIsSubmitted(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		l := listen(t, g, events.IntentGuildMessages, 0, 1)
		i := g.World().Command(guildA, gatewaytest.Command{Name: "report", User: 2})
		requireWorldError(t, "Submit", func() { g.World().Submit(i.ID, nil) })
		callback(t, g, i, `{"type":9,"data":{"custom_id":"m","title":"Report","components":[
			{"type":1,"components":[{"type":4,"custom_id":"what","label":"What","style":1}]},
			{"type":18,"label":"Where","component":{"type":3,"custom_id":"where","options":[]}},
			{"type":18,"label":"Who","component":{"type":5,"custom_id":"who"}}]}}`)
		requireWorldError(t, "Submit", func() { g.World().Submit(i.ID, map[string]string{"when": "now"}) })
		requireWorldError(t, "Submit", func() { g.World().Submit(77, nil) })
		sent := g.World().Submit(i.ID, map[string]string{"what": "a cat", "where": "tree"})
		d := l.last(t, "INTERACTION_CREATE")
		text, err := json.Marshal(d["data"])
		const want = `{"components":[{"components":[{"custom_id":"what","type":4,"value":"a cat"}],"type":1},` +
			`{"component":{"custom_id":"where","type":3,"values":["tree"]},"type":18},{"component":{"custom_id":"who","type":5,"values":[]},"type":18}],"custom_id":"m"}`
		if err != nil || string(text) != want || d["type"] != 5.0 || d["id"] != sent.ID.String() || d["member"].(map[string]any)["user"].(map[string]any)["id"] != "2" {
			t.Errorf("told of %v: %s", d, text)
		}
		if got := callback(t, g, sent, `{"type":4,"data":{"content":"thank you"}}`); got.status != 200 || content(t, g, sent) != "[thank you]" {
			t.Errorf("answered: %d %s", got.status, got.body)
		}
	}, bothGuilds)
}
