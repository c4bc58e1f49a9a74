package gatewaytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// answer does what a client asks for once it has a session. An error says why the payload is
// invalid.
func (s *Server) answer(c *conn, op events.Opcode, d []byte, now time.Time) error {
	switch op {
	case events.OpPresenceUpdate:
		return s.presence(c, d, now)
	case events.OpVoiceStateUpdate:
		return s.voice(c, d)
	case events.OpRequestGuildMembers:
		return s.guildMembers(c, d, now)
	case events.OpRequestSoundboardSounds:
		return s.soundboard(c, d)
	case events.OpRequestChannelInfo:
		return s.channelInfo(c, d, now)
	}
	return errors.New("no such opcode")
}

// presence answers nothing: Update Presence has no answer.
//
// Source: events/gateway-events#update-presence, and #activity-object for its limit, of which
// it is not documented how it is enforced.
func (s *Server) presence(c *conn, d []byte, now time.Time) error {
	var activities []json.RawMessage
	var status string
	var afk bool
	presence := read(d)
	presence.need("activities", &activities)
	presence.need("status", &status)
	if presence.need("afk", &afk); presence.err != nil {
		return presence.err
	}
	if !slices.Contains(statuses, status) {
		return fmt.Errorf("status is %.20q: use online, dnd, idle, invisible or offline", status)
	}
	if now.Before(c.excused) {
		return nil
	}
	if c.presences = append(within(c.presences, now, 20*time.Second), now); len(c.presences) > maxPresences {
		s.violate(c, "presences", "%d in 20 s, of at most %d", len(c.presences), maxPresences)
	}
	return nil
}

// foreign writes it down when a guild is not the shard's: nothing answers then.
func (s *Server) foreign(c *conn, guild events.Snowflake) bool {
	if belongs(guild, c.shard) {
		return false
	}
	s.violate(c, "wrong shard", "guild %v is not this shard's", guild)
	return true
}

// voice answers Update Voice State: with the bot's own state, and with the server when the bot
// joins or moves. A guild that the bot was removed from, or that has an outage, does not answer.
//
// Source: events/gateway-events#update-voice-state
func (s *Server) voice(c *conn, d []byte) error {
	var guild, channel events.Snowflake
	var mute, deaf bool
	voice := read(d)
	voice.need("guild_id", &guild)
	if !voice.is("channel_id", 'n') { // null: leave
		voice.need("channel_id", &channel)
	}
	voice.need("self_mute", &mute)
	if voice.need("self_deaf", &deaf); voice.err != nil {
		return voice.err
	}
	if s.foreign(c, guild) {
		return nil
	}
	g := s.world.guild(guild)
	if g.removed || g.unavailable {
		return nil
	}
	s.world.setVoice(g, BotID, channel, c.session, Fields{"self_mute": mute, "self_deaf": deaf})
	return nil
}

// guildMembers answers Request Guild Members.
//
// Source: events/gateway-events#request-guild-members
func (s *Server) guildMembers(c *conn, d []byte, now time.Time) error {
	ask, err := s.membersAsked(c, d)
	if err != nil {
		return err
	}
	if len(ask.nonce) > 32 {
		s.violate(c, "nonce", "%d bytes: it is ignored", len(ask.nonce))
		ask.nonce = ""
	}
	if s.foreign(c, ask.guild) {
		return nil
	}
	if full := ask.query != nil && *ask.query == "" && ask.limit == 0; full {
		if c.session.intents&intentMembers == 0 {
			return nil // nothing answers
		}
		if wait := s.fullLists[ask.guild].Sub(now); wait > 0 {
			meta := map[string]any{"guild_id": ask.guild}
			if ask.nonce != "" {
				meta["nonce"] = ask.nonce
			}
			s.stats.RateLimited++
			s.dispatch(c.session, "RATE_LIMITED", map[string]any{
				"opcode": events.OpRequestGuildMembers, "retry_after": wait.Seconds(), "meta": meta,
			})
			return nil
		}
		s.fullLists[ask.guild] = now.Add(30 * time.Second)
	}
	g := s.world.asked(ask.guild)
	members, missing := g.search(ask.query, ask.limit, s.world.users(ask.ids))
	s.chunks(c.session, g, ask.nonce, members, missing, ask.presences)
	return nil
}

