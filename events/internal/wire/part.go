package wire

import (
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

// PartOf reads it; the rest of the event, such as a thousand members, is stepped over. ok is false when
// the event is not what it should be.
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
		default:
			in.SkipRecursive()
		}
		in.WantComma()
	}
	in.Delim('}')
	in.Consumed()
	return p, in.Error() == nil
}
