package gatewaytest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/events/schema"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// dispatched are events as a server makes them.
type dispatched struct {
	mu  sync.Mutex
	all []gatewaytest.Entry
}

func (d *dispatched) option() gatewaytest.Option {
	return gatewaytest.WithTrace(func(e gatewaytest.Entry) {
		if d.mu.Lock(); e.Kind == gatewaytest.Dispatched {
			d.all = append(d.all, e)
		}
		d.mu.Unlock()
	})
}

// TestPayloadsAreWhole: of everything that the world tells and the server answers, each documented field that is not optional is
// there and of its type, nothing is there that is not documented, and a strict decoder finds nothing odd.
func TestPayloadsAreWhole(t *testing.T) {
	d := new(dispatched)
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		live(t, g)
		documented, err := schema.Load()
		if err != nil {
			t.Fatal(err)
		}
		seen := make(map[events.Type]bool)
		for _, e := range d.all {
			seen[e.Type] = true
			whole := judge{s: documented}
			at := slices.IndexFunc(documented.Events, func(o *schema.Object) bool { return o.Name == string(e.Type) })
			if at < 0 {
				t.Errorf("%s is not documented", e.Type)
				continue
			}
			if id := string(e.Data); e.Type == events.TypeGuildDelete && !strings.Contains(id, "unavailable") {
				seen["GUILD_DELETE, removed"] = true
			}
			whole.object(string(e.Type), documented.Events[at], decode(t, e.Data))
			if whole.wrong != nil {
				t.Errorf("%s: %s", strings.Join(slices.Compact(whole.wrong), "; "), e.Data)
			}
			event, known := events.New(e.Type)
			if !known {
				t.Errorf("%s is not known", e.Type)
				continue
			}
			if err := events.DecodeStrict(&events.Raw{Type: e.Type, Data: e.Data}, event); err != nil {
				t.Error(err)
			}
		}
		for _, kind := range []events.Type{
			"READY", "RESUMED", "GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE", "GUILD_DELETE, removed", "GUILD_EMOJIS_UPDATE", "GUILD_STICKERS_UPDATE",
			"CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE", "THREAD_CREATE", "THREAD_UPDATE", "THREAD_DELETE", "GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE",
			"GUILD_ROLE_DELETE", "GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE", "GUILD_MEMBER_REMOVE", "GUILD_MEMBERS_CHUNK", "MESSAGE_CREATE", "MESSAGE_UPDATE",
			"MESSAGE_DELETE", "TYPING_START", "INTERACTION_CREATE", "VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE", "PRESENCE_UPDATE", "RATE_LIMITED",
			"SOUNDBOARD_SOUNDS", "CHANNEL_INFO",
		} {
			if !seen[kind] {
				t.Errorf("%s was never sent", kind)
			}
		}
	}, d.option(), bothGuilds, calm, gatewaytest.WithExact())
}

// live has everything happen that can happen.
func live(t *testing.T, g *gatewaytest.Server) {
	t.Helper()
	w, none := g.World(), gatewaytest.Fields(nil)
	w.Presence(guildA, 1, "idle", gatewaytest.Fields{"name": "chess"})
	c := greeted(t, g, identifyWith(int(events.IntentsAll), 0, 1))
	synctest.Wait()
	kinds := []int{0, 2, 4, 5, 13, 15, 16}
	for _, kind := range kinds {
		id := w.AddChannel(guildA, "channel", gatewaytest.Fields{"type": kind})
		w.UpdateChannel(guildA, id, gatewaytest.Fields{"name": "other"})
	}
	for _, kind := range []int{10, 11, 12} {
		thread := w.AddChannel(guildA, "thread", gatewaytest.Fields{"type": kind, "parent_id": guildA + 1})
		w.UpdateChannel(guildA, thread, gatewaytest.Fields{"name": "other"})
		w.Message(guildA, gatewaytest.Message{Channel: thread, Content: "in a thread"})
	}
	gone := w.AddChannel(guildA, "gone", gatewaytest.Fields{"type": 11, "parent_id": guildA + 1})
	w.RemoveChannel(guildA, gone)
	w.RemoveChannel(guildA, w.AddChannel(guildA, "gone", none))
	role := w.AddRole(guildA, "crew", none)
	w.UpdateRole(guildA, role, gatewaytest.Fields{"hoist": true})
	w.RemoveRole(guildA, w.AddRole(guildA, "gone", none))
	w.UpdateGuild(guildA, gatewaytest.Fields{
		"name": "A", "emojis": []any{gatewaytest.Fields{"name": "blob"}}, "stickers": []gatewaytest.Fields{{"name": "wave", "id": "77"}},
	})
	user := w.Join(guildA, 0, gatewaytest.Fields{"roles": []any{role}})
	w.UpdateMember(guildA, user, gatewaytest.Fields{"nick": "Ann"})
	w.Presence(guildA, 2, "offline")
	message := w.Message(guildA, gatewaytest.Message{Content: fmt.Sprintf("<@%v> <@!1> <@1> <@&%v> <@99> @here", gatewaytest.BotID, role)})
	w.EditMessage(message, "no more", none)
	w.DeleteMessage(message)
	direct := w.DirectMessage(gatewaytest.Message{Content: "<@4242> hi"})
	w.EditMessage(direct, "<@4242> hello", none)
	w.Typing(guildA, 1)
	w.Interact(guildA, 1, gatewaytest.Fields{"data": map[string]any{"id": "9", "name": "ping", "type": 1}})
	w.Interact(0, 1, gatewaytest.Fields{"data": map[string]any{"id": "9", "name": "ping", "type": 1}})
	w.Command(guildA, gatewaytest.Command{Name: "give", Options: []gatewaytest.CommandOption{
		{Name: "to", Value: user}, {Name: "what", Value: role}, {Name: "where", Value: guildA + 1}, {Name: "note", Value: "x"},
	}})
	w.Voice(guildA, 1, guildA+2, none)
	for _, line := range []string{
		`{"op":4,"d":{"guild_id":"` + guildA.String() + `","channel_id":"` + (guildA + 2).String() + `","self_mute":false,"self_deaf":false}}`,
		fmt.Sprintf(full, `"`+guildA.String()+`"`), fmt.Sprintf(full, `"`+guildA.String()+`"`),
		`{"op":8,"d":{"guild_id":"` + guildA.String() + `","user_ids":["1","99"],"presences":true,"nonce":"n"}}`,
		`{"op":31,"d":{"guild_ids":["` + guildA.String() + `"]}}`,
		`{"op":43,"d":{"guild_id":"` + guildA.String() + `","fields":["status","voice_start_time"]}}`,
	} {
		c.send(line)
		synctest.Wait()
	}
	w.Leave(guildA, user)
	w.GuildOutage(guildB, true)
	w.GuildOutage(guildB, false)
	w.RemoveGuild(guildB)
	w.AddGuild(guildB, none)
	id := ""
	for id == "" {
		p, _ := c.next()
		var r struct {
			SessionID string `json:"session_id"`
		}
		if json.Unmarshal(p.D, &r) == nil {
			id = r.SessionID
		}
	}
	g.Shard(0).Drop()
	greeted(t, g, resumeWith(id, 1))
	synctest.Wait()
	time.Sleep(5 * time.Second)
	greeted(t, g, identifyWith(int(events.IntentsAll), 0, 1)) // its GUILD_CREATE has all that is left
	synctest.Wait()
	g.RequireNoViolations(t)
}

func decode(t *testing.T, data []byte) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
