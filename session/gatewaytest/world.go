package gatewaytest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// World is the bot's guilds and what happens in them. An event happens to the world once, and
// every session that should hear of it is told: those of the guild's shard, in each total, whose
// intents ask for it. Each session has its own sequence and its own lag ([Script.Lag]), and may
// lose what it is told ([Script.Lose]). What changes a guild shapes the GUILD_CREATE events and
// answers that follow. Two equal events are two.
//
// Orders about what does not exist, such as a guild that the bot is not in, panic with a
// *[WorldError]: they are mistakes of the test. Orders do not wait, and are safe for concurrent use.
//
// Source: events/gateway#sharding, events/gateway#list-of-intents
type World struct {
	server *Server
	// The rest is guarded by the server's lock.
	guilds   map[events.Snowflake]*guild
	order    []events.Snowflake        // of the guilds that were given or added
	listed   map[events.Snowflake]bool // those of order
	messages map[events.Snowflake]object
	recent   []events.Snowflake                    // messages, the oldest first
	direct   map[events.Snowflake]events.Snowflake // users with whom the bot has a channel of direct messages, by the channel
	used     map[events.Snowflake]*interaction
	latest   []events.Snowflake            // interactions, the oldest first
	commands map[events.Snowflake][]object // that the bot has registered: in a guild; 0: everywhere
	lastID   events.Snowflake
	bot      events.Snowflake // the bot's id, as it is told
}

// BotID stands for the bot's own user in orders and data. It is the bot's id as well, unless its token has Discord's form: see [Server.BotID].
const BotID events.Snowflake = 4242

// keptMessages is how many of the latest messages can be edited and deleted.
const keptMessages = 10_000

// object is a JSON object.
type object = map[string]any

// Fields are fields of a JSON object, by their names in Discord's documentation. They come in
// addition to those that an order sets, or in place of them.
type Fields map[string]any

// WorldError says which order to a World cannot be carried out, and what to do instead.
type WorldError struct {
	Order   string
	Problem string
}

// Error implements error.
func (e *WorldError) Error() string { return "gatewaytest: World." + e.Order + ": " + e.Problem }

func newWorld(s *Server) *World {
	w := &World{
		server: s, guilds: make(map[events.Snowflake]*guild), listed: make(map[events.Snowflake]bool), messages: make(map[events.Snowflake]object),
		direct: make(map[events.Snowflake]events.Snowflake), used: make(map[events.Snowflake]*interaction), commands: make(map[events.Snowflake][]object), lastID: 1 << 52, bot: BotID,
	}
	for _, id := range s.set.guilds {
		w.list(id)
	}
	return w
}

// World is the world that the server tells of.
func (s *Server) World() *World { return s.world }

// do carries out an order about a guild, under the server's lock.
func (w *World) do(order string, id events.Snowflake, f func(*guild) error) {
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	g, err := w.lookup(id)
	if err == nil {
		err = f(g)
	}
	if err != nil {
		panic(&WorldError{order, err.Error()})
	}
}

// lookup finds one of the bot's guilds.
func (w *World) lookup(id events.Snowflake) (*guild, error) {
	if !w.has(id) {
		return nil, fmt.Errorf("the bot is not in guild %v: give it with WithGuilds, WithGuildsPerShard or World.AddGuild", id)
	}
	return w.guild(id), nil
}

// list has the bot be in a guild.
func (w *World) list(id events.Snowflake) {
	if !w.listed[id] {
		w.listed[id] = true
		w.order = append(w.order, id)
	}
}

// has reports whether the bot is in a guild.
func (w *World) has(id events.Snowflake) bool {
	if g := w.guilds[id]; g != nil && g.removed {
		return false
	}
	if w.listed[id] {
		return true
	}
	for _, total := range append([]int{w.server.set.shards}, w.server.totals...) {
		if n := uint64(id)>>22/uint64(total) - 1; n < uint64(w.server.set.guildsPerShard) && uint64(id)&(1<<22-1) == 0 {
			return true
		}
	}
	return false
}

// guild is the state of a guild, whether the bot is in it or not.
func (w *World) guild(id events.Snowflake) *guild {
	g := w.guilds[id]
	if g == nil {
		g = newGuild(id, w.server.set.members)
		w.guilds[id] = g
	}
	return g
}

