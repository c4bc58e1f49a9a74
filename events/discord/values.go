package discord

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/signalbox-go/signalbox/events/internal/number"
)

// UnixSeconds is a time as Discord writes it in a few fields: seconds since 1970.
type UnixSeconds int64

// Time is the same as a time.Time.
func (s UnixSeconds) Time() time.Time { return time.Unix(int64(s), 0) }

// UnixMillis is a time as Discord writes it in activities: milliseconds since 1970.
type UnixMillis int64

// Time is the same as a time.Time.
func (m UnixMillis) Time() time.Time { return time.UnixMilli(int64(m)) }

// Seconds is a span of time in seconds and parts of them.
type Seconds float64

// Duration is the same as a time.Duration, for spans of up to 24 h: negative ones give 0,
// longer ones 24 h.
func (s Seconds) Duration() time.Duration {
	return time.Duration(min(max(float64(s), 0), 24*60*60) * float64(time.Second))
}

// Bits is a set of bits that Discord writes as a decimal number in a string. Should there ever
// be more than 64, those above are dropped.
type Bits uint64

// MarshalText writes a decimal number: in JSON a string.
func (b Bits) MarshalText() ([]byte, error) { return Snowflake(b).MarshalText() }

var errBits = errors.New("bits: not a decimal number")

// UnmarshalJSON reads a string of digits, or a whole number in any notation. null leaves b as it is.
func (b *Bits) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	digits := bytes.TrimSuffix(bytes.TrimPrefix(data, []byte{'"'}), []byte{'"'})
	if len(digits) == 0 || len(data)-len(digits) == 1 {
		return errBits
	}
	if n, ok := number.Uint(data); ok {
		*b = Bits(n)
		return nil
	}
	var sum Bits
	for _, c := range digits {
		if c < '0' || c > '9' {
			return errBits
		}
		sum = sum*10 + Bits(c-'0') // wraps at 2^64, which drops the bits above
	}
	*b = sum
	return nil
}

// MarshalText writes a decimal number: in JSON a string, as Discord does.
func (p Permissions) MarshalText() ([]byte, error) { return Snowflake(p).MarshalText() }

// UnmarshalJSON reads a string or a number. null leaves p as it is.
func (p *Permissions) UnmarshalJSON(data []byte) error { return (*Bits)(p).UnmarshalJSON(data) }

// Present is a field that stands there with the value null when it holds, and is absent when
// it does not.
type Present bool

// MarshalJSON writes null.
func (p Present) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// UnmarshalJSON takes any value for true.
func (p *Present) UnmarshalJSON([]byte) error {
	*p = true
	return nil
}

// Value is a string, a number or a bool, whichever Discord sent. Nil is none.
type Value json.RawMessage

// String is the text of a string, and the JSON of anything else.
func (v Value) String() string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	return string(v)
}

// Int is the value of a whole number, in any notation.
func (v Value) Int() (int64, error) {
	n, ok := number.Int(string(v))
	if !ok {
		return 0, errors.New("value: not a whole number of 64 bits")
	}
	return n, nil
}

// Float is the value of a number.
func (v Value) Float() (float64, error) { return strconv.ParseFloat(string(v), 64) }

// Bool is the value of a bool.
func (v Value) Bool() (bool, error) { return strconv.ParseBool(string(v)) }

// Snowflake is the value of an id.
func (v Value) Snowflake() (id Snowflake, err error) { return id, id.UnmarshalJSON(v) }

// MarshalJSON writes what was read; nothing as null.
func (v Value) MarshalJSON() ([]byte, error) { return json.RawMessage(v).MarshalJSON() }

// UnmarshalJSON keeps a copy of a string, a number or a bool; anything else is an error.
func (v *Value) UnmarshalJSON(data []byte) error {
	if len(data) == 0 || data[0] == '{' || data[0] == '[' {
		return errors.New("value: not a string, a number or a bool")
	}
	if string(data) == "null" {
		*v = nil
		return nil
	}
	*v = bytes.Clone(data)
	return nil
}

// ActivityButton is a button of an activity. The gateway sends its label only.
//
// Source: events/gateway-events#activity-object-activity-buttons
type ActivityButton struct {
	Label string `json:"label"`
	URL   string `json:"url"`
}

// MarshalJSON writes the label alone if there is no URL.
func (b ActivityButton) MarshalJSON() ([]byte, error) {
	if b.URL == "" {
		return json.Marshal(b.Label)
	}
	type plain ActivityButton
	return json.Marshal(plain(b))
}

// UnmarshalJSON reads a label or the whole button.
func (b *ActivityButton) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		*b = ActivityButton{}
		return json.Unmarshal(data, &b.Label)
	}
	type plain ActivityButton
	return json.Unmarshal(data, (*plain)(b))
}
