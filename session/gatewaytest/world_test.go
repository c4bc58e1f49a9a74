package gatewaytest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// guildA is of shard 0, and guildB of shard 1, of 2; both are of shard 0 of 1.
const guildA, guildB events.Snowflake = 2 << 22, 3 << 22

var bothGuilds = gatewaytest.WithGuilds(guildA, guildB)

// listener is a session that writes down all that it is told.
type listener struct {
	*client
	mu   sync.Mutex
	told []payload
}

// listen begins a session, and gives what it is told after that.
func listen(t *testing.T, g *gatewaytest.Server, intents events.Intents, shard, total int) *listener {
	t.Helper()
	time.Sleep(5 * time.Second) // one Identify of a key
	l := &listener{client: greeted(t, g, identifyWith(int(intents), shard, total))}
	go func() {
		for {
			p, code := l.next()
			if code != 0 {
				return
			}
			l.mu.Lock()
			l.told = append(l.told, p)
			l.mu.Unlock()
		}
	}()
	synctest.Wait()
	return l
}

// events are what it was told, as "TYPE" or "TYPE field" by the event's own field.
func (l *listener) events(field string) (all []string) {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.told {
		if p.Op != 0 || p.T == "READY" {
			continue
		}
		var d map[string]any
		_ = json.Unmarshal(p.D, &d) // what is no object has no field
		text := p.T
		if v, ok := d[field]; ok {
			text += " " + fmt.Sprint(v)
		}
		all = append(all, text)
	}
	return all
}

// last is the data of the latest event of a type.
func (l *listener) last(t *testing.T, kind string) (d map[string]any) {
	t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range slices.Backward(l.told) {
		if p.T == kind {
			if err := json.Unmarshal(p.D, &d); err != nil {
				t.Fatal(err)
			}
			return d
		}
	}
	t.Fatalf("no %s came", kind)
	return nil
}

const talk = events.IntentGuildMessages | events.IntentMessageContent

// TestWorldTellsEachSessionThatShouldHear: an event happens once, and the shard of each total hears
// of it, with its own sequence; those of other shards and intents do not.
func TestWorldTellsEachSessionThatShouldHear(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		one := listen(t, g, talk, 0, 1)
		zero := listen(t, g, talk, 0, 2)
		first := listen(t, g, talk, 1, 2)
		deaf := listen(t, g, events.IntentGuildMessageTyping, 1, 2)
		for range 2 {
			g.World().Message(guildB, gatewaytest.Message{Content: "hello"})
		}
		g.Session(1).Dispatch("MESSAGE_CREATE", map[string]any{"content": "to one session alone"})
		both := []string{"MESSAGE_CREATE hello", "MESSAGE_CREATE hello"} // two equal events are two
		for name, check := range map[string]struct {
			got  *listener
			want []string
		}{"0 of 1": {one, append(both, "MESSAGE_CREATE to one session alone")}, "0 of 2": {zero, nil}, "1 of 2": {first, both}, "without the intent": {deaf, nil}} {
			if got := check.got.events("content"); !slices.Equal(got, check.want) {
				t.Errorf("%s heard %q", name, got)
			}
		}
		if ids := first.events("id"); ids[0] == ids[1] {
			t.Errorf("two messages have one id: %v", ids)
		}
		if s := first.told[len(first.told)-1].S; s != 3 { // READY is 1
			t.Errorf("the second message has sequence %d in a session of its own", s)
		}
		if got := rules(g); len(got) != 0 {
			t.Errorf("violations: %v", got)
		}
	}, bothGuilds, gatewaytest.WithParallelSessions(), calm)
}

// calm asks for no heartbeats in the time of a test.
var calm = gatewaytest.WithHeartbeatInterval(time.Hour)

