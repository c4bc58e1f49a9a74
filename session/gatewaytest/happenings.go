package gatewaytest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// Message is what somebody writes. The zero value of a field is its default.
type Message struct {
	ID      events.Snowflake // 0: one that nothing else has
	Channel events.Snowflake // of the guild; 0: its first text channel, or the author's own channel with the bot
	Author  events.Snowflake // 0: member 1
	Content string           // <@4242> mentions the bot
	Fields  Fields           // further fields of the message object
}

// Message has a member write a message (MESSAGE_CREATE), and returns its id.
//
// Source: events/gateway-events#message-create
func (w *World) Message(guildID events.Snowflake, m Message) (id events.Snowflake) {
	w.do("Message", guildID, func(g *guild) error {
		if m.Channel == 0 {
			m.Channel = g.channel(0)
		}
		if _, at := g.at(m.Channel); at < 0 {
			return g.noChannel(m.Channel)
		}
		m.Author = w.user(m.Author)
		author, err := w.resolve(&m, g)
		if err != nil {
			return err
		}
		id = w.publish(g.id, m, w.messageObject(&m, g, author))
		return nil
	})
	return id
}

// DirectMessage has somebody write to the bot, in no guild, and returns the message's id.
func (w *World) DirectMessage(m Message) (id events.Snowflake) {
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	if m.Author = w.user(m.Author); m.Author == 0 {
		m.Author = 1
	}
	if m.Channel == 0 {
		m.Channel = w.directChannel(m.Author)
	}
	w.direct[m.Channel] = m.Author
	return w.publish(0, m, w.messageObject(&m, nil, object{"user": userObject(m.Author, w.userName(m.Author))}))
}

// resolve finds the author of a message.
func (w *World) resolve(m *Message, g *guild) (object, error) {
	if m.Author == 0 {
		m.Author = 1
	}
	author := g.member(m.Author)
	if author == nil {
		return nil, fmt.Errorf("user %v is no member of guild %v: name one of its members as Author", m.Author, g.id)
	}
	return author, nil
}

// messageObject is a message of a member, whose guild is nil in direct messages.
//
// Source: resources/message#message-object, events/gateway-events#message-create
func (w *World) messageObject(m *Message, g *guild, author object) object {
	if m.ID == 0 {
		m.ID = w.next()
	}
	d := with(object{
		"channel_id": m.Channel, "author": author["user"], "content": m.Content, "timestamp": stamp(), "edited_timestamp": nil, "tts": false,
		"attachments": []any{}, "embeds": []any{}, "components": []any{}, "pinned": false, "type": 0, "channel_type": 1, "flags": 0,
	}, w.mentions(g, m.Content))
	if g == nil {
		return d
	}
	d["guild_id"], d["member"], d["channel_type"] = g.id, ofMessage(author), textChannel
	if among, at := g.at(m.Channel); at >= 0 {
		d["channel_type"] = (*among)[at]["type"]
		(*among)[at] = written((*among)[at], m.ID, d)
	}
	return d
}

// written is a channel in which a message was written, whose place in a thread it gets.
func written(c object, id events.Snowflake, message object) object {
	c = with(with(object{}, Fields(c)), Fields{"last_message_id": id})
	if isThread(integer(c["type"])) {
		message["position"] = integer(c["total_message_sent"])
		c["message_count"], c["total_message_sent"] = integer(c["message_count"])+1, integer(c["total_message_sent"])+1
	}
	return c
}

func (w *World) publish(guild events.Snowflake, m Message, d object) events.Snowflake {
	d = with(d, m.Fields)
	d["id"] = m.ID
	w.remember(m.ID, d)
	w.happen(guild, "MESSAGE_CREATE", d)
	return m.ID
}

// EditMessage changes a message's content (MESSAGE_UPDATE). Of all messages the latest 10,000 can
// be edited and deleted.
func (w *World) EditMessage(id events.Snowflake, content string, fields Fields) {
	w.revise("EditMessage", id, func(d object) { w.edit(d, with(with(Fields{}, fields), Fields{"content": content})) })
}

// DeleteMessage deletes a message (MESSAGE_DELETE).
func (w *World) DeleteMessage(id events.Snowflake) {
	w.revise("DeleteMessage", id, w.erase)
}

// edit changes fields of a message.
func (w *World) edit(d object, fields Fields) object {
	id, guild := d["id"].(events.Snowflake), guildOf(d)
	d = with(object{}, Fields(d))
	if text, says := fields["content"].(string); says {
		d = with(d, w.mentions(w.within(guild), text))
	}
	d = with(d, fields)
	d["id"], d["edited_timestamp"] = id, stamp()
	w.messages[id] = d
	w.happen(guild, "MESSAGE_UPDATE", d)
	return d
}

// erase deletes a message.
func (w *World) erase(d object) {
	id, guild := d["id"].(events.Snowflake), guildOf(d)
	delete(w.messages, id)
	gone := object{"id": id, "channel_id": d["channel_id"]}
	if guild != 0 {
		gone["guild_id"] = guild
	}
	w.happen(guild, "MESSAGE_DELETE", gone)
}

// within is the guild of an id, or nil for 0.
func (w *World) within(id events.Snowflake) *guild {
	if id == 0 {
		return nil
	}
	return w.guild(id)
}

