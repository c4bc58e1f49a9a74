package discord

import "time"

// User is a Discord user or bot.
//
// Source: resources/user#user-object
type User struct {
	ID            Snowflake `json:"id"`
	Username      string    `json:"username"`
	Discriminator string    `json:"discriminator"`
	GlobalName    *string   `json:"global_name"`
	Avatar        *string   `json:"avatar"`
	Bot           bool      `json:"bot,omitempty"`
}

// PartialApplication is the part of the application that READY carries.
type PartialApplication struct {
	ID    Snowflake `json:"id"`
	Flags int64     `json:"flags"`
}

// UnavailableGuild is a guild that is not loaded yet, or in an outage.
//
// Source: resources/guild#unavailable-guild-object
type UnavailableGuild struct {
	ID          Snowflake `json:"id"`
	Unavailable bool      `json:"unavailable"`
}

// Guild is the part of a guild that this version decodes.
//
// Source: resources/guild#guild-object
type Guild struct {
	ID      Snowflake `json:"id"`
	Name    string    `json:"name"`
	OwnerID Snowflake `json:"owner_id"`
}

// GuildMember is a user in a guild.
//
// Source: resources/guild#guild-member-object
type GuildMember struct {
	User     *User       `json:"user,omitempty"` // nil inside a message event
	Nick     *string     `json:"nick,omitempty"`
	Roles    []Snowflake `json:"roles"`
	JoinedAt *time.Time  `json:"joined_at"` // nil for guests
	Deaf     bool        `json:"deaf"`
	Mute     bool        `json:"mute"`
	Flags    int64       `json:"flags"`
	Pending  bool        `json:"pending,omitempty"`
}

// Message is the part of a message that this version decodes.
//
// Source: resources/message#message-object
type Message struct {
	ID        Snowflake `json:"id"`
	ChannelID Snowflake `json:"channel_id"`
	Author    User      `json:"author"`
	Content   string    `json:"content"` // empty without the intent MESSAGE_CONTENT, with exceptions
	Timestamp time.Time `json:"timestamp"`
	Type      int       `json:"type"`
}

// VoiceState is somebody's state in the voice channels of a guild.
//
// Source: resources/voice#voice-state-object
type VoiceState struct {
	GuildID   Snowflake    `json:"guild_id,omitempty"`
	ChannelID *Snowflake   `json:"channel_id"` // nil: not in a channel
	UserID    Snowflake    `json:"user_id"`
	Member    *GuildMember `json:"member,omitempty"`
	SessionID string       `json:"session_id"`
	Deaf      bool         `json:"deaf"`
	Mute      bool         `json:"mute"`
	SelfDeaf  bool         `json:"self_deaf"`
	SelfMute  bool         `json:"self_mute"`
	Suppress  bool         `json:"suppress"`
}

// SoundboardSound is a sound of the soundboard.
//
// Source: resources/soundboard#soundboard-sound-object
type SoundboardSound struct {
	Name      string     `json:"name"`
	SoundID   Snowflake  `json:"sound_id"`
	Volume    float64    `json:"volume"` // from 0 to 1
	EmojiID   *Snowflake `json:"emoji_id"`
	EmojiName *string    `json:"emoji_name"`
	GuildID   Snowflake  `json:"guild_id,omitempty"`
	Available bool       `json:"available"`
	User      *User      `json:"user,omitempty"`
}

// ChannelInfo holds the fields of a voice channel that the channel object lacks.
//
// Source: events/gateway-events#channel-info
type ChannelInfo struct {
	ID             Snowflake `json:"id"`
	Status         *string   `json:"status,omitempty"`
	VoiceStartTime *int64    `json:"voice_start_time,omitempty"` // Unix seconds
}
