package wire

import (
	"bytes"
	"io"

	"github.com/mailru/easyjson/jlexer"

	"github.com/signalbox-go/signalbox/events/discord"
)

// Part is what a session needs of an event: which request it answers, or which session begins.
type Part struct {
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
		case key == "user":
			p.User = idOf(&in)
		default:
			skip(&in)
		}
		in.WantComma()
	}
	in.Delim('}')
	in.Consumed()
	return p, in.Error() == nil
}

// idOf steps over an object, but for its id.
func idOf(in *jlexer.Lexer) (id discord.Snowflake) {
	in.Delim('{')
	for !in.IsDelim('}') {
		key := in.UnsafeFieldName(false)
		in.WantColon()
		if key == "id" && !in.IsNull() {
			snowflake(in, &id)
		} else {
			skip(in)
		}
		in.WantComma()
	}
	in.Delim('}')
	return id
}

// skip steps over any value: over an array or an object by their brackets, without a look into it.
func skip(in *jlexer.Lexer) {
	if opens := in.IsDelim('[') || in.IsDelim('{'); !in.Ok() || !opens {
		in.Skip()
		return
	}
	value := in.Data[in.GetPos():]
	end := closing(value)
	if end < 0 {
		in.AddError(io.ErrUnexpectedEOF)
		return
	}
	*in = jlexer.Lexer{Data: value[end:]}
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

// quoted is the length of a string that began before data, with its closing quote. -1: it does not end.
func quoted(data []byte) int {
	for from := 0; ; {
		quote := bytes.IndexByte(data[from:], '"')
		if quote < 0 {
			return -1
		}
		end := from + quote
		escapes := end // those before from stand before another quote
		for escapes > from && data[escapes-1] == '\\' {
			escapes--
		}
		if from = end + 1; (end-escapes)%2 == 0 {
			return from
		}
	}
}
