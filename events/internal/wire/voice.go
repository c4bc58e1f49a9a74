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
	if bytes.IndexByte(data, '_') < 0 {
		return false // nothing but an id: one byte is cheaper to look for than several
	}
	for {
		// The rarest bytes of "voice_states": of quotes there are many.
		before, rest, found := bytes.Cut(data, []byte(`_states"`))
		if !found {
			return false
		}
		data = rest
		list, _ := after(rest, ':') // otherwise it is somebody's text
		list, is := after(list, '[')
		if !is || !bytes.HasSuffix(before, []byte(`"voice`)) {
			continue
		}
		if end := closing(list); end >= 0 {
			list = list[:end]
		}
		if bytes.Contains(list, strconv.AppendUint(make([]byte, 0, 20), uint64(user), 10)) {
			return true
		}
	}
}

// after is what stands behind a sign, before which there is nothing but space.
func after(data []byte, sign byte) (rest []byte, is bool) {
	data = bytes.TrimLeft(data, " \t\r\n")
	if len(data) == 0 || data[0] != sign {
		return nil, false
	}
	return data[1:], true
}
