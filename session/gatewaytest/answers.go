package gatewaytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

func (s *Server) presence(d []byte) error {
	var presence struct {
		Since      *int64            `json:"since"`
		Activities []json.RawMessage `json:"activities"`
		Status     events.Status     `json:"status"`
		AFK        *bool             `json:"afk"`
	}
	if err := json.Unmarshal(d, &presence); err != nil {
		return err
	}
	if presence.Activities == nil || presence.Status == "" || presence.AFK == nil {
		return errors.New("activities, status and afk are required")
	}
	return nil
}

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
	if voice.GuildID == nil || voice.ChannelID == nil || voice.SelfMute == nil || voice.SelfDeaf == nil {
		return errors.New("all four fields are required")
	}
	if c.session.intents.Has(events.IntentGuildVoiceStates) {
		s.dispatch(c.session, "VOICE_STATE_UPDATE", map[string]any{
			"guild_id": voice.GuildID, "channel_id": voice.ChannelID, "user_id": botID, "session_id": "voice",
			"deaf": false, "mute": false, "self_mute": voice.SelfMute, "self_deaf": voice.SelfDeaf, "suppress": false,
		})
	}
	if string(voice.ChannelID) != "null" {
		s.dispatch(c.session, "VOICE_SERVER_UPDATE", map[string]any{
			"guild_id": voice.GuildID, "token": "voice-token", "endpoint": "voice.example:443",
		})
	}
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
	} else if ask.UserIDs != nil {
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
	case len(ids) > 100:
		return errors.New("more than 100 user_ids")
	}
	if len(ask.Nonce) > 32 {
		s.violate(c, "nonce", "%d bytes: it is ignored", len(ask.Nonce))
		ask.Nonce = ""
	}
	if events.ShardFor(ask.GuildID, c.shard.Total) != c.shard.Index {
		s.violate(c, "wrong shard", "guild %v is not this shard's", ask.GuildID)
		return nil // nothing answers
	}
	if full := ask.Query != nil && *ask.Query == "" && *ask.Limit == 0; full {
		if !c.session.intents.Has(events.IntentGuildMembers) {
			return nil // nothing answers
		}
		if wait := s.fullLists[ask.GuildID].Sub(now); wait > 0 {
			meta := map[string]any{"guild_id": ask.GuildID}
			if ask.Nonce != "" {
				meta["nonce"] = ask.Nonce
			}
			s.dispatch(c.session, "RATE_LIMITED", map[string]any{
				"opcode": events.OpRequestGuildMembers, "retry_after": wait.Seconds(), "meta": meta,
			})
			return nil
		}
		s.fullLists[ask.GuildID] = now.Add(30 * time.Second)
	}
	members, missing := s.find(ask.Query, ask.Limit, ids)
	s.chunks(c.session, ask.GuildID, ask.Nonce, members, missing, ask.Presences)
	return nil
}

// find gives the ids of the members that were asked for, and those that are none.
func (s *Server) find(query *string, limit *int, ids []events.Snowflake) (members []int, missing []events.Snowflake) {
	for _, id := range ids {
		if id >= 1 && id <= events.Snowflake(s.set.members) {
			members = append(members, int(id))
		} else {
			missing = append(missing, id)
		}
	}
	if query == nil {
		return members, missing
	}
	most := s.set.members
	if *limit > 0 {
		most = min(*limit, 100)
	}
	for id := 1; id <= s.set.members && len(members) < most; id++ {
		if strings.HasPrefix(memberName(id), *query) {
			members = append(members, id)
		}
	}
	return members, missing
}

func memberName(id int) string { return fmt.Sprintf("member-%d", id) }

func (s *Server) chunks(session *sess, guild events.Snowflake, nonce string, ids []int, missing []events.Snowflake, presences bool) {
	const size = 1000
	count := max(1, (len(ids)+size-1)/size)
	for index := range count {
		members, online := []any{}, []any{}
		for _, id := range ids[index*size : min(len(ids), (index+1)*size)] {
			user := map[string]any{"id": events.Snowflake(id), "username": memberName(id), "discriminator": "0"}
			members = append(members, map[string]any{
				"user": user, "roles": []any{}, "joined_at": "2026-01-01T00:00:00Z", "deaf": false, "mute": false, "flags": 0,
			})
			online = append(online, map[string]any{"user": map[string]any{"id": events.Snowflake(id)}, "status": "online"})
		}
		chunk := map[string]any{"guild_id": guild, "members": members, "chunk_index": index, "chunk_count": count}
		if len(missing) > 0 && index == 0 {
			chunk["not_found"] = missing
		}
		if presences && session.intents.Has(events.IntentGuildPresences) {
			chunk["presences"] = online
		}
		if nonce != "" {
			chunk["nonce"] = nonce
		}
		s.dispatch(session, "GUILD_MEMBERS_CHUNK", chunk)
	}
}

func (s *Server) soundboard(c *conn, d []byte) error {
	var ask struct {
		GuildIDs []events.Snowflake `json:"guild_ids"`
	}
	if err := json.Unmarshal(d, &ask); err != nil {
		return err
	}
	for _, guild := range ask.GuildIDs {
		s.dispatch(c.session, "SOUNDBOARD_SOUNDS", map[string]any{
			"guild_id": guild, "soundboard_sounds": []any{
				map[string]any{"name": "quack", "sound_id": "1", "volume": 1, "emoji_id": nil, "emoji_name": nil, "available": true},
			},
		})
	}
	return nil
}

func (s *Server) channelInfo(c *conn, d []byte) error {
	var ask struct {
		GuildID events.Snowflake `json:"guild_id"`
		Fields  []string         `json:"fields"`
	}
	if err := json.Unmarshal(d, &ask); err != nil {
		return err
	}
	channel := map[string]any{"id": ask.GuildID}
	for _, field := range ask.Fields {
		switch field {
		case "status":
			channel[field] = "at work"
		case "voice_start_time":
			channel[field] = time.Now().Unix()
		}
	}
	s.dispatch(c.session, "CHANNEL_INFO", map[string]any{"guild_id": ask.GuildID, "channels": []any{channel}})
	return nil
}
