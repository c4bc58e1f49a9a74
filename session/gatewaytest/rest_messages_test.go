package gatewaytest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"slices"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestRESTMessagesHappen: what the bot writes, edits and deletes happens in the world: whoever should hear of it does.
func TestRESTMessagesHappen(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		first := listen(t, g, events.IntentGuildMessages|events.IntentGuildMessageTyping, 1, 2) // the bot's own content comes without MESSAGE_CONTENT
		other := listen(t, g, talk, 0, 2)
		channel := "/channels/" + (guildB + 1).String()
		asked := g.World().Message(guildB, gatewaytest.Message{Content: "who is there?"})
		api(t, g, "POST", channel+"/typing", "")
		written := api(t, g, "POST", channel+"/messages", fmt.Sprintf(`{"content":"it is <@1>","embeds":[{"title":"me"}],"message_reference":{"message_id":"%v"}}`, asked))
		id := written.at("id")
		if written.status != 200 || written.at("author", "id") != "4242" || written.at("embeds", "0", "title") != "me" || written.at("type") != "19" ||
			written.at("referenced_message", "content") != "who is there?" || written.at("guild_id") != "<nil>" {
			t.Errorf("written: %d %s", written.status, written.body)
		}
		if got := api(t, g, "PATCH", channel+"/messages/"+id, `{"content":"it was me"}`); got.at("content") != "it was me" || got.at("embeds", "0", "title") != "me" {
			t.Errorf("edited: %d %s", got.status, got.body)
		}
		if got := api(t, g, "GET", channel+"/messages/"+id, ""); got.at("content") != "it was me" || got.at("edited_timestamp") == "<nil>" {
			t.Errorf("read: %d %s", got.status, got.body)
		}
		if all := g.World().Messages(guildB + 1); len(all) != 2 || !bytes.Contains(all[1], []byte(`"it was me"`)) {
			t.Errorf("the channel has %s", all)
		}
		if got := api(t, g, "DELETE", channel+"/messages/"+id, ""); got.status != 204 || got.body != "" {
			t.Errorf("deleted: %d %s", got.status, got.body)
		}
		want := []string{"MESSAGE_CREATE ", "TYPING_START", "MESSAGE_CREATE it is <@1>", "MESSAGE_UPDATE it was me", "MESSAGE_DELETE"}
		if got := first.events("content"); !slices.Equal(got, want) {
			t.Errorf("the shard heard %q, want %q", got, want)
		}
		if d := first.last(t, "MESSAGE_DELETE"); d["id"] != id || d["guild_id"] != guildB.String() {
			t.Errorf("deleted: %v", d)
		}
		if got := other.events("content"); got != nil {
			t.Errorf("another shard heard %q", got)
		}
		if got := rules(g); len(got) != 0 {
			t.Errorf("violations: %v", got)
		}
	}, bothGuilds)
}

// TestRESTHistory: messages come in pages, the newest first, and can be deleted at once.
func TestRESTHistory(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		l := listen(t, g, talk, 0, 1)
		path := "/channels/" + (guildA + 1).String() + "/messages"
		var ids []string
		for n := range 5 {
			ids = append(ids, g.World().Message(guildA, gatewaytest.Message{Content: fmt.Sprint(n)}).String())
		}
		g.World().Message(guildB, gatewaytest.Message{Content: "elsewhere"})
		for query, want := range map[string]string{
			"": "43210", "?limit=2": "43", "?limit=2&before=" + ids[3]: "21", "?limit=2&after=" + ids[1]: "32", "?limit=3&around=" + ids[2]: "321",
		} {
			var page []struct{ Content string }
			if err := json.Unmarshal([]byte(api(t, g, "GET", path+query, "").body), &page); err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, m := range page {
				got += m.Content
			}
			if got != want {
				t.Errorf("%q: %s, want %s", query, got, want)
			}
		}
		if got := api(t, g, "POST", path+"/bulk-delete", fmt.Sprintf(`{"messages":[%q,%q,"77"]}`, ids[0], ids[1])); got.status != 204 {
			t.Errorf("deleted: %d %s", got.status, got.body)
		}
		if d := l.last(t, "MESSAGE_DELETE_BULK"); fmt.Sprint(d["ids"]) != fmt.Sprint(ids[:2]) {
			t.Errorf("told of %v", d)
		}
		if n := len(g.World().Messages(guildA + 1)); n != 3 {
			t.Errorf("%d messages are left", n)
		}
	}, bothGuilds)
}

