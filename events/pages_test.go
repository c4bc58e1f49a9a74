package events_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/signalbox-go/signalbox/events"
)

// pages are payloads written by hand from the text of Discord's pages, and not from the schema: what the tables say, and what stands
// beneath and between them. docs/events.md lists the latter.
var pages = []struct {
	name events.Type
	data string
}{
	// "the thread member objects will also include the guild member and nullable presence objects for each added thread member"
	{"THREAD_MEMBERS_UPDATE", `{"id":"1","guild_id":"2","member_count":3,"added_members":[
		{"id":"1","user_id":"4","join_timestamp":"2021-11-09T00:00:00Z","flags":1,"member":{"user":{"id":"4","username":"u"},"roles":["5"],"deaf":false},
		 "presence":{"user":{"id":"4"},"status":"idle","client_status":{"web":"idle"},"activities":[{"name":"a","type":0}]}},
		{"id":"1","user_id":"6","join_timestamp":"2021-11-09T00:00:00Z","flags":0,"member":{"roles":[]},"presence":null}],"removed_member_ids":["8"]}`},
	// "Rate Limit Metadata for Opcode": 8, Request Guild Members
	{"RATE_LIMITED", `{"opcode":8,"retry_after":29.457,"meta":{"guild_id":"613425648685547541","nonce":"n"}}`},
	{"RATE_LIMITED", `{"opcode":8,"retry_after":1.5,"meta":{"guild_id":"613425648685547541"}}`},
	// "the only field which must be sent is the id field"; "embedded" stands in no table; buttons are labels when they are received
	{"PRESENCE_UPDATE", `{"user":{"id":"1"}}`},
	{"PRESENCE_UPDATE", `{"user":{"id":"1"},"guild_id":"2","status":"dnd","client_status":{"desktop":"dnd","mobile":"idle","web":"online","vr":"online","embedded":"online"},
		"activities":[{"name":"Rocket League","type":0,"created_at":1510142613898,"application_id":"379286085710381999","timestamps":{"start":15112000660000},
		"party":{"id":"9dd6594e","size":[2,2]},"buttons":["Join","Look"],"instance":true,"flags":257,"emoji":{"name":"x","id":"3","animated":true}}]}`},
	// "When a thread is created, includes an additional newly_created boolean field"; "When being added to an existing private thread, includes a thread member object"
	{"THREAD_CREATE", `{"id":"1","type":11,"guild_id":"2","parent_id":"3","name":"t","newly_created":true}`},
	{"THREAD_CREATE", `{"id":"1","type":12,"guild_id":"2","parent_id":"3","name":"t","member":{"id":"1","user_id":"4","join_timestamp":"2021-11-09T00:00:00Z","flags":1}}`},
	// "containing just the id, guild_id, parent_id, and type fields"
	{"THREAD_DELETE", `{"id":"1","guild_id":"2","parent_id":"3","type":11}`},
	// "a thread member object with an extra guild_id field"
	{"THREAD_MEMBER_UPDATE", `{"id":"1","user_id":"4","join_timestamp":"2021-11-09T00:00:00Z","flags":1,"guild_id":"2"}`},
	// "an unavailable Guild": a stub, or nothing but an id
	{"GUILD_CREATE", `{"id":"41771983423143937","unavailable":true}`},
	{"GUILD_CREATE", `{"id":"41771983423143937"}`},
	{"GUILD_CREATE", `{"id":"41771983423143937","voice_states":[{"channel_id":"1","user_id":"2","session_id":"s","deaf":false}],"presences":[{"user":{"id":"2"},"status":"idle"}],
		"threads":[{"id":"3","type":11,"member":{"join_timestamp":"2021-11-09T00:00:00Z","flags":1}}]}`},
	// "If the unavailable field is not set, the user was removed from the guild"
	{"GUILD_DELETE", `{"id":"41771983423143937"}`},
	{"GUILD_DELETE", `{"id":"41771983423143937","unavailable":true}`},
	// the bot's own, before its GUILD_CREATE
	{"GUILD_MEMBER_UPDATE", `{"guild_id":"7","user":{"id":"1"},"roles":[],"nick":null,"joined_at":null,"avatar":null,"banner":null}`},
	// "an Audit Log Entry object with an extra guild_id key"; "with user omitted and an additional guild_id key"; "a guild member object with an extra guild_id key"
	{"GUILD_AUDIT_LOG_ENTRY_CREATE", `{"id":"1","action_type":1,"target_id":"3","user_id":"2","guild_id":"7","changes":[{"key":"name","old_value":"a","new_value":["b"]}]}`},
	{"INTEGRATION_CREATE", `{"id":"1","name":"i","type":"discord","enabled":true,"guild_id":"7"}`},
	{"GUILD_MEMBER_ADD", `{"user":{"id":"1"},"roles":[],"guild_id":"7"}`},
	// "array of user objects, optionally with an additional partial member field"
	{"MESSAGE_CREATE", `{"id":"1","channel_id":"2","guild_id":"7","content":"c","member":{"roles":["5"]},"mentions":[{"id":"3","username":"u","member":{"roles":["6"],"nick":"n"}}]}`},
	// "When passing an invalid ID to REQUEST_GUILD_MEMBERS, it will be returned here": malformed ones as numbers
	{"GUILD_MEMBERS_CHUNK", `{"guild_id":"7","members":[],"chunk_index":0,"chunk_count":1,"not_found":["18446744073709551615"],"nonce":"n"}`},
	// "snowflake or integer"
	{"VOICE_CHANNEL_EFFECT_SEND", `{"channel_id":"1","guild_id":"2","user_id":"3","emoji":{"id":null,"name":"x"},"animation_type":0,"animation_id":5,"sound_id":"1","sound_volume":0.5}`},
	// "A null endpoint means that the voice server allocated has gone away"
	{"VOICE_SERVER_UPDATE", `{"guild_id":"41771983423143937","endpoint":null}`},
	{"VOICE_SERVER_UPDATE", `{"guild_id":"41771983423143937","endpoint":"sweetwater-12345.discord.media:2048"}`},
	{"READY", `{"v":10,"user":{"id":"1","username":"b"},"guilds":[{"id":"2","unavailable":true}],"shard":[0,1],"application":{"id":"3","flags":0,"flags_new":"1099511627776"}}`},
	{"RESUMED", `{"_trace":["x"]}`},
	{"RESUMED", `null`},
}

