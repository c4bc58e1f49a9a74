package sim

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/mailru/easyjson/jlexer"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// nature is what happens in the bot's guilds, one thing at a time. Each has an identity, which its
// event carries to whoever hears of it: see factOf.
type nature struct {
	gone    map[events.Snowflake]bool               // the bot is not there
	out     map[events.Snowflake]bool               // it is unavailable
	guests  map[events.Snowflake][]events.Snowflake // who has joined a guild
	written map[events.Snowflake][]events.Snowflake // messages of a guild
}

// guildOf is a guild of a shard's, by any number.
func (p Plan) guildOf(shard, n int) events.Snowflake {
	return gatewaytest.GuildOf(events.ShardID{Index: shard, Total: p.Shards}, n%max(p.Guilds, 1))
}

// guilds are all of them.
func (p Plan) guilds() (all []events.Snowflake) {
	for shard := range p.Shards {
		for n := range max(p.Guilds, 1) {
			all = append(all, p.guildOf(shard, n))
		}
	}
	return all
}

// makeEvents has things happen until the run is over.
func (sim *simulation) makeEvents() {
	for n := 1; ; n++ {
		select {
		case <-sim.over:
			return
		case <-time.After(time.Duration(sim.random.ExpFloat64()*float64(sim.plan.Events)/float64(sim.plan.Shards)) + 1):
		}
		sim.makeEvent(sim.random.IntN(sim.plan.Shards), sim.random)
	}
}

// makeEvent has one thing happen in a guild of a shard. No two are alike, but for those that happen several times at once.
func (sim *simulation) makeEvent(shard int, random *rand.Rand) {
	number := random.Uint64() >> 1
	id, name := events.Snowflake(number), strconv.FormatUint(number, 36)
	kind, guild := random.IntN(24), sim.plan.guildOf(shard, random.IntN(64))
	content := name
	if random.IntN(20) == 0 {
		content += string(make([]byte, random.IntN(6000)))
	}
	again := 1
	if sim.plan.Reshards && number%3 == 0 { // things that are equal in all
		again += int(number>>8) % 3
	}
	if sim.plan.Anchorless && uint64(guild)>>22%2 == 0 {
		kind = []int{1, 2, 3, 4, 5, 6, 10, 10, 10}[number%9]
	}
	world := sim.server.World()
	sim.events.Lock()
	defer sim.events.Unlock()
	if sim.nature.gone[guild] {
		return
	}
	guests, written := sim.nature.guests[guild], sim.nature.written[guild]
	switch {
	case kind == 0 && len(guests) < 3:
		sim.nature.guests[guild] = append(guests, world.Join(guild, id, nil))
	case kind == 0:
		world.Leave(guild, guests[0])
		sim.nature.guests[guild] = guests[1:]
	case kind == 1:
		world.UpdateMember(guild, 1, gatewaytest.Fields{"nick": name})
	case kind == 2:
		world.Presence(guild, 1, "online", gatewaytest.Fields{"name": name, "type": 0})
	case kind == 3:
		world.Voice(guild, 2, id, nil)
	case kind == 4:
		world.UpdateChannel(guild, guild+1, gatewaytest.Fields{"name": name})
	case kind == 5:
		world.UpdateRole(guild, guild, gatewaytest.Fields{"name": name})
	case kind == 6:
		world.UpdateGuild(guild, gatewaytest.Fields{"name": name})
	case kind == 7:
		world.Interact(guild, 1, gatewaytest.Fields{"data": map[string]any{"name": name, "id": "1", "type": 1}})
	case kind == 8 && len(written) > 0:
		world.DeleteMessage(written[0])
		sim.nature.written[guild] = written[1:]
	case kind == 9 && shard == 0:
		world.DirectMessage(gatewaytest.Message{ID: id, Content: content})
	case kind < 14:
		for range again {
			world.Happen(guild, "TYPING_START", map[string]any{"guild_id": guild, "channel_id": "1", "user_id": "2", "timestamp": number >> 12})
		}
	case kind < 17:
		world.Happen(guild, "A_NEW_EVENT", sim.newEvent(guild, name, content))
	default:
		world.Message(guild, gatewaytest.Message{ID: id, Content: content})
		sim.nature.written[guild] = append(written[max(0, len(written)-8):], id)
	}
}

