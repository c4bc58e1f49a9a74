package session

import (
	"slices"

	"github.com/signalbox-go/signalbox/events"
)

// guilds counts the guilds of a shard, and knows by id only those that are away: READY names all of them, each comes once by GUILD_CREATE,
// and one that comes and was not away is new. At rest it keeps no ids but those of outages that have begun since: of what has not come a
// heartbeat after READY it keeps the number alone, as a Snapshot does.
//
// Where ids are not known, a new guild may be taken for one that was away, until that one comes and is taken for new: the count is right when
// all are back. It stays wrong, until READY counts anew, by one for each guild of which no id was known and that, instead of coming, the bot is removed
// from, or another outage is told of: so many new ones are not counted. Of a READY that cannot be read all guilds are new, and those in an
// outage are missing. Without the intent nothing tells of guilds after READY.
//
// Source: events/gateway#guild-availability
type guilds struct {
	count   int
	away    []events.Snowflake // sorted; of READY that have not come, and in an outage
	unnamed int                // more of those, of which the ids are not known
	seq     int64              // events up to it are counted
	loading bool               // those of READY still come
	heard   bool               // since the latest look, at whether they do
}

// begin counts those of READY.
func (g *guilds) begin(named []events.Snowflake, intents events.Intents) {
	slices.Sort(named)
	named = slices.Compact(named)
	*g = guilds{count: len(named)}
	if intents&events.IntentGuilds != 0 {
		g.away, g.loading = named, len(named) > 0
	}
}

// look forgets, if nothing has come since it last did, which guilds of READY have not.
func (g *guilds) look() {
	if g.loading && !g.heard {
		g.away, g.unnamed, g.loading = nil, len(g.away), false
	}
	g.heard = false
}

// took reports whether an event is to be counted: one that comes again was.
func (g *guilds) took(seq int64) bool {
	if seq > 0 && seq <= g.seq {
		return false
	}
	g.seq = max(g.seq, seq)
	return true
}

// came takes a GUILD_CREATE. Its id is looked for only while there are guilds away, since it may stand behind all members.
//
// Source: events/gateway-events#guild-create
func (g *guilds) came(raw *events.Raw) {
	g.heard = true
	away := isStub(raw.Data)
	if !away && len(g.away) == 0 && g.unnamed == 0 {
		g.count++
		return
	}
	id := events.GuildOf(raw)
	i, was := slices.BinarySearch(g.away, id)
	switch {
	case was && away:
	case was:
		g.forget(i)
	case g.unnamed > 0:
		if !away {
			g.unnamed--
		}
	default:
		g.count++
		if away {
			g.away = slices.Insert(g.away, i, id)
		}
	}
}

// went takes a GUILD_DELETE: the bot was removed, or there is an outage. One that cannot be read removes nothing.
//
// Source: events/gateway-events#guild-delete
func (g *guilds) went(raw *events.Raw) {
	g.heard = true
	guild, ok := events.GuildVoiceOf(raw.Data, 0)
	if !ok || guild.GuildID == 0 {
		return
	}
	i, was := slices.BinarySearch(g.away, guild.GuildID)
	switch {
	case guild.Unavailable:
		if !was {
			g.away = slices.Insert(g.away, i, guild.GuildID)
		}
		return
	case was:
		g.forget(i)
	}
	g.count = max(g.count-1, 0)
	g.unnamed = min(g.unnamed, g.count)
}

// forget takes a guild from those that are away, and gives up room that is not needed any more.
func (g *guilds) forget(i int) {
	g.away = slices.Delete(g.away, i, i+1)
	if len(g.away) == 0 {
		g.away, g.loading = nil, false
	} else if 4*len(g.away) <= cap(g.away) {
		g.away = slices.Clone(g.away)
	}
}

const stubBytes = 128 // a guild that has come is longer: its fields alone are

// isStub reports whether a GUILD_CREATE names a guild in an outage, and no more.
//
// Source: resources/guild#unavailable-guild-object
func isStub(data []byte) bool {
	if len(data) > stubBytes {
		return false
	}
	guild, _ := events.GuildVoiceOf(data, 0)
	return guild.Unavailable
}