// TestWorldWithholdsContentWithoutTheIntent, but for the bot's own messages, those that mention it,
// and those that are written to it.
func TestWorldWithholdsContentWithoutTheIntent(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		bare := listen(t, g, events.IntentGuildMessages|events.IntentDirectMessages, 0, 1)
		w := g.World()
		id := w.Message(guildA, gatewaytest.Message{Content: "secret", Fields: gatewaytest.Fields{"embeds": []any{map[string]any{"title": "x"}}, "poll": map[string]any{}}})
		if d := bare.last(t, "MESSAGE_CREATE"); d["content"] != "" || len(d["embeds"].([]any)) != 0 || d["poll"] != nil {
			t.Errorf("without MESSAGE_CONTENT: %v", d)
		}
		w.EditMessage(id, "another secret", nil)
		w.Message(guildA, gatewaytest.Message{Content: "<@4242> hello"})
		w.Message(guildA, gatewaytest.Message{Content: "mine", Author: gatewaytest.BotID})
		w.DirectMessage(gatewaytest.Message{Content: "direct"})
		w.DeleteMessage(id)
		want := []string{"MESSAGE_CREATE ", "MESSAGE_UPDATE ", "MESSAGE_CREATE <@4242> hello", "MESSAGE_CREATE mine", "MESSAGE_CREATE direct", "MESSAGE_DELETE"}
		if got := bare.events("content"); !slices.Equal(got, want) {
			t.Errorf("heard %q", got)
		}
	}, bothGuilds, calm)
}

// TestDirectMessagesGoToShardZeroOfEachTotal, with an intent of their own.
func TestDirectMessagesGoToShardZeroOfEachTotal(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		all := map[string]*listener{
			"0 of 1": listen(t, g, events.IntentsAll, 0, 1), "0 of 2": listen(t, g, events.IntentsAll, 0, 2), "1 of 2": listen(t, g, talk, 1, 2),
			"guild messages only": listen(t, g, talk, 0, 3),
		}
		for _, l := range all {
			l.told = nil
		}
		g.World().DirectMessage(gatewaytest.Message{Content: "hi"})
		for name, l := range all {
			got, want := l.events("content"), []string{"MESSAGE_CREATE hi"}
			if name == "1 of 2" || name == "guild messages only" {
				want = nil
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s heard %q", name, got)
			}
		}
	}, calm)
}

// TestVoiceStateIsTheWorlds: the bot's own state is told to all, its voice server to the session
// that asked; it ends with that session, and others may move and disconnect the bot.
func TestVoiceStateIsTheWorlds(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		const voice = events.IntentGuildVoiceStates
		asks, sees := listen(t, g, voice, 0, 1), listen(t, g, voice, 0, 2)
		asks.send(`{"op":4,"d":{"guild_id":"` + guildA.String() + `","channel_id":"7","self_mute":true,"self_deaf":false}}`)
		synctest.Wait()
		g.World().Voice(guildA, gatewaytest.BotID, 8, nil)
		g.World().Voice(guildA, gatewaytest.BotID, 8, gatewaytest.Fields{"mute": true})
		if d := sees.last(t, "VOICE_STATE_UPDATE"); d["mute"] != true || d["self_mute"] != true {
			t.Errorf("muted by somebody: %v", d)
		}
		_ = asks.ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""))
		want := []string{"VOICE_STATE_UPDATE 7", "VOICE_STATE_UPDATE 8", "VOICE_STATE_UPDATE 8", "VOICE_STATE_UPDATE <nil>"}
		if got := sees.events("channel_id"); !slices.Equal(got, want) {
			t.Errorf("the other session heard %q", got)
		}
		wantOwn := []string{"VOICE_STATE_UPDATE 7", "VOICE_SERVER_UPDATE", "VOICE_STATE_UPDATE 8", "VOICE_SERVER_UPDATE", "VOICE_STATE_UPDATE 8"}
		if got := asks.events("channel_id"); !slices.Equal(got[:5], wantOwn) {
			t.Errorf("the session that asked heard %q", got)
		}
	}, bothGuilds, calm)
}

