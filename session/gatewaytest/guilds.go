package gatewaytest

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/signalbox-go/signalbox/events"
)

// AddGuild adds the bot to a guild (GUILD_CREATE), also to one that it was removed from, and
// returns its id: 0 asks for one that no other has. The fields are those of the guild object.
//
// Source: events/gateway-events#guild-create
func (w *World) AddGuild(id events.Snowflake, fields Fields) events.Snowflake {
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	if id == 0 {
		for id = events.Snowflake(len(w.order)+1) << 22; w.guilds[id] != nil || w.has(id); id += 1 << 22 {
		}
	}
	if w.has(id) {
		panic(&WorldError{"AddGuild", fmt.Sprintf("the bot is in guild %v already: use UpdateGuild", id)})
	}
	g := w.guild(id)
	g.removed = false
	g.fields = with(g.fields, fields)
	g.fields["id"] = id
	w.list(id)
	w.tellEach(id, "GUILD_CREATE", func(session *sess) object {
		d := g.create(session)
		delete(d, "unavailable") // false is what was expected; that a new guild has none is observed, and libraries tell by it
		return d
	})
	return id
}

// UpdateGuild changes fields of a guild (GUILD_UPDATE). Emojis and stickers are told of on their own (GUILD_EMOJIS_UPDATE and
// GUILD_STICKERS_UPDATE), and need no more than the fields that matter: those that there were and are not named are gone.
func (w *World) UpdateGuild(id events.Snowflake, fields Fields) {
	w.do("UpdateGuild", id, func(g *guild) error {
		fields = with(Fields{}, fields)
		for _, kind := range []struct {
			field  string
			update events.Type
			whole  func(object) object
		}{
			{"emojis", "GUILD_EMOJIS_UPDATE", w.emojiObject},
			{"stickers", "GUILD_STICKERS_UPDATE", func(fields object) object { return w.stickerObject(id, fields) }},
		} {
			given, has := fields[kind.field]
			if !has {
				continue
			}
			var all []object
			if json.Unmarshal(encode(given), &all) != nil {
				return fmt.Errorf("%s is no list of objects", kind.field)
			}
			for i := range all {
				all[i] = kind.whole(all[i])
			}
			g.fields[kind.field] = list(all)
			w.happen(id, kind.update, object{"guild_id": id, kind.field: list(all)})
			if delete(fields, kind.field); len(fields) == 0 {
				return nil
			}
		}
		g.fields = with(g.fields, fields)
		g.fields["id"] = id
		w.happen(id, "GUILD_UPDATE", g.update())
		return nil
	})
}

// RemoveGuild removes the bot from a guild (GUILD_DELETE without unavailable). The bot's voice
// state there ends with it, and nobody is told.
//
// Source: events/gateway-events#guild-delete
func (w *World) RemoveGuild(id events.Snowflake) {
	w.do("RemoveGuild", id, func(g *guild) error {
		g.removed, g.unavailable = true, false
		delete(g.voices, BotID)
		w.tell(id, "GUILD_DELETE", object{"id": id})
		return nil
	})
}

// GuildOutage makes a guild unavailable (GUILD_DELETE with unavailable), or available again
// (GUILD_CREATE). Of what happens in a guild meanwhile nobody is told.
//
// Source: events/gateway#guild-availability
func (w *World) GuildOutage(id events.Snowflake, on bool) {
	w.do("GuildOutage", id, func(g *guild) error {
		switch {
		case on && !g.unavailable:
			w.tell(id, "GUILD_DELETE", object{"id": id, "unavailable": true})
		case !on && g.unavailable:
			w.tellEach(id, "GUILD_CREATE", g.create)
		}
		g.unavailable = on
		return nil
	})
}

// AddChannel makes a channel (CHANNEL_CREATE), or by its type a thread (THREAD_CREATE), and returns its id. The fields are those of
// the channel object; without a type it is a text channel. A thread needs the parent_id of a channel.
func (w *World) AddChannel(guildID events.Snowflake, name string, fields Fields) (id events.Snowflake) {
	w.do("AddChannel", guildID, func(g *guild) error {
		id = w.next()
		c := with(g.channelObject(id, name, integer(fields["type"]), len(g.channels)), fields)
		c["id"], c["guild_id"], c["type"] = id, g.id, integer(c["type"])
		if !isThread(integer(c["type"])) {
			g.channels = append(g.channels, c)
			w.happen(g.id, "CHANNEL_CREATE", c)
			return nil
		}
		parent := snowflake(fmt.Sprint(c["parent_id"]))
		if find(g.channels, parent) < 0 {
			return fmt.Errorf("guild %v has no channel %v: give a thread the parent_id of a channel", guildID, parent)
		}
		c["parent_id"] = parent
		g.threads = append(g.threads, c)
		w.happen(g.id, "THREAD_CREATE", with(object{"newly_created": true}, Fields(c)))
		return nil
	})
	return id
}

// UpdateChannel changes fields of a channel (CHANNEL_UPDATE) or of a thread (THREAD_UPDATE).
func (w *World) UpdateChannel(guildID, id events.Snowflake, fields Fields) {
	w.do("UpdateChannel", guildID, func(g *guild) error {
		among, at := g.at(id)
		if at < 0 {
			return g.noChannel(id)
		}
		c := with(with(object{}, Fields((*among)[at])), fields)
		c["id"], c["type"] = id, integer(c["type"])
		(*among)[at] = c
		if isThread(integer(c["type"])) {
			w.happen(g.id, "THREAD_UPDATE", c)
		} else {
			w.happen(g.id, "CHANNEL_UPDATE", c)
		}
		return nil
	})
}

