package wire

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/mailru/easyjson/jlexer"

	"github.com/signalbox-go/signalbox/events/discord"
	"github.com/signalbox-go/signalbox/events/internal/number"
)

// String reads a string.
func String[T ~string](d *Decoder, v *T) bool {
	if !d.next(jlexer.TokenString) {
		return false
	}
	*v = T(d.Lexer.String())
	return true
}

// Name reads a string of which there are few different ones.
func Name[T ~string](d *Decoder, v *T) bool {
	if !d.next(jlexer.TokenString) {
		return false
	}
	*v = T(d.StringIntern())
	return true
}

// Bool reads a bool.
func Bool(d *Decoder, v *bool) bool {
	if !d.next(jlexer.TokenBool) {
		return false
	}
	*v = d.Lexer.Bool()
	return true
}

// Int reads a whole number.
func Int[T ~int | ~int64](d *Decoder, v *T) bool {
	if !d.next(jlexer.TokenNumber) {
		return false
	}
	n, ok := number.Int(d.Raw())
	return read(d, v, T(n), ok && int64(T(n)) == n)
}

// Flags reads the bits of a number.
func Flags[T ~uint64](d *Decoder, v *T) bool {
	if !d.next(jlexer.TokenNumber) {
		return false
	}
	n, ok := number.Uint(d.Raw())
	return read(d, v, T(n), ok)
}

// Float reads a number.
func Float[T ~float64](d *Decoder, v *T) bool {
	if !d.next(jlexer.TokenNumber) {
		return false
	}
	f, err := strconv.ParseFloat(string(d.Raw()), 64)
	return read(d, v, T(f), err == nil && !math.IsInf(f, 0))
}

// Snowflake reads an id, as a string or a number.
func Snowflake(d *Decoder, v *discord.Snowflake) bool {
	if d.CurrentToken() == jlexer.TokenNumber {
		n, ok := number.Uint(d.Raw())
		return read(d, v, discord.Snowflake(n), ok)
	}
	if !d.next(jlexer.TokenString) {
		return false
	}
	digits := d.UnsafeString()
	d.budget += memoryDigit * int64(min(len(digits), idDigits))
	n, ok := number.Decimal(digits)
	return read(d, v, discord.Snowflake(n), ok)
}

// Time reads a timestamp of ISO 8601.
func Time(d *Decoder, v *time.Time) bool {
	if !d.next(jlexer.TokenString) {
		return false
	}
	t, err := time.ParseInLocation(time.RFC3339, d.UnsafeString(), time.UTC)
	return read(d, v, t, err == nil)
}

// read sets v to what was just read, a single token, or notes that it is odd.
func read[T any](d *Decoder, v *T, value T, ok bool) bool {
	if !ok {
		if d.Ok() {
			d.odd.note(d.GetPos())
		}
		return false
	}
	*v = value
	return true
}

// JSON keeps a copy of any value.
func JSON(d *Decoder, v *json.RawMessage) bool {
	*v = bytes.Clone(d.Raw())
	return true
}

// Custom reads a value with its own UnmarshalJSON.
func Custom[T any, P interface {
	*T
	UnmarshalJSON([]byte) error
}](d *Decoder, v *T) bool {
	if d.null() {
		return false
	}
	at := d.GetPos()
	data := d.Raw()
	if !d.Ok() {
		return false
	}
	before := *v
	*v = *new(T) // in place: a value apart would be one allocation more
	if P(v).UnmarshalJSON(data) != nil {
		*v = before
		d.odd.note(at)
		return false
	}
	return true
}

// ActivityButton reads a button's label, or the whole button.
func ActivityButton(d *Decoder, v *discord.ActivityButton) bool {
	if d.CurrentToken() == jlexer.TokenString {
		return String(d, &v.Label)
	}
	return Object(d, v, func(d *Decoder, v *discord.ActivityButton, key string) bool {
		switch key {
		case "label":
			String(d, &v.Label)
		case "url":
			String(d, &v.URL)
		default:
			return false
		}
		return true
	})
}
