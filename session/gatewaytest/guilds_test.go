package gatewaytest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestStateShapesLaterGuilds: what happened to a guild is in the GUILD_CREATE of a session that begins later.
func TestStateShapesLaterGuilds(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		w := g.World()
		early := listen(t, g, events.IntentsAll, 0, 1)
		early.told = nil
		text := w.AddChannel(guildA, "news", nil)
		stage := w.AddChannel(guildA, "stage", gatewaytest.Fields{"type": 13})
		w.UpdateChannel(guildA, text, gatewaytest.Fields{"name": "old news"})
		w.RemoveChannel(guildA, guildA+1)
		role := w.AddRole(guildA, "crew", nil)
		w.UpdateRole(guildA, role, gatewaytest.Fields{"name": "guards"})
		gone := w.AddRole(guildA, "gone", nil)
		w.RemoveRole(guildA, gone)
		user := w.Join(guildA, 0, gatewaytest.Fields{"roles": []any{role}})
		w.UpdateMember(guildA, user, gatewaytest.Fields{"nick": "Ann"})
		w.Leave(guildA, 2)
		w.Presence(guildA, 1, "idle", gatewaytest.Fields{"name": "chess", "type": 0})
		w.Presence(guildA, 3, "offline")
		w.Voice(guildA, 3, guildA+2, nil)
		w.Voice(guildA, user, guildA+2, nil)
		w.Voice(guildA, user, 0, nil)
		w.UpdateGuild(guildA, gatewaytest.Fields{"name": "A"})
		want := []string{
			"CHANNEL_CREATE", "CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE", "GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE", "GUILD_ROLE_CREATE", "GUILD_ROLE_DELETE",
			"GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE", "GUILD_MEMBER_REMOVE", "PRESENCE_UPDATE", "PRESENCE_UPDATE", "VOICE_STATE_UPDATE", "VOICE_STATE_UPDATE", "VOICE_STATE_UPDATE", "GUILD_UPDATE",
		}
		if got := early.events(""); !slices.Equal(got, want) {
			t.Errorf("heard %q", got)
		}
		late := listen(t, g, events.IntentsAll, 2, 3) // the shard of guild A alone
		d := late.last(t, "GUILD_CREATE")
		for field, want := range map[string]string{
			"name": "A", "member_count": "4", "channels": fmt.Sprintf("[%v %v %v]", guildA+2, text, stage), "roles": fmt.Sprintf("[%v %v]", guildA, role),
			"members": fmt.Sprintf("[%v 1 3 %v]", gatewaytest.BotID, user), "presences": "[1]", "voice_states": "[3]",
		} {
			if got := identities(d[field]); got != want {
				t.Errorf("%s is %s, want %s", field, got, want)
			}
		}
		shy := listen(t, g, events.IntentGuilds|events.IntentGuildVoiceStates, 2, 3)
		d = shy.last(t, "GUILD_CREATE")
		if got := identities(d["members"]); got != fmt.Sprintf("[%v 3]", gatewaytest.BotID) {
			t.Errorf("without GUILD_PRESENCES it is told of members %s: only the bot and who is in voice", got)
		}
	}, bothGuilds, gatewaytest.WithParallelSessions(), calm)
}

// identities are the ids of a list of objects, or of the users in them.
func identities(v any) string {
	list, ok := v.([]any)
	if !ok {
		return fmt.Sprint(v)
	}
	var ids []any
	for _, each := range list {
		o := each.(map[string]any)
		switch user, _ := o["user"].(map[string]any); {
		case user != nil:
			ids = append(ids, user["id"])
		case o["user_id"] != nil:
			ids = append(ids, o["user_id"])
		default:
			ids = append(ids, o["id"])
		}
	}
	return fmt.Sprint(ids)
}

// TestGuildsComeAndGo: the bot joins, an outage, the bot is removed; and sessions begin with what is so then.
func TestGuildsComeAndGo(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		w := g.World()
		l := listen(t, g, events.IntentGuilds|talk, 0, 1)
		l.told = nil
		added := w.AddGuild(0, gatewaytest.Fields{"name": "new"})
		w.GuildOutage(guildA, true)
		w.Message(guildA, gatewaytest.Message{Content: "nobody hears"})
		during := listen(t, g, events.IntentGuilds, 0, 1)
		w.GuildOutage(guildA, false)
		w.Message(guildA, gatewaytest.Message{Content: "heard again"})
		w.RemoveGuild(guildB)
		after := listen(t, g, events.IntentGuilds, 0, 1)
		a, b, n := guildA.String(), guildB.String(), added.String()
		for name, check := range map[string]struct {
			got  *listener
			want []string
		}{
			"early":  {l, []string{"GUILD_CREATE " + n, "GUILD_DELETE " + a, "GUILD_CREATE " + a, "MESSAGE_CREATE", "GUILD_DELETE " + b}},
			"during": {during, []string{"GUILD_DELETE " + a, "GUILD_CREATE " + b, "GUILD_CREATE " + n, "GUILD_CREATE " + a, "GUILD_DELETE " + b}},
			"after":  {after, []string{"GUILD_CREATE " + a, "GUILD_CREATE " + n}},
		} {
			got := check.got.events("id")
			for i := range got {
				if strings.HasPrefix(got[i], "MESSAGE_CREATE") {
					got[i] = "MESSAGE_CREATE"
				}
			}
			if !slices.Equal(got, check.want) {
				t.Errorf("%s: %q, want %q", name, got, check.want)
			}
		}
		if d := l.last(t, "GUILD_DELETE"); d["unavailable"] != nil {
			t.Errorf("a guild that the bot was removed from: %v", d)
		}
	}, bothGuilds, gatewaytest.WithParallelSessions(), calm)
}