// RemoveChannel deletes a channel (CHANNEL_DELETE) or a thread (THREAD_DELETE). Who is in it, if it is a voice channel, leaves; its
// threads end with it, and nobody is told.
func (w *World) RemoveChannel(guildID, id events.Snowflake) {
	w.do("RemoveChannel", guildID, func(g *guild) error {
		among, at := g.at(id)
		if at < 0 {
			return g.noChannel(id)
		}
		c := (*among)[at]
		*among = slices.Delete(slices.Clone(*among), at, at+1)
		if isThread(integer(c["type"])) {
			w.happen(g.id, "THREAD_DELETE", object{"id": id, "guild_id": g.id, "parent_id": c["parent_id"], "type": c["type"]})
			return nil
		}
		for _, user := range sorted(g.voices) {
			if g.voices[user].state["channel_id"] == id {
				w.setVoice(g, user, 0, nil, nil)
			}
		}
		g.threads = slices.DeleteFunc(slices.Clone(g.threads), func(thread object) bool { return thread["parent_id"] == id })
		w.happen(g.id, "CHANNEL_DELETE", c)
		return nil
	})
}

// AddRole makes a role (GUILD_ROLE_CREATE) and returns its id.
func (w *World) AddRole(guildID events.Snowflake, name string, fields Fields) (id events.Snowflake) {
	w.do("AddRole", guildID, func(g *guild) error {
		id = w.next()
		role := with(roleObject(id, name, len(g.roles)), fields)
		role["id"] = id
		g.roles = append(g.roles, role)
		w.happen(g.id, "GUILD_ROLE_CREATE", object{"guild_id": g.id, "role": role})
		return nil
	})
	return id
}

// UpdateRole changes fields of a role (GUILD_ROLE_UPDATE).
func (w *World) UpdateRole(guildID, id events.Snowflake, fields Fields) {
	w.do("UpdateRole", guildID, func(g *guild) error {
		at := find(g.roles, id)
		if at < 0 {
			return fmt.Errorf("guild %v has no role %v", guildID, id)
		}
		role := with(with(object{}, Fields(g.roles[at])), fields)
		role["id"] = id
		g.roles[at] = role
		w.happen(g.id, "GUILD_ROLE_UPDATE", object{"guild_id": g.id, "role": role})
		return nil
	})
}

// RemoveRole deletes a role (GUILD_ROLE_DELETE).
func (w *World) RemoveRole(guildID, id events.Snowflake) {
	w.do("RemoveRole", guildID, func(g *guild) error {
		at := find(g.roles, id)
		if at < 0 {
			return fmt.Errorf("guild %v has no role %v", guildID, id)
		}
		g.roles = slices.Delete(slices.Clone(g.roles), at, at+1)
		w.happen(g.id, "GUILD_ROLE_DELETE", object{"guild_id": g.id, "role_id": id})
		return nil
	})
}

// Join adds a member to a guild (GUILD_MEMBER_ADD) and returns the user's id: 0 asks for one
// that no other has. The fields are those of the member object.
//
// Source: events/gateway-events#guild-member-add
func (w *World) Join(guildID, user events.Snowflake, fields Fields) events.Snowflake {
	w.do("Join", guildID, func(g *guild) error {
		if user == 0 {
			user = w.next()
		}
		if g.member(user) != nil {
			return fmt.Errorf("user %v is a member of guild %v already: use UpdateMember", user, guildID)
		}
		m := with(memberObject(userObject(user, "user-"+user.String()), stamp()), fields)
		if user <= events.Snowflake(g.base) {
			delete(g.left, user)
		} else {
			g.joined = append(g.joined, user)
		}
		g.members[user] = m
		w.happen(g.id, "GUILD_MEMBER_ADD", with(object{"guild_id": g.id}, Fields(m)))
		return nil
	})
	return user
}

// UpdateMember changes fields of a member (GUILD_MEMBER_UPDATE). Of the bot itself, by [BotID], it
// hears without the intent as well.
func (w *World) UpdateMember(guildID, user events.Snowflake, fields Fields) {
	w.do("UpdateMember", guildID, func(g *guild) error {
		user := w.user(user)
		m := g.member(user)
		if m == nil {
			return fmt.Errorf("user %v is no member of guild %v", user, guildID)
		}
		m = with(with(object{}, Fields(m)), fields)
		g.members[user] = m
		w.happen(g.id, "GUILD_MEMBER_UPDATE", with(object{"guild_id": g.id}, Fields(m)))
		return nil
	})
}

// Leave takes a member out of a guild (GUILD_MEMBER_REMOVE), and out of its voice channel. For
// the bot itself use [World.RemoveGuild].
func (w *World) Leave(guildID, user events.Snowflake) {
	w.do("Leave", guildID, func(g *guild) error {
		user := w.user(user)
		m := g.member(user)
		if m == nil || user == BotID {
			return fmt.Errorf("user %v is no member of guild %v that can leave", user, guildID)
		}
		if g.voices[user] != nil {
			w.setVoice(g, user, 0, nil, nil)
		}
		delete(g.members, user)
		delete(g.presences, user)
		if at := slices.Index(g.joined, user); at >= 0 {
			g.joined = slices.Delete(g.joined, at, at+1)
		} else {
			g.left[user] = true
		}
		w.happen(g.id, "GUILD_MEMBER_REMOVE", object{"guild_id": g.id, "user": m["user"]})
		return nil
	})
}