// lost tells what got has not, or otherwise. Zero values, nulls, and fields that nobody documents may be left out.
func lost(path string, want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		got, _ := got.(map[string]any)
		for key, one := range want {
			if there, ok := got[key]; ok || key[0] != '_' && one != nil && one != false && one != json.Number("0") {
				if text := lost(path+"."+key, one, there); text != "" {
					return text
				}
			}
		}
	case []any:
		got, _ := got.([]any)
		if len(got) != len(want) {
			return fmt.Sprintf("%s has %d elements, not %d", path, len(got), len(want))
		}
		for i := range want {
			if text := lost(fmt.Sprintf("%s[%d]", path, i), want[i], got[i]); text != "" {
				return text
			}
		}
	default:
		if want != got {
			return fmt.Sprintf("%s is %v, not %v", path, got, want)
		}
	}
	return ""
}

// TestPages: of what the pages say nothing is odd, and nothing is lost.
func TestPages(t *testing.T) {
	t.Parallel()
	for _, page := range pages {
		event, odd := strictly(t, page.name, page.data)
		if odd != nil {
			t.Errorf("%s: %v", page.data, odd)
		}
		if text := lost(string(page.name), any(parseAny(t, []byte(page.data))), any(parseAny(t, []byte(encode(t, event))))); text != "" {
			t.Errorf("%s: %s", page.data, text)
		}
	}
	// A number stands for an id as well.
	event, odd := strictly(t, "VOICE_CHANNEL_EFFECT_SEND", `{"sound_id":1.0}`)
	if effect := event.(*events.VoiceChannelEffectSend); odd != nil || effect.SoundID != 1 {
		t.Errorf("%+v, %v", effect, odd)
	}
	event, odd = strictly(t, "GUILD_MEMBERS_CHUNK", `{"not_found":[123,"4",1e3]}`)
	if chunk := event.(*events.GuildMembersChunk); odd != nil || fmt.Sprint(chunk.NotFound) != "[123 4 1000]" {
		t.Errorf("%v, %v", chunk.NotFound, odd)
	}
	event, _ = strictly(t, "RATE_LIMITED", pages[1].data)
	if limited := event.(*events.RateLimited); limited.Meta.GuildID != 613425648685547541 || limited.Meta.Nonce != "n" {
		t.Errorf("%+v", limited)
	}
	event, _ = strictly(t, "THREAD_MEMBERS_UPDATE", pages[0].data)
	added := event.(*events.ThreadMembersUpdate).AddedMembers
	if presence, ok := added[0].Presence.Get(); !ok || presence.Status != events.StatusIdle || !added[1].Presence.IsNull() {
		t.Errorf("%+v", added)
	}
}
