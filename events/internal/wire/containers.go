package wire

import (
	"bytes"
	"encoding/json"
	"unsafe"

	"github.com/signalbox-go/signalbox/events/discord"
	"github.com/signalbox-go/signalbox/events/internal/number"
)

// Object reads an object and calls field for each key, with the value next. A field that it
// does not know is skipped.
func Object[T any](d *Decoder, v *T, field func(*Decoder, *T, string) bool) bool {
	if !d.opens('{') {
		return false
	}
	if d.depth++; d.depth > maxDepth {
		d.AddError(ErrTooDeep)
		return false
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
	return d.Ok()
}

// Slice reads an array; null is nil. An odd element is left out, and so is one that is null.
func Slice[T any](d *Decoder, v *[]T, one func(*Decoder, *T) bool) bool {
	if d.null() {
		*v = nil
		return false
	}
	if !d.opens('[') {
		return false
	}
	d.Delim('[')
	list := []T{}
	if n := min(d.count(), room[T](d)); n > 0 && d.Ok() && d.spend(uintptr(n)*unsafe.Sizeof(*new(T))) {
		list = make([]T, 0, n)
	}
	for !d.IsDelim(']') {
		if len(list) == cap(list) {
			more := min(max(cap(list), 1), room[T](d))
			if more <= cap(list)/4 {
				d.AddError(ErrTooDense)
				break
			}
			d.spend(uintptr(more) * unsafe.Sizeof(*new(T)))
			grown := cap(list) + more
			list = append(make([]T, 0, grown), list...)
		}
		n := len(list)
		list = list[:n+1]
		if !d.element() || !one(d, &list[n]) {
			clear(list[n:])
			list = list[:n]
		}
		d.WantComma()
	}
	d.Delim(']')
	*v = list
	return d.Ok()
}

// room is how many elements may be made room for: for half of what is left, since they refer to more.
func room[T any](d *Decoder) int { return int(d.budget / 2 / int64(max(unsafe.Sizeof(*new(T)), 1))) }

// element steps over a null in the place of an element, which is odd.
func (d *Decoder) element() bool {
	if d.IsNull() {
		d.skipOdd()
		return false
	}
	return true
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

// Pair reads an array of two. Without two of them there is none.
func Pair[T any](d *Decoder, v *[2]T, one func(*Decoder, *T) bool) bool {
	if !d.opens('[') {
		return false
	}
	at, n, read := d.GetPos(), 0, 0
	d.Delim('[')
	var pair [2]T
	for ; !d.IsDelim(']'); n++ {
		if n >= len(pair) {
			d.SkipRecursive()
		} else if d.element() && one(d, &pair[n]) {
			read++
		}
		d.WantComma()
	}
	d.Delim(']')
	if n != len(pair) {
		d.odd.note(at)
	} else if read == n {
		*v = pair
		return d.Ok()
	}
	return false
}

// Map reads an object whose keys are data. What is odd, a key or a value, costs the entry.
func Map[K interface{ ~string | ~uint64 }, V any](d *Decoder, v *map[K]V, key func(string) (K, bool), one func(*Decoder, *V) bool) bool {
	if d.null() {
		*v = nil
		return false
	}
	if !d.opens('{') {
		return false
	}
	d.Delim('{')
	all := map[K]V{}
	for !d.IsDelim('}') {
		k, known := key(d.String())
		at, odd := d.GetPos(), d.odd.count
		d.WantColon()
		var value V
		if !d.spend(unsafe.Sizeof(value) + unsafe.Sizeof(k)) {
			break
		}
		if !known {
			d.skipOdd()
		} else if d.element() && one(d, &value) {
			all[k] = value
		}
		if odd < maxPaths && d.odd.count > odd {
			d.odd.keys = append(d.odd.keys, at)
		}
		d.WantComma()
	}
	d.Delim('}')
	*v = all
	return d.Ok()
}

// StringKey is the key of a map of strings.
func StringKey(s string) (string, bool) { return s, true }

// SnowflakeKey is the key of a map of ids.
func SnowflakeKey(s string) (discord.Snowflake, bool) {
	id, ok := number.Decimal(s)
	return discord.Snowflake(id), ok
}

// Pointer reads a value that may be null, or absent.
func Pointer[T any](d *Decoder, v **T, one func(*Decoder, *T) bool) bool {
	if d.null() {
		*v = nil
		return false
	}
	if !d.spend(unsafe.Sizeof(**v)) {
		return false
	}
	value := new(T)
	if !one(d, value) {
		return false
	}
	*v = value
	return true
}

// Optional reads a value that may be null and absent.
func Optional[T any](d *Decoder, v *discord.Optional[T], one func(*Decoder, *T) bool) bool {
	if d.null() {
		*v = discord.Null[T]()
		return false
	}
	var value T
	if !one(d, &value) {
		return false
	}
	*v = discord.Some(value)
	return true
}

// kindOf is the number at key of the object that comes next, without reading the object. It is 0 where there is none. ok is
// false if what comes next is no object: then it is stepped over.
func (d *Decoder) kindOf(key string) (kind int, ok bool) {
	if !d.opens('{') { // and what comes next begins at GetPos
		return 0, false
	}
	ahead := *d
	ahead.Delim('{')
	for !ahead.IsDelim('}') {
		next := ahead.UnsafeFieldName(false)
		ahead.WantColon()
		if next == key {
			if !Int(&ahead, &kind) {
				d.odd = ahead.odd // of an object that is kept as it came; any other is read, and its key again
			}
			break
		}
		ahead.SkipRecursive()
		ahead.WantComma()
	}
	return kind, true
}

// decodeCase reads one kind of a union.
func decodeCase[U any, T any, P interface{ *T }](d *Decoder, v *U, into P, one func(*Decoder, *T) bool) bool {
	if !d.spend(unsafe.Sizeof(*into)) || !one(d, into) {
		return false
	}
	*v = any(into).(U)
	return true
}

// unknown keeps the JSON of a union's kind that has no name here.
func (d *Decoder) unknown() json.RawMessage { return bytes.Clone(d.Raw()) }