// members is what a Request Guild Members asks for. One of query and ids is nil.
type members struct {
	guild     events.Snowflake
	query     *string
	limit     int
	ids       []events.Snowflake
	presences bool
	nonce     string
}

func (s *Server) membersAsked(c *conn, d []byte) (ask members, err error) {
	r, limited := read(d), false
	if r.is("guild_id", '[') && s.lets(c, "guild_id", "a list of one in the guild_id of Request Guild Members: it is the guild") {
		var guilds []events.Snowflake
		if r.need("guild_id", &guilds); len(guilds) == 1 {
			ask.guild = guilds[0]
		} else {
			r.fail("guild_id is a list of %d: ask for one guild", len(guilds))
		}
	} else {
		r.need("guild_id", &ask.guild)
	}
	r.may("query", &ask.query)
	limited = r.may("limit", &ask.limit)
	if r.is("user_ids", '[') {
		r.may("user_ids", &ask.ids)
	} else if id := events.Snowflake(0); r.may("user_ids", &id) {
		ask.ids = []events.Snowflake{id}
	}
	r.may("presences", &ask.presences)
	r.may("nonce", &ask.nonce)
	switch {
	case ask.query == nil && ask.ids == nil:
		r.fail("query and user_ids are missing: one of them is needed")
	case ask.query != nil && ask.ids != nil:
		r.fail("query and user_ids are both there: send one of them")
	case ask.query != nil && !limited:
		r.fail("limit is missing: it is needed with query")
	case ask.query != nil && (ask.limit < 0 || ask.limit == 0 && *ask.query != ""):
		r.fail("limit is %d: 0 is for an empty query, and none is negative", ask.limit)
	case len(ask.ids) > 100:
		r.fail("user_ids has %d ids: at most 100", len(ask.ids))
	}
	return ask, r.err
}

func memberName(id events.Snowflake) string { return "member-" + id.String() }

func (s *Server) chunks(session *sess, g *guild, nonce string, ids, missing []events.Snowflake, presences bool) {
	const size = 1000
	count := max(1, (len(ids)+size-1)/size)
	for index := range count {
		members, online := []any{}, []any{}
		for _, id := range ids[index*size : min(len(ids), (index+1)*size)] {
			members = append(members, g.member(id))
			if p := g.presence(id); p != nil {
				online = append(online, p)
			}
		}
		chunk := object{"guild_id": g.id, "members": members, "chunk_index": index, "chunk_count": count}
		if len(missing) > 0 && index == 0 {
			chunk["not_found"] = missing
		}
		if presences && session.intents&intentPresences != 0 {
			chunk["presences"] = online
		}
		if nonce != "" {
			chunk["nonce"] = nonce
		}
		s.dispatch(session, "GUILD_MEMBERS_CHUNK", chunk)
	}
}

// soundboard answers Request Soundboard Sounds, guild by guild.
//
// Source: events/gateway-events#request-soundboard-sounds
func (s *Server) soundboard(c *conn, d []byte) error {
	var guilds []events.Snowflake
	ask := read(d)
	if ask.need("guild_ids", &guilds); ask.err != nil {
		return ask.err
	}
	for _, guild := range guilds {
		if s.foreign(c, guild) {
			continue
		}
		s.dispatch(c.session, "SOUNDBOARD_SOUNDS", map[string]any{
			"guild_id": guild, "soundboard_sounds": s.world.asked(guild).sounds(),
		})
	}
	return nil
}

// channelInfo answers Request Channel Info, with the guild's voice channels.
//
// Source: events/gateway-events#request-channel-info
func (s *Server) channelInfo(c *conn, d []byte, now time.Time) error {
	var guild events.Snowflake
	var fields []string
	ask := read(d)
	ask.need("guild_id", &guild)
	if ask.need("fields", &fields); ask.err != nil {
		return ask.err
	}
	if s.foreign(c, guild) {
		return nil
	}
	channels := []any{}
	for _, of := range s.world.asked(guild).channels {
		if of["type"] != 2 {
			continue
		}
		channel := object{"id": of["id"]}
		for _, field := range fields {
			switch field {
			case "status":
				channel[field] = "at work"
			case "voice_start_time":
				channel[field] = now.Unix()
			}
		}
		channels = append(channels, channel)
	}
	s.dispatch(c.session, "CHANNEL_INFO", object{"guild_id": guild, "channels": channels})
	return nil
}
