package control_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
)

// TestOddFields: fields of any type, which stand in the world afterwards, are sent as they are, and break nothing of the server's.
func TestOddFields(t *testing.T) {
	odd := []string{`5`, `"x"`, `null`, `[]`, `{}`, `true`, `[5]`, `["x"]`}
	keys := []string{"user", "id", "guild_id", "channel_id", "type", "parent_id", "roles", "channels", "threads", "members", "emojis", "stickers", "author",
		"member", "flags", "content", "components", "data", "message", "mentions", "embeds", "name", "features", "permissions", "preferred_locale", "thread_metadata",
		"message_count", "total_message_sent", "self_mute", "session_id", "token", "application_id", "owner_id", "presences", "voice_states", "nick", "status"}
	for _, value := range odd {
		t.Run(value, func(t *testing.T) {
			virtual(t, func(b *bundle) {
				for _, key := range keys {
					fields := fmt.Sprintf(`"fields":{%q:%s}`, key, value)
					for _, order := range []string{
						`{"do":"message","shard":0,"id":1000,` + fields + `}`, `{"do":"edit","message":1000,"content":"<@1>",` + fields + `}`, `{"do":"delete","message":1000}`,
						`{"do":"join","shard":0,"user":900,` + fields + `}`, `{"do":"update-member","shard":0,"user":900,` + fields + `}`, `{"do":"message","shard":0,"user":900,"content":"<@900>"}`,
						`{"do":"voice","shard":0,"user":900,"channel":5,` + fields + `}`, `{"do":"presence","shard":0,"user":900,"status":"idle","activities":[{` + fields[10:len(fields)-1] + `}]}`,
						`{"do":"command","shard":0,"name":"x","user":900,"options":[{"name":"y","type":6,"value":"900"}],` + fields + `}`,
						`{"do":"interact","shard":0,"user":900,` + fields + `}`, `{"do":"leave","shard":0,"user":900}`,
						`{"do":"add-channel","shard":0,"name":"x",` + fields + `}`, `{"do":"update-channel","guild":` + guild0 + `,"channel":` + channel0() + `,` + fields + `}`,
						`{"do":"message","shard":0,"content":"in it"}`, `{"do":"add-role","shard":0,"name":"x",` + fields + `}`,
						`{"do":"update-role","guild":` + guild0 + `,"role":` + guild0 + `,` + fields + `}`, `{"do":"update-guild","shard":0,` + fields + `}`,
						`{"do":"add-guild",` + fields + `}`,
					} {
						if status, answer := b.ask(http.MethodPost, "/orders", order); status != http.StatusOK && status != http.StatusConflict {
							t.Errorf("%s: %d %s", order, status, answer)
						}
						synctest.Wait()
					}
					for _, call := range []string{"/guilds/8388608", "/guilds/8388608/channels", "/guilds/8388608/roles", "/guilds/8388608/members", "/channels/8388609", "/channels/8388609/messages"} {
						b.call(http.MethodGet, call, "")
					}
				}
				b.connect(0)
			})
		})
	}
}
