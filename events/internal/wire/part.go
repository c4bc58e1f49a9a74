package wire

import (
	"bytes"

	"github.com/mailru/easyjson/jlexer"

	"github.com/signalbox-go/signalbox/events/discord"
)

// Part is what a session needs of an event: which request it answers, or which session begins.
type Part struct {
	ID       discord.Snowflake
	GuildID  discord.Snowflake
	Nonce    string
	Index    int  // chunk_index
	Count    int  // chunk_count
	Endpoint bool // of VOICE_SERVER_UPDATE: there is one; without, another server will be named

	// Of READY.
	SessionID discord.Secret
	ResumeURL discord.Secret    // resume_gateway_url
	User      discord.Snowflake // the bot
}

// PartOf reads it; the rest of the event, such as a thousand members, is stepped over, and whether it is valid
// shows only to who decodes it. ok is false when the event is not what it should be.
func PartOf(data []byte) (p Part, ok bool) {
	in := jlexer.Lexer{Data: data}
	in.Delim('{')
	for !in.IsDelim('}') {
		key := in.UnsafeFieldName(false)
		in.WantColon()
		switch {
		case in.IsNull():
			in.Skip()
		case key == "id":
			snowflake(&in, &p.ID)
		case key == "guild_id":
			snowflake(&in, &p.GuildID)
		case key == "session_id":
			p.SessionID = discord.Secret(in.String())
		case key == "resume_gateway_url":
			p.ResumeURL = discord.Secret(in.String())
		case key == "nonce":
			p.Nonce = in.String()
		case key == "chunk_index":
			p.Index = in.Int()
		case key == "chunk_count":
			p.Count = in.Int()
		case key == "endpoint":
			p.Endpoint = true
			in.SkipRecursive()
		case in.Ok() && (in.IsDelim('[') || in.IsDelim('{')):
			value := in.Data[in.GetPos()-1:]
			end := closing(value[1:]) + 1
			if end == 0 {
				return Part{}, false
			}
			in = jlexer.Lexer{Data: value[end:]}
			if key == "user" {
				user, ok := PartOf(value[:end])
				if !ok {
					return Part{}, false
				}
				p.User = user.ID
			}
		default:
			in.Skip()
		}
		in.WantComma()
	}
	in.Delim('}')
	in.Consumed()
	return p, in.Error() == nil
}

// closing is where the brackets end that were opened before data: behind the last. -1: they do not.
func closing(data []byte) int {
	for i, depth := 0, 1; i < len(data); i++ {
		switch data[i] {
		case '"':
			end := quoted(data[i+1:])
			if end < 0 {
				return -1
			}
			i += end
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// quoted is the length of a string that began before data, with the quote that no backslash precedes. -1: it
// does not end.
func quoted(data []byte) int {
	for from := 0; from < len(data); {
		quote := bytes.IndexByte(data[from:], '"')
		if quote < 0 {
			return -1
		}
		escape := bytes.IndexByte(data[from:from+quote], '\\')
		if escape < 0 {
			return from + quote + 1
		}
		from += escape + 2 // past what is escaped
	}
	return -1
}
