package wire

import (
	"bytes"
	"io"
	"sync"

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
	ResumeURL discord.Secret      // resume_gateway_url
	User      discord.Snowflake   // the bot
	Guilds    []discord.Snowflake // the guilds that are named
}

// PartOf reads it; the rest of the event, such as a thousand members, is stepped over, and whether it is valid
// shows only to who decodes it. A field that is odd is left unset; an odd chunk_index is -1. ok is false when the data is no
// object.
func PartOf(data []byte) (p Part, ok bool) {
	d := Decoder{Lexer: jlexer.Lexer{Data: data}}
	d.Delim('{')
	for !d.IsDelim('}') {
		key := d.UnsafeFieldName(false)
		d.WantColon()
		switch key {
		case "guild_id":
			Snowflake(&d, &p.GuildID)
		case "session_id":
			String(&d, &p.SessionID)
		case "resume_gateway_url":
			String(&d, &p.ResumeURL)
		case "nonce":
			String(&d, &p.Nonce)
		case "chunk_index":
			if !Int(&d, &p.Index) {
				p.Index = -1
			}
		case "chunk_count":
			Int(&d, &p.Count)
		case "endpoint":
			p.Endpoint = d.CurrentToken() == jlexer.TokenString
			d.SkipRecursive()
		case "user":
			p.User = d.idOf()
		case "guilds":
			p.Guilds = d.ids()
		default:
			d.skip()
		}
		d.WantComma()
	}
	d.Delim('}')
	d.Consumed()
	return p, d.Error() == nil
}

// idOf steps over an object, but for its id.
func (d *Decoder) idOf() (id discord.Snowflake) {
	if !d.opens('{') {
		return 0
	}
	d.Delim('{')
	d.fields(func(key string) {
		if key == "id" {
			Snowflake(d, &id)
		} else {
			d.skip()
		}
	})
	return id
}

// gathers are where ids are gathered until they are counted: a session keeps its guilds, and no more room than they need.
var gathers = sync.Pool{New: func() any { return new([]discord.Snowflake) }}

// ids steps over an array of objects, but for their ids. What has none is left out.
func (d *Decoder) ids() []discord.Snowflake {
	if !d.opens('[') {
		return nil
	}
	room := gathers.Get().(*[]discord.Snowflake)
	defer gathers.Put(room)
	ids := (*room)[:0]
	d.Delim('[')
	for !d.IsDelim(']') {
		if id := d.idOf(); id != 0 {
			ids = append(ids, id)
		}
		d.WantComma()
	}
	d.Delim(']')
	*room = ids
	return append([]discord.Snowflake(nil), ids...)
}

// fields has each value of an object read whose bracket was just read.
func (d *Decoder) fields(read func(key string)) {
	for !d.IsDelim('}') {
		key := d.UnsafeFieldName(false)
		d.WantColon()
		read(key)
		d.WantComma()
	}
	d.Delim('}')
}

// skip steps over any value: over an array or an object by their brackets, without a look into it.
func (d *Decoder) skip() {
	if opens := d.IsDelim('[') || d.IsDelim('{'); !d.Ok() || !opens {
		d.Skip()
		return
	}
	value := d.Data[d.GetPos():]
	end := closing(value)
	if end < 0 {
		d.AddError(io.ErrUnexpectedEOF)
		return
	}
	d.Lexer = jlexer.Lexer{Data: value[end:]}
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