// TestIntentsGateEachType: with one intent alone a session hears what Discord's list says, written down here anew.
func TestIntentsGateEachType(t *testing.T) {
	gated := map[events.Intents][]events.Type{
		1 << 0: {"GUILD_UPDATE", "GUILD_ROLE_CREATE", "CHANNEL_CREATE", "CHANNEL_PINS_UPDATE", "THREAD_CREATE", "THREAD_LIST_SYNC", "STAGE_INSTANCE_CREATE", "VOICE_CHANNEL_STATUS_UPDATE"},
		1 << 1: {"GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE", "GUILD_MEMBER_REMOVE"}, 1 << 2: {"GUILD_BAN_ADD", "GUILD_AUDIT_LOG_ENTRY_CREATE"},
		1 << 3: {"GUILD_EMOJIS_UPDATE", "GUILD_STICKERS_UPDATE", "GUILD_SOUNDBOARD_SOUND_CREATE", "GUILD_SOUNDBOARD_SOUNDS_UPDATE"},
		1 << 4: {"GUILD_INTEGRATIONS_UPDATE", "INTEGRATION_CREATE"}, 1 << 5: {"WEBHOOKS_UPDATE"}, 1 << 6: {"INVITE_CREATE"},
		1 << 7: {"VOICE_STATE_UPDATE", "VOICE_CHANNEL_EFFECT_SEND"}, 1 << 8: {"PRESENCE_UPDATE"},
		1 << 9: {"MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_DELETE_BULK"}, 1 << 10: {"MESSAGE_REACTION_ADD", "MESSAGE_REACTION_REMOVE_EMOJI"},
		1 << 11: {"TYPING_START"}, 1 << 15: nil, 1 << 16: {"GUILD_SCHEDULED_EVENT_CREATE", "GUILD_SCHEDULED_EVENT_USER_ADD"}, 1 << 20: {"AUTO_MODERATION_RULE_CREATE"},
		1 << 21: {"AUTO_MODERATION_ACTION_EXECUTION"}, 1 << 24: {"MESSAGE_POLL_VOTE_ADD"},
	}
	always := []events.Type{"INTERACTION_CREATE", "ENTITLEMENT_CREATE", "APPLICATION_COMMAND_PERMISSIONS_UPDATE", "GUILD_MEMBERS_CHUNK", "NEVER_HEARD_OF"}
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		hears := make(map[events.Intents]*listener)
		for intent := range gated {
			hears[intent] = listen(t, g, intent, 0, 1)
			hears[intent].told = nil
		}
		for _, types := range append(slices.Collect(maps.Values(gated)), always) {
			for _, kind := range types {
				g.World().Happen(guildA, kind, map[string]any{"guild_id": guildA, "user": map[string]any{"id": "77"}})
			}
		}
		for intent, want := range gated {
			var all []string
			for _, kind := range append(want, always...) {
				all = append(all, string(kind))
			}
			got := hears[intent].events("")
			slices.Sort(got)
			if slices.Sort(all); !slices.Equal(got, all) {
				t.Errorf("with %v alone it hears %q, want %q", intent, got, all)
			}
		}
		g.World().UpdateMember(guildA, gatewaytest.BotID, gatewaytest.Fields{"nick": "me"})
		if d := hears[1<<5].last(t, "GUILD_MEMBER_UPDATE"); d["nick"] != "me" { // of itself the bot hears without the intent
			t.Errorf("the bot's own member: %v", d)
		}
	}, bothGuilds, gatewaytest.WithParallelSessions(), calm)
}

// TestWorldRefusesOrdersAboutNothing with a clear text.
func TestWorldRefusesOrdersAboutNothing(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		w := g.World()
		for name, order := range map[string]func(){
			"Message":       func() { w.Message(5<<22, gatewaytest.Message{}) },
			"Leave":         func() { w.Leave(guildA, 99) },
			"EditMessage":   func() { w.EditMessage(99, "", nil) },
			"UpdateChannel": func() { w.UpdateChannel(guildA, 99, nil) },
			"RemoveRole":    func() { w.RemoveRole(guildA, 99) },
			"AddGuild":      func() { w.AddGuild(guildA, nil) },
			"Join":          func() { w.Join(guildA, 1, nil) },
			"Voice":         func() { w.Voice(guildA, gatewaytest.BotID, 1, nil) },
			"Presence":      func() { w.Presence(guildA, 1, "asleep") },
			"Happen":        func() { w.Happen(guildA, "X", []any{1}) },
		} {
			func() {
				defer func() {
					err, _ := recover().(error)
					var refused *gatewaytest.WorldError
					if !errors.As(err, &refused) || refused.Order != name || refused.Problem == "" {
						t.Errorf("%s: %v", name, err)
					}
				}()
				order()
			}()
		}
	}, bothGuilds)
}
