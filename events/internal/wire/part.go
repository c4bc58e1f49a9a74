package wire

import (
	"bytes"

	"github.com/mailru/easyjson/jlexer"

	"github.com/signalbox-go/signalbox/events/discord"
)

// Part is what tells which request an event answers.
type Part struct {
	GuildID  discord.Snowflake
	Nonce    string
	Index    int  // chunk_index
	Count    int  // chunk_count
	Endpoint bool // of VOICE_SERVER_UPDATE: there is one; without, another server will be named
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
		case key == "guild_id":
			in.AddError(p.GuildID.UnmarshalJSON(in.Raw()))
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
			rest := in.Data[in.GetPos():]
			end := closing(rest)
			if end < 0 {
				return Part{}, false
			}
			in = jlexer.Lexer{Data: rest[end:]}
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