// outage makes a guild unavailable, or ends that.
func (sim *simulation) outage(guild events.Snowflake, on bool) {
	sim.events.Lock()
	defer sim.events.Unlock()
	if sim.nature.out[guild] != on && !sim.nature.gone[guild] {
		sim.nature.out[guild] = on
		sim.server.World().GuildOutage(guild, on)
	}
}

// remove takes the bot out of a guild, or brings it back.
func (sim *simulation) remove(guild events.Snowflake, gone bool) {
	sim.events.Lock()
	defer sim.events.Unlock()
	if sim.nature.gone[guild] == gone {
		return
	}
	if sim.nature.gone[guild] = gone; gone {
		sim.nature.out[guild] = false // it is available when the bot comes back
		sim.server.World().RemoveGuild(guild)
	} else {
		sim.server.World().AddGuild(guild, nil)
	}
}

// factOf is the identity of what an event tells of, or "" if it is nothing that happened in the world.
func factOf(t events.Type, data []byte) string {
	var key string
	switch t {
	case events.TypeMessageCreate, events.TypeMessageDelete:
		key = field(data, "id")
	case events.TypeTypingStart:
		key = field(data, "timestamp")
	case events.TypePresenceUpdate:
		key = field(data, "activities", "name")
	case events.TypeGuildMemberAdd, events.TypeGuildMemberRemove:
		key = field(data, "user", "id")
	case events.TypeGuildMemberUpdate:
		key = field(data, "nick")
	case events.TypeChannelUpdate, events.TypeGuildUpdate:
		key = field(data, "name")
	case events.TypeGuildRoleUpdate:
		key = field(data, "role", "name")
	case events.TypeInteractionCreate:
		key = field(data, "data", "name")
	case events.TypeVoiceStateUpdate:
		key = field(data, "channel_id")
	case "A_NEW_EVENT":
		key = field(data, "x")
	}
	if key == "" || key[0] != '"' && (key[0] < '0' || key[0] > '9') {
		return "" // null, or what a fault has made
	}
	return string(t) + " " + key
}

// field is a field of an object, or of an object in it, as JSON; of a list the first element counts.
func field(data []byte, path ...string) string {
	for _, name := range path {
		l := jlexer.Lexer{Data: data}
		if l.IsDelim('[') {
			l.Delim('[')
		}
		data = nil
		for l.Delim('{'); !l.IsDelim('}') && data == nil; l.WantComma() {
			key := l.UnsafeFieldName(false)
			if l.WantColon(); key == name {
				data = l.Raw()
			} else {
				l.SkipRecursive()
			}
		}
		if l.Error() != nil {
			return ""
		}
	}
	return string(data)
}

// hears reports whether the bot's intents ask for an event, by Discord's list, written down anew: the
// simulated gateway and the product have theirs.
//
// Source: events/gateway#list-of-intents
func (p Plan) hears(t events.Type, guild bool) bool {
	needs := map[events.Type]events.Intents{
		events.TypeGuildUpdate: 1 << 0, events.TypeGuildRoleUpdate: 1 << 0, events.TypeChannelUpdate: 1 << 0, events.TypeGuildMemberAdd: 1 << 1,
		events.TypeGuildMemberRemove: 1 << 1, events.TypeGuildMemberUpdate: 1 << 1, events.TypeVoiceStateUpdate: 1 << 7, events.TypePresenceUpdate: 1 << 8,
		events.TypeMessageCreate: 1 << 9, events.TypeMessageDelete: 1 << 9, events.TypeTypingStart: 1 << 11,
	}[t]
	if !guild && t == events.TypeMessageCreate {
		needs = 1 << 12
	}
	return needs == 0 || p.Intents&needs != 0
}

// wanted are the types that each of the bot's handlers asks for; nil: all.
var wanted = map[string][]events.Type{
	"all": nil, "messages": {events.TypeMessageCreate}, "messages too": {events.TypeMessageCreate}, "voices": {events.TypeVoiceStateUpdate},
	"subscriber": {events.TypeMessageCreate},
}

func wants(handler string, t events.Type) bool {
	return wanted[handler] == nil || slices.Contains(wanted[handler], t)
}

// newEvent is an event that nobody has heard of. It names its guild where the number of shards changes: what names none is told by whoever serves.
func (sim *simulation) newEvent(guild events.Snowflake, name, content string) map[string]any {
	d := map[string]any{"x": name, "content": content, "deep": map[string]any{"a": []any{1, nil, "}]"}}}
	if sim.plan.Reshards {
		d["guild_id"] = guild
	}
	return d
}
