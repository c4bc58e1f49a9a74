package events

import (
	"encoding/json"
	"time"

	"github.com/signalbox-go/signalbox/events/discord"
)

// The names of the receive events that this package decodes.
const (
	TypeReady             Type = "READY"
	TypeResumed           Type = "RESUMED"
	TypeRateLimited       Type = "RATE_LIMITED"
	TypeGuildCreate       Type = "GUILD_CREATE"
	TypeGuildDelete       Type = "GUILD_DELETE"
	TypeMessageCreate     Type = "MESSAGE_CREATE"
	TypeGuildMembersChunk Type = "GUILD_MEMBERS_CHUNK"
	TypeSoundboardSounds  Type = "SOUNDBOARD_SOUNDS"
	TypeChannelInfo       Type = "CHANNEL_INFO"
	TypeVoiceStateUpdate  Type = "VOICE_STATE_UPDATE"
	TypeVoiceServerUpdate Type = "VOICE_SERVER_UPDATE"
)

func init() {
	register(
		func() Event { return new(Ready) },
		func() Event { return new(Resumed) },
		func() Event { return new(RateLimited) },
		func() Event { return new(GuildCreate) },
		func() Event { return new(GuildDelete) },
		func() Event { return new(MessageCreate) },
		func() Event { return new(GuildMembersChunk) },
		func() Event { return new(SoundboardSounds) },
		func() Event { return new(ChannelInfo) },
		func() Event { return new(VoiceStateUpdate) },
		func() Event { return new(VoiceServerUpdate) },
	)
}

// Hello is the first payload of a connection (op 10).
//
// Source: events/gateway-events#hello
type Hello struct {
	HeartbeatInterval int64 `json:"heartbeat_interval"` // milliseconds
}

// Ready says that a new session has started. SessionID and ResumeGatewayURL are secrets: with
// the token, they take the session over.
//
// Source: events/gateway-events#ready
type Ready struct {
	Version          int                        `json:"v"`
	User             discord.User               `json:"user"`
	Guilds           []discord.UnavailableGuild `json:"guilds"`
	SessionID        Secret                     `json:"session_id"`
	ResumeGatewayURL Secret                     `json:"resume_gateway_url"`
	Shard            *ShardID                   `json:"shard,omitempty"`
	Application      discord.PartialApplication `json:"application"`
}

// Resumed says that all events missed while a session was away have been sent again.
//
// Source: events/gateway-events#resumed
type Resumed struct{}

// RateLimited says that a send event was not carried out, since its own limit was reached.
//
// Source: events/gateway-events#rate-limited
type RateLimited struct {
	Opcode     Opcode          `json:"opcode"`
	RetryAfter float64         `json:"retry_after"` // seconds
	Meta       json.RawMessage `json:"meta"`        // differs by opcode
}

// RateLimitedMembers is RateLimited's Meta for Request Guild Members.
type RateLimitedMembers struct {
	GuildID Snowflake `json:"guild_id"`
	Nonce   string    `json:"nonce,omitempty"`
}

// GuildCreate says that a guild became available: at the start of a session, after an outage,
// or because the bot has joined it.
//
// Source: events/gateway-events#guild-create
type GuildCreate struct {
	discord.Guild
	JoinedAt    *time.Time `json:"joined_at,omitempty"`
	Large       bool       `json:"large,omitempty"`
	Unavailable bool       `json:"unavailable,omitempty"`
	MemberCount int        `json:"member_count,omitempty"`
}

// GuildDelete says that a guild became unavailable (an outage), or that the bot has left it.
//
// Source: events/gateway-events#guild-delete
type GuildDelete struct {
	ID          Snowflake `json:"id"`
	Unavailable *bool     `json:"unavailable,omitempty"` // nil: the bot was removed
}

// MessageCreate is a new message.
//
// Source: events/gateway-events#message-create
type MessageCreate struct {
	discord.Message
	GuildID Snowflake            `json:"guild_id,omitempty"` // 0 in direct messages
	Member  *discord.GuildMember `json:"member,omitempty"`
}

// GuildMembersChunk is one part of the answer to RequestGuildMembers.
//
// Source: events/gateway-events#guild-members-chunk
type GuildMembersChunk struct {
	GuildID    Snowflake             `json:"guild_id"`
	Members    []discord.GuildMember `json:"members"`
	ChunkIndex int                   `json:"chunk_index"` // from 0 to ChunkCount-1
	ChunkCount int                   `json:"chunk_count"`
	NotFound   []Snowflake           `json:"not_found,omitempty"`
	Presences  []json.RawMessage     `json:"presences,omitempty"`
	Nonce      string                `json:"nonce,omitempty"`
}

// SoundboardSounds answers RequestSoundboardSounds for one guild.
//
// Source: events/gateway-events#soundboard-sounds
type SoundboardSounds struct {
	GuildID Snowflake                 `json:"guild_id"`
	Sounds  []discord.SoundboardSound `json:"soundboard_sounds"`
}

// ChannelInfo answers RequestChannelInfo. As a reply it carries a Receipt as well.
//
// Source: events/gateway-events#channel-info
type ChannelInfo struct {
	Receipt  `json:"-"`
	GuildID  Snowflake             `json:"guild_id"`
	Channels []discord.ChannelInfo `json:"channels"`
}

// VoiceStateUpdate says that somebody joined, left or changed in a voice channel.
//
// Source: events/gateway-events#voice-state-update
type VoiceStateUpdate struct{ discord.VoiceState }

// VoiceServerUpdate tells the bot which voice server a guild uses. Token is a secret.
//
// Source: events/gateway-events#voice-server-update
type VoiceServerUpdate struct {
	Token    Secret    `json:"token"`
	GuildID  Snowflake `json:"guild_id"`
	Endpoint *string   `json:"endpoint"` // nil: the server was lost, another one will be named
}

// EventType is READY.
func (*Ready) EventType() Type { return TypeReady }

// EventType is RESUMED.
func (*Resumed) EventType() Type { return TypeResumed }

// EventType is RATE_LIMITED.
func (*RateLimited) EventType() Type { return TypeRateLimited }

// EventType is GUILD_CREATE.
func (*GuildCreate) EventType() Type { return TypeGuildCreate }

// EventType is GUILD_DELETE.
func (*GuildDelete) EventType() Type { return TypeGuildDelete }

// EventType is MESSAGE_CREATE.
func (*MessageCreate) EventType() Type { return TypeMessageCreate }

// EventType is GUILD_MEMBERS_CHUNK.
func (*GuildMembersChunk) EventType() Type { return TypeGuildMembersChunk }

// EventType is SOUNDBOARD_SOUNDS.
func (*SoundboardSounds) EventType() Type { return TypeSoundboardSounds }

// EventType is CHANNEL_INFO.
func (*ChannelInfo) EventType() Type { return TypeChannelInfo }

// EventType is VOICE_STATE_UPDATE.
func (*VoiceStateUpdate) EventType() Type { return TypeVoiceStateUpdate }

// EventType is VOICE_SERVER_UPDATE.
func (*VoiceServerUpdate) EventType() Type { return TypeVoiceServerUpdate }