// asked is a guild that a request names. One that the bot is not in answers as a new one would.
func (w *World) asked(id events.Snowflake) *guild {
	if w.guilds[id] != nil || w.has(id) {
		return w.guild(id)
	}
	return newGuild(id, w.server.set.members)
}

// guildsOf are the bot's guilds of a shard.
func (w *World) guildsOf(shard events.ShardID) []*guild {
	var ids []events.Snowflake
	for n := range w.server.set.guildsPerShard {
		ids = append(ids, GuildOf(shard, n))
	}
	for _, id := range w.order {
		if belongs(id, shard) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	var all []*guild
	for _, id := range ids {
		if g := w.guild(id); !g.removed {
			all = append(all, g)
		}
	}
	return all
}

// next is an id that nothing else has.
func (w *World) next() events.Snowflake {
	const discordEpoch = 1_420_070_400_000
	now := max(0, time.Now().UnixMilli()-discordEpoch) << 22
	w.lastID = max(w.lastID+1, events.Snowflake(now))
	return w.lastID
}

// happen tells everybody who should hear of an event. The guild is 0 where there is none. The
// event's data may differ by session: MESSAGE_CONTENT withholds some of it.
func (w *World) happen(guild events.Snowflake, t events.Type, d object) {
	if guild != 0 && w.guild(guild).unavailable {
		return // nobody hears of what happens during an outage
	}
	w.tell(guild, t, d)
}

func (w *World) tell(guild events.Snowflake, t events.Type, d object) {
	whole := w.encode(d)
	w.server.note(nil, Entry{Kind: Happened, Guild: guild, Type: t, Data: whole})
	var blank []byte
	for _, session := range w.server.audience(guild) {
		switch hears, bare := session.hears(t, d); {
		case !hears:
		case bare:
			if blank == nil {
				blank = w.encode(withoutContent(d))
			}
			w.server.hear(session, t, blank)
		default:
			w.server.hear(session, t, whole)
		}
	}
}

// tellEach tells everybody of an event whose data each session sees in its own way.
func (w *World) tellEach(guild events.Snowflake, t events.Type, d func(*sess) object) {
	w.server.note(nil, Entry{Kind: Happened, Guild: guild, Type: t})
	for _, session := range w.server.audience(guild) {
		if hears, _ := session.hears(t, nil); hears {
			w.server.hear(session, t, w.encode(d(session)))
		}
	}
}

// Happen makes an event of any type, with d as its data, in a guild, or in none if the id is 0.
// Who hears of it is decided by the type's intents; a type that Discord does not document is told
// to every session of the shard. The state of the world does not change. It panics if d is not JSON.
func (w *World) Happen(id events.Snowflake, t events.Type, d any) {
	var fields object
	if err := json.Unmarshal(encode(d), &fields); err != nil {
		panic(&WorldError{"Happen", "the data of an event is a JSON object"})
	}
	if id == 0 {
		w.server.mu.Lock()
		defer w.server.mu.Unlock()
		w.tell(0, t, fields)
		return
	}
	w.do("Happen", id, func(*guild) error {
		w.happen(id, t, fields)
		return nil
	})
}

// audience are the sessions that are told of a guild, or of what happens in none: those of shard 0.
//
// Source: events/gateway#sharding
func (s *Server) audience(guild events.Snowflake) (all []*sess) {
	now := time.Now()
	for _, total := range s.totals {
		shard := events.ShardID{Index: int(uint64(guild) >> 22 % uint64(total)), Total: total}
		for _, session := range s.told[shard] {
			if session.conn != nil || !s.dead(session, now) {
				all = append(all, session)
			}
		}
	}
	return all
}

// with is d with fields in addition, or in place of its own.
func with[M ~map[string]any](d M, fields Fields) M {
	maps.Copy(d, fields)
	return d
}

// remember keeps a message, so that it can be edited and deleted.
func (w *World) remember(id events.Snowflake, message object) {
	w.messages[id] = message
	if w.recent = append(w.recent, id); len(w.recent) > keptMessages {
		delete(w.messages, w.recent[0])
		w.recent = w.recent[1:]
	}
}

// sorted are the keys of a map, in order.
func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
