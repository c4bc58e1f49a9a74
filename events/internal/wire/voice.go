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

// GuildVoiceOf reads it; the rest of the guild is stepped over, as by PartOf. ok is false when the event is not what it
// should be: then what came before the fault is returned.
func GuildVoiceOf(data []byte, user discord.Snowflake) (v GuildVoice, ok bool) {
	in := jlexer.Lexer{Data: data}
	fields(&in, func(key string) {
		switch key {
		case "id":
			snowflake(&in, &v.GuildID)
		case "unavailable":
			v.Unavailable = in.Bool()
		case "voice_states":
			in.Delim('[')
			for !in.IsDelim(']') {
				v.state(&in, user)
				in.WantComma()
			}
			in.Delim(']')
			v.Listed = true
		default:
			skip(&in)
		}
	})
	in.Consumed()
	return v, in.Error() == nil
}

// state reads one of the voice states.
func (v *GuildVoice) state(in *jlexer.Lexer, user discord.Snowflake) {
	var of, channel discord.Snowflake
	var session string
	fields(in, func(key string) {
		switch key {
		case "user_id":
			snowflake(in, &of)
		case "channel_id":
			snowflake(in, &channel)
		case "session_id":
			session = in.String()
		default:
			skip(in)
		}
	})
	if of == user {
		v.ChannelID, v.SessionID = channel, session
	}
}

// fields steps over an object, and has each value that is not null read.
func fields(in *jlexer.Lexer, read func(key string)) {
	in.Delim('{')
	for !in.IsDelim('}') {
		key := in.UnsafeFieldName(false)
		in.WantColon()
		if in.IsNull() {
			in.Skip()
		} else {
			read(key)
		}
		in.WantComma()
	}
	in.Delim('}')
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