// TestRESTHidesContent: without MESSAGE_CONTENT REST shows what others write as little as events do.
func TestRESTHidesContent(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		path := "/channels/" + (guildA + 1).String() + "/messages"
		g.World().Message(guildA, gatewaytest.Message{Content: "secret"})
		g.World().Message(guildA, gatewaytest.Message{Content: "<@4242> hello"})
		if got := api(t, g, "GET", path, ""); got.at("1", "content") != "" || got.at("0", "content") != "<@4242> hello" {
			t.Errorf("read: %s", got.body)
		}
	}, bothGuilds, gatewaytest.WithAllowedIntents(events.IntentsUnprivileged))
}

// TestRESTDirectMessages: the bot can open a channel with a user, which is the one where that user writes to it.
func TestRESTDirectMessages(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		l := listen(t, g, events.IntentDirectMessages, 0, 1)
		g.World().DirectMessage(gatewaytest.Message{Author: 2, Content: "psst"})
		channel := l.last(t, "MESSAGE_CREATE")["channel_id"].(string)
		if got := api(t, g, "POST", "/users/@me/channels", `{"recipient_id":"2"}`); got.at("id") != channel || got.at("type") != "1" || got.at("recipients", "0", "id") != "2" {
			t.Errorf("channel %s with user 2: %s", channel, got.body)
		}
		if got := api(t, g, "POST", "/channels/"+channel+"/messages", `{"content":"what?"}`); got.status != 200 {
			t.Errorf("answer: %d %s", got.status, got.body)
		}
		if got := api(t, g, "POST", "/users/@me/channels", `{"recipient_id":"3"}`); got.at("id") == channel {
			t.Error("two users share a channel")
		}
		if d := l.last(t, "MESSAGE_CREATE"); d["content"] != "what?" || d["guild_id"] != nil {
			t.Errorf("told of %v", d)
		}
	}, bothGuilds)
}

// TestRESTReadsMultipart: files come with the message, and are kept with the call.
func TestRESTReadsMultipart(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		_ = form.WriteField("payload_json", `{"content":"the report","attachments":[{"id":0}]}`)
		file, err := form.CreateFormFile("files[0]", "report.csv")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = file.Write([]byte("a,b\n"))
		_ = form.Close()
		path := "/channels/" + (guildA + 1).String() + "/messages"
		got := do(t, g, "POST", "/api/v10"+path, body.String(), "Authorization: Bot t", "Content-Type: "+form.FormDataContentType())
		if got.status != 200 || got.at("content") != "the report" || got.at("attachments", "0", "filename") != "report.csv" || got.at("attachments", "0", "size") != "4" {
			t.Errorf("written: %d %s", got.status, got.body)
		}
		if got := api(t, g, "PATCH", path+"/"+got.at("id"), `{"content":"no report","attachments":[]}`); got.at("attachments") != "[]" {
			t.Errorf("the file stays: %s", got.body)
		}
		call := g.Calls()[0]
		if string(call.Body) != `{"content":"the report","attachments":[{"id":0}]}` || len(call.Files) != 1 || call.Files[0].Field != "files[0]" || string(call.Files[0].Data) != "a,b\n" {
			t.Errorf("kept: %s %+v", call.Body, call.Files)
		}
	}, bothGuilds)
}

// TestNewIDsAreNobodys: also in virtual time, when it is before Discord's first day, no new channel has the id of another.
func TestNewIDsAreNobodys(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		first := gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)
		before := api(t, g, "GET", "/guilds/"+first.String()+"/channels", "")
		added := g.World().AddChannel(first, "new", nil).String()
		if added == before.at("0", "id") || added == before.at("1", "id") {
			t.Errorf("channel %s again", added)
		}
		time.Sleep(time.Second)
	}, gatewaytest.WithGuildsPerShard(1))
}
