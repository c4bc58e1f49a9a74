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

// TestWritingShapesTheWorld: who is mentioned, what is last in a channel and how much a thread has follow from what is written.
func TestWritingShapesTheWorld(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		w, l := g.World(), listen(t, g, events.IntentsAll, 0, 1)
		thread := w.AddChannel(guildA, "thread", gatewaytest.Fields{"type": 12, "parent_id": guildA + 1})
		role := w.AddRole(guildA, "crew", nil)
		w.Message(guildA, gatewaytest.Message{Channel: thread, Content: "first"})
		last := w.Message(guildA, gatewaytest.Message{Channel: thread, Content: fmt.Sprintf("<@2> <@!%v> <@2> <@77> <@&%v> <@&5> @here", gatewaytest.BotID, role)})
		d := l.last(t, "MESSAGE_CREATE")
		for field, want := range map[string]string{
			"mentions": fmt.Sprintf("[2 %v]", gatewaytest.BotID), "mention_roles": fmt.Sprintf("[%v]", role), "mention_everyone": "true", "position": "1", "channel_type": "12",
		} {
			if got := identities(d[field]); got != want {
				t.Errorf("%s is %s, want %s", field, got, want)
			}
		}
		w.EditMessage(last, "nobody", nil)
		if d := l.last(t, "MESSAGE_UPDATE"); identities(d["mentions"]) != "[]" || d["mention_everyone"] != false {
			t.Errorf("after the edit: %v", d)
		}
		w.UpdateGuild(guildA, gatewaytest.Fields{"emojis": []any{gatewaytest.Fields{"name": "blob"}}, "stickers": []any{gatewaytest.Fields{"id": "88"}}})
		if got := l.events(""); slices.Contains(got, "GUILD_UPDATE") {
			t.Errorf("emojis and stickers alone are no GUILD_UPDATE: %q", got)
		}
		late := listen(t, g, events.IntentsAll, 0, 1)
		d = late.last(t, "GUILD_CREATE")
		for d["id"] != guildA.String() { // that of guild B comes last
			late.told = late.told[:len(late.told)-1]
			d = late.last(t, "GUILD_CREATE")
		}
		threads, emojis := d["threads"].([]any), d["emojis"].([]any)
		if len(threads) != 1 || len(emojis) != 1 || identities(d["stickers"]) != "[88]" || identities(d["channels"]) != fmt.Sprintf("[%v %v]", guildA+1, guildA+2) {
			t.Fatalf("threads %v, emojis %v, stickers %v, channels %v", threads, emojis, d["stickers"], identities(d["channels"]))
		}
		if thread := threads[0].(map[string]any); thread["last_message_id"] != last.String() || thread["message_count"] != 2.0 || emojis[0].(map[string]any)["name"] != "blob" {
			t.Errorf("%v, %v", thread, emojis)
		}
		w.RemoveChannel(guildA, guildA+1)
		defer func() {
			if recover() == nil {
				t.Error("a thread outlives its channel")
			}
		}()
		w.UpdateChannel(guildA, thread, nil)
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
		o, is := each.(map[string]any)
		if !is {
			return fmt.Sprint(v)
		}
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
