package gatewaytest

import (
	"slices"

	"github.com/signalbox-go/signalbox/events"
)

// getSelf answers with the bot's own user.
//
// Source: resources/user#get-current-user
func getSelf(x *exchange) reply {
	return ok(with(x.w.self(), Fields{"locale": "en-US", "premium_type": 0}))
}

// getUser answers with anybody whom the world knows.
func getUser(x *exchange) reply {
	id := x.id("user_id")
	if id == BotID || id >= 1 && id <= events.Snowflake(x.srv.set.members) {
		return ok(newGuild(0, x.srv.set.members).member(id)["user"])
	}
	for _, g := range x.w.guilds {
		if m := g.member(id); m != nil {
			return ok(m["user"])
		}
	}
	return unknownUser
}

// all are the ids of the bot's guilds, in order.
func (w *World) all() []events.Snowflake {
	ids := slices.Clone(w.order)
	for _, total := range append([]int{w.server.set.shards}, w.server.totals...) {
		for index := range total {
			for n := range w.server.set.guildsPerShard {
				ids = append(ids, GuildOf(events.ShardID{Index: index, Total: total}, n))
			}
		}
	}
	slices.Sort(ids)
	return slices.DeleteFunc(slices.Compact(ids), func(id events.Snowflake) bool { return !w.has(id) })
}

// listOwnGuilds answers with the bot's guilds, in pages.
//
// Source: resources/user#get-current-user-guilds
func listOwnGuilds(x *exchange) reply {
	list := []any{}
	for _, id := range page(x, x.w.all(), 200, 200) {
		fields := x.w.guild(id).fields
		partial := object{"id": id, "owner": false, "permissions": permissions, "approximate_member_count": x.w.guild(id).count() + 1}
		for _, field := range []string{"name", "icon", "banner", "features"} {
			partial[field] = fields[field]
		}
		list = append(list, partial)
	}
	return ok(list)
}

// page is what a query asks for of ids in order: at most limit of them, which is most if the query does
// not say, after one, or the last ones before one.
func page(x *exchange, ids []events.Snowflake, without, most int) []events.Snowflake {
	query, limit := x.request.URL.Query(), x.number("limit", 1, most, without)
	if after := snowflake(query.Get("after")); after != 0 {
		at, found := slices.BinarySearch(ids, after)
		if found {
			at++
		}
		ids = ids[at:]
	}
	if before := snowflake(query.Get("before")); before != 0 {
		at, _ := slices.BinarySearch(ids, before)
		ids = ids[max(0, at-limit):at]
	}
	return ids[:min(limit, len(ids))]
}
