package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/mailru/easyjson/jlexer"

	"github.com/signalbox-go/signalbox/events/discord"
)

// String reads a string.
func String[T ~string](d *Decoder, v *T) {
	if !d.null() {
		*v = T(d.Lexer.String())
	}
}

// Name reads a string of which there are few different ones.
func Name[T ~string](d *Decoder, v *T) {
	if !d.null() {
		*v = T(d.StringIntern())
	}
}

// Bool reads a bool.
func Bool(d *Decoder, v *bool) {
	if !d.null() {
		*v = d.Lexer.Bool()
	}
}

// Int reads a whole number.
func Int[T ~int | ~int64](d *Decoder, v *T) {
	if !d.null() {
		*v = T(d.Int64())
	}
}

// Flags reads the bits of a number.
func Flags[T ~uint64](d *Decoder, v *T) {
	if !d.null() {
		*v = T(d.Uint64())
	}
}

// Float reads a number.
func Float[T ~float64](d *Decoder, v *T) {
	if d.null() {
		return
	}
	f := d.Float64()
	if math.IsInf(f, 0) || math.IsNaN(f) {
		d.AddError(strconv.ErrRange)
	}
	*v = T(f)
}

// Snowflake reads an id, as a string or a number.
func Snowflake(d *Decoder, v *discord.Snowflake) {
	if !d.null() {
		snowflake(&d.Lexer, v)
	}
}

func snowflake(in *jlexer.Lexer, v *discord.Snowflake) {
	if in.CurrentToken() == jlexer.TokenNumber {
		*v = discord.Snowflake(in.Uint64())
		return
	}
	id, err := discord.ParseSnowflake(in.UnsafeString())
	if err != nil {
		in.AddError(err)
	}
	*v = id
}

// Time reads a timestamp of ISO 8601.
func Time(d *Decoder, v *time.Time) {
	if d.null() {
		return
	}
	t, err := time.ParseInLocation(time.RFC3339, d.UnsafeString(), time.UTC)
	if err != nil {
		d.AddError(errors.New("not a timestamp of ISO 8601"))
	}
	*v = t
}

// JSON keeps a copy of any value.
func JSON(d *Decoder, v *json.RawMessage) { *v = bytes.Clone(d.Raw()) }

// Custom reads a value with its own UnmarshalJSON.
func Custom[T any, P interface {
	*T
	UnmarshalJSON([]byte) error
}](d *Decoder, v *T) {
	data := d.Raw()
	if !d.Ok() {
		return
	}
	if err := P(v).UnmarshalJSON(data); err != nil {
		d.AddError(err)
	}
}

// Text reads a value with its own UnmarshalText.
func Text[T any, P interface {
	*T
	UnmarshalText([]byte) error
}](d *Decoder, v *T) {
	if d.null() {
		return
	}
	if err := P(v).UnmarshalText(d.UnsafeBytes()); err != nil {
		d.AddError(err)
	}
}
