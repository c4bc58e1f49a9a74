package gatewaytest

import (
	"bytes"
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
	var presence struct {
		Activities []json.RawMessage `json:"activities"`
		Status     string            `json:"status"`
		AFK        *bool             `json:"afk"`
	}
	if err := json.Unmarshal(d, &presence); err != nil {
		return err
	}
	if presence.Activities == nil || presence.AFK == nil {
		return errors.New("activities, status and afk are required")
	}
	if !slices.Contains(statuses, presence.Status) {
		return fmt.Errorf("%.20q is no status", presence.Status)
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
	var voice struct {
		GuildID   *events.Snowflake `json:"guild_id"`
		ChannelID json.RawMessage   `json:"channel_id"`
		SelfMute  *bool             `json:"self_mute"`
		SelfDeaf  *bool             `json:"self_deaf"`
	}
	if err := json.Unmarshal(d, &voice); err != nil {
		return err
	}
	var channel *events.Snowflake
	if voice.GuildID == nil || voice.ChannelID == nil || voice.SelfMute == nil || voice.SelfDeaf == nil {
		return errors.New("all four fields are required")
	}
	if err := json.Unmarshal(voice.ChannelID, &channel); err != nil {
		return err
	}
	if s.foreign(c, *voice.GuildID) {
		return nil
	}
	g, to := s.world.guild(*voice.GuildID), events.Snowflake(0)
	if channel != nil {
		to = *channel
	}
	if g.removed || g.unavailable {
		return nil
	}
	s.world.setVoice(g, BotID, to, c.session, Fields{"self_mute": *voice.SelfMute, "self_deaf": *voice.SelfDeaf})
	return nil
}

// guildMembers answers Request Guild Members.
//
// Source: events/gateway-events#request-guild-members
func (s *Server) guildMembers(c *conn, d []byte, now time.Time) error {
	var ask struct {
		GuildID   events.Snowflake `json:"guild_id"`
		Query     *string          `json:"query"`
		Limit     *int             `json:"limit"`
		UserIDs   json.RawMessage  `json:"user_ids"`
		Presences bool             `json:"presences"`
		Nonce     string           `json:"nonce"`
	}
	if err := json.Unmarshal(d, &ask); err != nil {
		return err
	}
	var ids []events.Snowflake
	if bytes.HasPrefix(ask.UserIDs, []byte("[")) {
		if err := json.Unmarshal(ask.UserIDs, &ids); err != nil {
			return err
		}
	} else if ask.UserIDs != nil && string(ask.UserIDs) != "null" {
		ids = make([]events.Snowflake, 1)
		if err := json.Unmarshal(ask.UserIDs, &ids[0]); err != nil {
			return err
		}
	}
	switch {
	case (ask.Query == nil) == (ids == nil):
		return errors.New("one of query and user_ids is required")
	case ask.Query != nil && ask.Limit == nil:
		return errors.New("limit is required with query")
	case ask.Query != nil && (*ask.Limit < 0 || *ask.Limit == 0 && *ask.Query != ""):
		return errors.New("a limit of 0 is for an empty query, and none is negative")
	case len(ids) > 100:
		return errors.New("more than 100 user_ids")
	}
	if len(ask.Nonce) > 32 {
		s.violate(c, "nonce", "%d bytes: it is ignored", len(ask.Nonce))
		ask.Nonce = ""
	}
	if s.foreign(c, ask.GuildID) {
		return nil
	}
	if full := ask.Query != nil && *ask.Query == "" && *ask.Limit == 0; full {
		if c.session.intents&intentMembers == 0 {
			return nil // nothing answers
		}
		if wait := s.fullLists[ask.GuildID].Sub(now); wait > 0 {
			meta := map[string]any{"guild_id": ask.GuildID}
			if ask.Nonce != "" {
				meta["nonce"] = ask.Nonce
			}
			s.stats.RateLimited++
			s.dispatch(c.session, "RATE_LIMITED", map[string]any{
				"opcode": events.OpRequestGuildMembers, "retry_after": wait.Seconds(), "meta": meta,
			})
			return nil
		}
		s.fullLists[ask.GuildID] = now.Add(30 * time.Second)
	}
	g := s.world.asked(ask.GuildID)
	members, missing := g.search(ask.Query, ask.Limit, s.world.users(ids))
	s.chunks(c.session, g, ask.Nonce, members, missing, ask.Presences)
	return nil
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
	var ask struct {
		GuildIDs []events.Snowflake `json:"guild_ids"`
	}
	if err := json.Unmarshal(d, &ask); err != nil {
		return err
	}
	if ask.GuildIDs == nil {
		return errors.New("guild_ids is required")
	}
	for _, guild := range ask.GuildIDs {
		if s.foreign(c, guild) {
			continue
		}
		s.dispatch(c.session, "SOUNDBOARD_SOUNDS", map[string]any{
			"guild_id": guild, "soundboard_sounds": []any{
				map[string]any{"name": "quack", "sound_id": "1", "volume": 1, "emoji_id": nil, "emoji_name": nil, "available": true},
			},
		})
	}
	return nil
}

// channelInfo answers Request Channel Info, with the guild's voice channels.
//
// Source: events/gateway-events#request-channel-info
func (s *Server) channelInfo(c *conn, d []byte, now time.Time) error {
	var ask struct {
		GuildID *events.Snowflake `json:"guild_id"`
		Fields  []string          `json:"fields"`
	}
	if err := json.Unmarshal(d, &ask); err != nil {
		return err
	}
	if ask.GuildID == nil || ask.Fields == nil {
		return errors.New("guild_id and fields are required")
	}
	if s.foreign(c, *ask.GuildID) {
		return nil
	}
	channels := []any{}
	for _, of := range s.world.asked(*ask.GuildID).channels {
		if of["type"] != 2 {
			continue
		}
		channel := object{"id": of["id"]}
		for _, field := range ask.Fields {
			switch field {
			case "status":
				channel[field] = "at work"
			case "voice_start_time":
				channel[field] = now.Unix()
			}
		}
		channels = append(channels, channel)
	}
	s.dispatch(c.session, "CHANNEL_INFO", object{"guild_id": ask.GuildID, "channels": channels})
	return nil
}