// guildOf is the guild of a message, or 0.
func guildOf(d object) events.Snowflake {
	guild, _ := d["guild_id"].(events.Snowflake)
	return guild
}

func (w *World) revise(order string, id events.Snowflake, f func(object)) {
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	d := w.messages[id]
	if d == nil {
		panic(&WorldError{order, fmt.Sprintf("there is no message %v: use the id that Message returned", id)})
	}
	f(d)
}

// Messages are the messages of a channel as they stand, the oldest first: those of the bot too, but for ones that are
// shown to one user alone (see [Interaction]).
func (w *World) Messages(channel events.Snowflake) (all []json.RawMessage) {
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	for _, id := range w.history(channel) {
		all = append(all, w.encode(w.messages[id]))
	}
	return all
}

// history is what anybody in a channel can read, the oldest first.
func (w *World) history(channel events.Snowflake) (ids []events.Snowflake) {
	for _, id := range w.recent {
		if d := w.messages[id]; d != nil && d["channel_id"] == channel && !ephemeral(d) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Typing has a member begin to type in the guild's first text channel (TYPING_START).
func (w *World) Typing(guildID, user events.Snowflake) {
	w.do("Typing", guildID, func(g *guild) error {
		user := w.user(user)
		member := g.member(user)
		if member == nil {
			return fmt.Errorf("user %v is no member of guild %v", user, guildID)
		}
		w.happen(g.id, "TYPING_START", object{"guild_id": g.id, "channel_id": g.channel(0), "user_id": user, "timestamp": time.Now().Unix(), "member": member})
		return nil
	})
}

func stamp() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000000+00:00") }

// Voice has a user join a voice channel, move to it, or leave (channel 0). For the bot itself, by
// [BotID], it is what somebody else does to it: it is moved, with a new voice server, or
// disconnected. The bot joins by Update Voice State alone.
//
// Source: events/gateway-events#voice-state-update
func (w *World) Voice(guildID, user, channel events.Snowflake, fields Fields) {
	w.do("Voice", guildID, func(g *guild) error {
		user := w.user(user)
		before := g.voices[user]
		switch {
		case g.member(user) == nil:
			return fmt.Errorf("user %v is no member of guild %v", user, guildID)
		case user == BotID && before == nil:
			return fmt.Errorf("the bot is in no voice channel of guild %v: let it join first", guildID)
		}
		var owner *sess
		if before != nil {
			owner = before.owner
		}
		w.setVoice(g, user, channel, owner, fields)
		return nil
	})
}

// setVoice changes a user's voice state, and tells of it. The session that has the bot in a
// channel is told of the voice server when the channel is another one, or was another session's.
func (w *World) setVoice(g *guild, user, channel events.Snowflake, owner *sess, fields Fields) {
	before := g.voices[user]
	state := object{
		"guild_id": g.id, "user_id": user, "member": g.member(user), "session_id": "voice-" + user.String(),
		"deaf": false, "mute": false, "self_deaf": false, "self_mute": false, "self_stream": false, "self_video": false, "suppress": false, "request_to_speak_timestamp": nil,
	}
	if before != nil {
		state = with(object{}, Fields(before.state))
	}
	if owner != nil {
		state["session_id"] = fmt.Sprintf("voice-%v-%d", user, owner.number)
	}
	state = with(state, fields)
	moved := channel != 0 && (before == nil || before.state["channel_id"] != channel || before.owner != owner)
	if state["channel_id"] = any(channel); channel == 0 {
		state["channel_id"] = nil
		delete(g.voices, user)
	} else {
		g.voices[user] = &voice{state, owner}
	}
	w.happen(g.id, "VOICE_STATE_UPDATE", state)
	if moved && owner != nil && !g.unavailable {
		w.server.dispatch(owner, "VOICE_SERVER_UPDATE", object{"guild_id": g.id, "token": "voice-token", "endpoint": "voice.example:443"})
	}
}

// hangUp takes the bot out of the voice channels that a session had it in.
func (w *World) hangUp(session *sess) {
	for _, id := range sorted(w.guilds) {
		if g := w.guilds[id]; g.voices[BotID] != nil && g.voices[BotID].owner == session {
			w.setVoice(g, BotID, 0, nil, nil)
		}
	}
}

// Presence changes a member's presence (PRESENCE_UPDATE). A status of "offline" is none.
//
// Source: events/gateway-events#presence-update
func (w *World) Presence(guildID, user events.Snowflake, status string, activities ...Fields) {
	w.do("Presence", guildID, func(g *guild) error {
		user := w.user(user)
		if g.member(user) == nil {
			return fmt.Errorf("user %v is no member of guild %v", user, guildID)
		}
		if !slices.Contains(statuses, status) {
			return fmt.Errorf("%.20q is no status: use online, dnd, idle or offline", status)
		}
		list := []any{}
		for _, a := range activities {
			list = append(list, activityObject(a))
		}
		p := presenceObject(user, status, list)
		if g.presences[user] = p; status == "offline" {
			g.presences[user] = nil
		}
		w.happen(g.id, "PRESENCE_UPDATE", with(object{"guild_id": g.id}, Fields(p)))
		return nil
	})
}

var statuses = []string{"online", "dnd", "idle", "invisible", "offline"}
