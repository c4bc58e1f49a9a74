package gatewaytest_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestTokenNamesTheBot: a token of Discord's form begins with the bot's id, and the server tells no other.
func TestTokenNamesTheBot(t *testing.T) {
	t.Parallel()
	of := func(id string) string { return base64.RawStdEncoding.EncodeToString([]byte(id)) + ".GxYzAb.s3cret" }
	for token, want := range map[string]events.Snowflake{
		"": gatewaytest.BotID, "token": gatewaytest.BotID, of("81384788765712384"): 81384788765712384, of("4242"): 4242,
		of("0"): gatewaytest.BotID, of("bot"): gatewaytest.BotID, "ODEzODQ3ODg3NjU3MTIzODQ": gatewaytest.BotID, "MTIz=.x.y": 123,
	} {
		if got := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithToken(token)).BotID(); got != want {
			t.Errorf("%q: %v, want %v", token, got, want)
		}
	}
}

// TestBotIsTheTokens: whatever is told of the bot has its own id, and orders may name it by that or by BotID.
func TestBotIsTheTokens(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		const id = events.Snowflake(81384788765712384)
		guild := gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)
		c := greeted(t, g, fmt.Sprintf(`{"op":2,"d":{"token":"ODEzODQ3ODg3NjU3MTIzODQ.x.y","properties":{},"intents":%d}}`, events.IntentsAll))
		has := func(kind string) {
			t.Helper()
			p, _ := c.next()
			if p.T != kind || !bytes.Contains(p.D, []byte(id.String())) || bytes.Contains(p.D, []byte(`"4242"`)) {
				t.Errorf("%s, want %s: %.300s", p.T, kind, p.D)
			}
		}
		has("READY")
		has("GUILD_CREATE")
		for _, user := range []events.Snowflake{id, gatewaytest.BotID} {
			g.World().UpdateMember(guild, user, gatewaytest.Fields{"nick": "me"})
			has("GUILD_MEMBER_UPDATE")
			g.World().Message(guild, gatewaytest.Message{Author: user, Content: "x"})
			has("MESSAGE_CREATE")
		}
		g.World().Message(guild, gatewaytest.Message{Content: "<@" + id.String() + "> hello"})
		has("MESSAGE_CREATE")
		c.send(fmt.Sprintf(`{"op":8,"d":{"guild_id":"%v","user_ids":["%v"]}}`, guild, id))
		has("GUILD_MEMBERS_CHUNK")
		c.send(fmt.Sprintf(`{"op":4,"d":{"guild_id":"%v","channel_id":"%v","self_mute":false,"self_deaf":false}}`, guild, guild+2))
		has("VOICE_STATE_UPDATE")
		if g.BotID() != id {
			t.Errorf("the bot is %v", g.BotID())
		}
	}, gatewaytest.WithGuildsPerShard(1))
}
