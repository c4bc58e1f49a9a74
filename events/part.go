package events

import "github.com/signalbox-go/signalbox/events/internal/wire"

// Part is what a session needs of an event: of an answer the guild, the nonce where the gateway echoes one,
// and of a list in parts which part it is; of READY the session.
//
//	type Part struct {
//		GuildID  Snowflake
//		Nonce    string
//		Index    int  // chunk_index; -1: it is odd
//		Count    int  // chunk_count
//		Endpoint bool // of VOICE_SERVER_UPDATE: there is one; without, another server will be named
//
//		// Of READY.
//		SessionID Secret
//		ResumeURL Secret    // resume_gateway_url
//		User      Snowflake // the bot
//		Guilds    []Snowflake // the guilds that are named
//	}
type Part = wire.Part

// PartOf reads the Part of an event's data, and steps over the rest. A field that is not of its type is left unset. ok is
// false when the data is no object, or breaks off.
func PartOf(data []byte) (part Part, ok bool) { return wire.PartOf(data) }

// GuildVoice is what GUILD_CREATE or GUILD_DELETE says of a user's voice state in the guild.
//
//	type GuildVoice struct {
//		GuildID     Snowflake
//		Unavailable bool      // an outage: nothing is said of the voice state
//		Listed      bool      // the guild's voice states are there: who is not among them is in no channel
//		ChannelID   Snowflake // 0: none
//		SessionID   string    // of the voice state
//	}
type GuildVoice = wire.GuildVoice

// GuildVoiceOf reads the GuildVoice of an event's data, and steps over the rest. A field that is not of its type is left unset. ok is
// false when the data is no object, or breaks off; what came before is returned.
func GuildVoiceOf(data []byte, user Snowflake) (voice GuildVoice, ok bool) {
	return wire.GuildVoiceOf(data, user)
}

// InVoice reports whether the data of a GUILD_CREATE may list a voice state of the user. false is sure, and cheap to
// learn: of the guild only the list is looked at.
func InVoice(data []byte, user Snowflake) bool { return wire.InVoice(data, user) }
