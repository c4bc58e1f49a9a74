// Package wire decodes the JSON of events into the types of package discord. The functions for
// each type are generated; the lexer beneath is easyjson's. They differ from encoding/json in
// speed, and in three limits for hostile input: depth, the memory that the result takes, and
// time, which is linear.
package wire

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/mailru/easyjson/jlexer"

	"github.com/signalbox-go/signalbox/events/discord"
)

// What ends the decoding of hostile input.
var (
	// ErrTooDeep: objects stand inside each other deeper than any of Discord's.
	ErrTooDeep = errors.New("nested too deep")
	// ErrTooDense: the objects would take several times the memory of their JSON.
	ErrTooDense = errors.New("too many empty objects for its size")
)

const (
	maxDepth   = 32      // Discord's own have 10 or so
	memory     = 2       // bytes of the result, strings apart, for each byte of JSON: Discord's own take 1.5
	memoryBase = 1 << 20 // bytes that any event may take besides
	lookAhead  = 512     // bytes of an inner array that are counted before it is made
)

// Decoder reads one value. Its errors are kept to the end: see Finish.
type Decoder struct {
	jlexer.Lexer
	depth  int
	budget int // bytes
}

var decoders = sync.Pool{New: func() any { return new(Decoder) }}

// Decode reads data with one, and returns what was wrong with it.
func Decode(data []byte, one func(*Decoder)) error {
	d := decoders.Get().(*Decoder)
	*d = Decoder{Lexer: jlexer.Lexer{Data: data}, budget: memory*len(data) + memoryBase}
	one(d)
	d.Consumed()
	err := d.Error()
	*d = Decoder{}
	decoders.Put(d)
	return explain(err)
}

// explain makes an error that quotes nothing: a payload may hold secrets.
func explain(err error) error {
	if err == nil {
		return nil
	}
	var lexer *jlexer.LexerError
	if errors.As(err, &lexer) {
		return fmt.Errorf("%.80s at byte %d", lexer.Reason, lexer.Offset)
	}
	return err
}

// spend takes bytes off what the result may still take.
func (d *Decoder) spend(bytes uintptr) bool {
	if uintptr(max(d.budget, 0)) < bytes {
		d.AddError(ErrTooDense)
		return false
	}
	d.budget -= int(bytes)
	return true
}

// null consumes a null, which leaves a field as it is.
func (d *Decoder) null() bool {
	if !d.IsNull() {
		return false
	}
	d.Skip()
	return true
}

// Object reads an object and calls field for each key, with the value next. A field that it
// does not know is skipped.
func Object[T any](d *Decoder, v *T, field func(*Decoder, *T, string) bool) {
	if d.null() {
		return
	}
	if d.depth++; d.depth > maxDepth {
		d.AddError(ErrTooDeep)
		return
	}
	d.Delim('{')
	for !d.IsDelim('}') {
		key := d.UnsafeFieldName(false)
		d.WantColon()
		if !field(d, v, key) {
			d.SkipRecursive()
		}
		d.WantComma()
	}
	d.Delim('}')
	d.depth--
}

// Slice reads an array; null is nil.
func Slice[T any](d *Decoder, v *[]T, one func(*Decoder, *T)) {
	if d.null() {
		*v = nil
		return
	}
	d.Delim('[')
	list, size := []T{}, unsafe.Sizeof(*new(T))
	if d.Ok() {
		if n := d.count(); n > 0 && d.spend(uintptr(n)*size) {
			list = make([]T, 0, n)
		}
	}
	for !d.IsDelim(']') {
		if len(list) == cap(list) {
			grown := max(2*cap(list), 1)
			if !d.spend(uintptr(grown-cap(list)) * size) {
				break
			}
			list = append(make([]T, 0, grown), list...)
		}
		list = list[:len(list)+1]
		one(d, &list[len(list)-1])
		d.WantComma()
	}
	d.Delim(']')
	*v = list
}

// count is how many elements the array has whose bracket was just read, so that it is made once.
// Inside other arrays it looks only a little ahead, and counts what it sees.
func (d *Decoder) count() int {
	rest := d.Data[d.GetPos():]
	if d.depth > 1 && len(rest) > lookAhead {
		rest = rest[:lookAhead]
	}
	depth, commas, any := 0, 0, false
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case '"':
			any = true
			end := quoted(rest[i+1:])
			if end < 0 {
				return commas + 1
			}
			i += end
		case '{', '[':
			depth++
			any = true
		case '}', ']':
			if depth--; depth < 0 {
				if !any {
					return 0
				}
				return commas + 1
			}
		case ',':
			if depth == 0 {
				commas++
			}
		case ' ', '\t', '\r', '\n':
		default:
			any = true
		}
	}
	return commas + 1
}

// Pair reads an array of two.
func Pair[T any](d *Decoder, v *[2]T, one func(*Decoder, *T)) {
	if d.null() {
		return
	}
	d.Delim('[')
	for i := range v {
		one(d, &v[i])
		d.WantComma()
	}
	d.Delim(']')
}

// Map reads an object whose keys are data.
func Map[K interface{ ~string | ~uint64 }, V any](d *Decoder, v *map[K]V, key func(string) (K, error), one func(*Decoder, *V)) {
	if d.null() {
		*v = nil
		return
	}
	d.Delim('{')
	all := map[K]V{}
	for !d.IsDelim('}') {
		k, err := key(d.String())
		if err != nil {
			d.AddError(err)
		}
		d.WantColon()
		var value V
		if !d.spend(unsafe.Sizeof(value) + unsafe.Sizeof(k)) {
			break
		}
		one(d, &value)
		all[k] = value
		d.WantComma()
	}
	d.Delim('}')
	*v = all
}

// StringKey is the key of a map of strings.
func StringKey(s string) (string, error) { return s, nil }

// Pointer reads a value that may be null, or absent.
func Pointer[T any](d *Decoder, v **T, one func(*Decoder, *T)) {
	if d.null() {
		*v = nil
		return
	}
	if !d.spend(unsafe.Sizeof(**v)) {
		return
	}
	*v = new(T)
	one(d, *v)
}

// Optional reads a value that may be null and absent.
func Optional[T any](d *Decoder, v *discord.Optional[T], one func(*Decoder, *T)) {
	if d.null() {
		*v = discord.Null[T]()
		return
	}
	var value T
	one(d, &value)
	*v = discord.Some(value)
}

// peekInt is the number at key of the object that comes next, without reading the object.
func (d *Decoder) peekInt(key string) int {
	d.CurrentToken() // so that what comes next begins at GetPos
	if !d.IsDelim('{') {
		return 0
	}
	ahead := *d
	number := 0
	Object(&ahead, &number, func(d *Decoder, v *int, k string) bool {
		if k != key {
			return false
		}
		Int(d, v)
		return true
	})
	return number
}

// decodeCase reads one kind of a union.
func decodeCase[U any, T any, P interface{ *T }](d *Decoder, v *U, into P, one func(*Decoder, *T)) {
	if !d.spend(unsafe.Sizeof(*into)) {
		return
	}
	one(d, into)
	*v = any(into).(U)
}
