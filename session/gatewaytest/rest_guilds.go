package gatewaytest

import (
	"slices"
	"strings"

	"github.com/signalbox-go/signalbox/events"
)

// inGuild is a route about one of the bot's guilds.
func inGuild(serve func(*exchange, *guild) reply) func(*exchange) reply {
	return func(x *exchange) reply {
		g, err := x.w.lookup(x.id("guild_id"))
		if err != nil {
			return unknownGuild
		}
		return serve(x, g)
	}
}

// Source: resources/guild#get-guild
var getGuild = inGuild(func(x *exchange, g *guild) reply {
	d := g.update()
	if x.request.URL.Query().Get("with_counts") == "true" {
		d["approximate_member_count"], d["approximate_presence_count"] = g.count()+1, g.count()+1
	}
	return ok(d)
})

var listChannels = inGuild(func(_ *exchange, g *guild) reply { return ok(g.channels) })

var listRoles = inGuild(func(_ *exchange, g *guild) reply { return ok(g.roles) })

var getMember = inGuild(func(x *exchange, g *guild) reply {
	if m := g.member(x.id("user_id")); m != nil {
		return ok(m)
	}
	return unknownMember
})

// listMembers answers with members by id, in pages, if the application may ask for the intent.
//
// Source: resources/guild#list-guild-members
var listMembers = inGuild(func(x *exchange, g *guild) reply {
	if x.srv.set.intents&intentMembers == 0 {
		return missingAccess
	}
	ids := []events.Snowflake{x.w.bot}
	g.everybody(func(id events.Snowflake) bool {
		ids = append(ids, id)
		return true
	})
	slices.Sort(ids)
	list := []any{}
	for _, id := range page(x, ids, 1, 1000) {
		list = append(list, g.member(x.w.user(id)))
	}
	return ok(list)
})

// searchMembers answers with members whose name or nickname begins with the query.
//
// Source: resources/guild#search-guild-members
var searchMembers = inGuild(func(x *exchange, g *guild) reply {
	query, list, limit := strings.ToLower(x.request.URL.Query().Get("query")), []any{}, x.number("limit", 1, 1000, 1)
	g.everybody(func(id events.Snowflake) bool {
		nick, _ := g.member(id)["nick"].(string)
		if strings.HasPrefix(strings.ToLower(g.name(id)), query) || nick != "" && strings.HasPrefix(strings.ToLower(nick), query) {
			list = append(list, g.member(id))
		}
		return len(list) < limit
	})
	return ok(list)
})

// inChannel is a route about a channel of the world, which is in no guild if it is one of direct messages.
func inChannel(serve func(x *exchange, g *guild, channel object) reply) func(*exchange) reply {
	return func(x *exchange) reply {
		g, channel := x.w.place(x.id("channel_id"))
		if channel == nil {
			return unknownChannel
		}
		return serve(x, g, channel)
	}
}

// place finds a channel that the bot is in, and its guild.
func (w *World) place(id events.Snowflake) (*guild, object) {
	if user, direct := w.direct[id]; direct {
		return nil, object{"id": id, "type": 1, "recipients": []any{userObject(user, memberName(user))}, "last_message_id": nil, "flags": 0}
	}
	in := func(g *guild) object {
		if among, at := g.at(id); at >= 0 && w.has(g.id) {
			return (*among)[at]
		}
		return nil
	}
	for _, guild := range []events.Snowflake{id - 1, id - 2} { // of the first channels; nobody may have asked about the guild yet
		if w.has(guild) {
			if c := in(w.guild(guild)); c != nil {
				return w.guild(guild), c
			}
		}
	}
	for _, g := range w.guilds {
		if c := in(g); c != nil {
			return g, c
		}
	}
	return nil, nil
}

var getChannel = inChannel(func(_ *exchange, _ *guild, channel object) reply { return ok(channel) })
