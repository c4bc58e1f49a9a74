package wire

import (
	"bytes"
	"strconv"

	"github.com/mailru/easyjson/jlexer"

	"github.com/signalbox-go/signalbox/events/discord"
)

// GuildVoice is what GUILD_CREATE or GUILD_DELETE says of a user's voice state in the guild.
type GuildVoice struct {
	GuildID     discord.Snowflake
	Unavailable bool              // an outage: nothing is said of the voice state
	Listed      bool              // the guild's voice states are there: who is not among them is in no channel
	ChannelID   discord.Snowflake // 0: none
	SessionID   string            // of the voice state
}

// GuildVoiceOf reads it; the rest of the guild is stepped over, as by PartOf. A field that is odd is left unset. ok is false when the
// data is no object, or breaks off: then what came before is returned.
func GuildVoiceOf(data []byte, user discord.Snowflake) (v GuildVoice, ok bool) {
	d := Decoder{Lexer: jlexer.Lexer{Data: data}}
	d.Delim('{')
	d.fields(func(key string) {
		switch key {
		case "id":
			Snowflake(&d, &v.GuildID)
		case "unavailable":
			Bool(&d, &v.Unavailable)
		case "voice_states":
			v.Listed = v.states(&d, user)
		default:
			d.skip()
		}
	})
	d.Consumed()
	return v, d.Error() == nil
}

// states reads the voice states, if that is what comes next.
func (v *GuildVoice) states(d *Decoder, user discord.Snowflake) bool {
	if !d.opens('[') {
		return false
	}
	d.Delim('[')
	for !d.IsDelim(']') {
		if d.opens('{') {
			v.state(d, user)
		}
		d.WantComma()
	}
	d.Delim(']')
	return true
}

// state reads one of the voice states.
func (v *GuildVoice) state(d *Decoder, user discord.Snowflake) {
	var of, channel discord.Snowflake
	var session string
	d.Delim('{')
	d.fields(func(key string) {
		switch key {
		case "user_id":
			Snowflake(d, &of)
		case "channel_id":
			Snowflake(d, &channel)
		case "session_id":
			String(d, &session)
		default:
			d.skip()
		}
	})
	if of == user {
		v.ChannelID, v.SessionID = channel, session
	}
}

// InVoice reports whether the guild of a GUILD_CREATE may list a voice state of the user. It looks for the list alone, and costs
// a small part of reading the guild.
func InVoice(data []byte, user discord.Snowflake) bool {
	for at := 0; ; {
		bracket := bytes.IndexByte(data[at:], '[') // of the signs around "voice_states" this one is the rarest
		if bracket < 0 {
			return false
		}
		at += bracket + 1
		key, is := behind(data[:at-1], ":")
		if !is {
			continue
		}
		if _, is = behind(key, `"voice_states"`); !is {
			continue
		}
		list := data[at:]
		if end := closing(list); end >= 0 {
			list = list[:end]
		}
		if bytes.Contains(list, strconv.AppendUint(make([]byte, 0, 20), uint64(user), 10)) {
			return true
		}
	}
}

// behind is what stands before a word, after which there is nothing but space.
func behind(data []byte, word string) (before []byte, is bool) {
	end := len(data)
	for end > 0 && (data[end-1] == ' ' || data[end-1] == '\t' || data[end-1] == '\r' || data[end-1] == '\n') {
		end--
	}
	return bytes.CutSuffix(data[:end], []byte(word))
}
