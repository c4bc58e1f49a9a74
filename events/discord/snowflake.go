// Package discord holds Discord's resources as they stand inside gateway events: users,
// guilds, channels, messages. They are plain data, read-only once they were delivered.
package discord

import (
	"errors"
	"strconv"
	"time"

	"github.com/signalbox-go/signalbox/events/internal/number"
)

// Snowflake is Discord's id of an object. It is exact over all 64 bits. Zero is no object.
//
// Source: reference#snowflakes
type Snowflake uint64

const epoch = 1420070400000 // the first millisecond of 2015, in Unix time

var errSnowflake = errors.New("snowflake: not a decimal number of 64 bits") // quotes nothing: it may stand in a log

// ParseSnowflake reads a decimal id.
func ParseSnowflake(s string) (Snowflake, error) {
	v, ok := number.Decimal(s)
	if !ok {
		return 0, errSnowflake
	}
	return Snowflake(v), nil
}

// Time is when the object was made, to the millisecond.
func (s Snowflake) Time() time.Time { return time.UnixMilli(int64(s>>22) + epoch) }

// String is the decimal id.
func (s Snowflake) String() string { return strconv.FormatUint(uint64(s), 10) }

// MarshalText writes the decimal id: in JSON a string, as Discord does, or a key.
func (s Snowflake) MarshalText() ([]byte, error) {
	return strconv.AppendUint(make([]byte, 0, 20), uint64(s), 10), nil
}

// UnmarshalJSON reads a string of digits, or a whole number in any notation: Discord writes strings, and echoes some ids as
// numbers. null leaves s as it is.
func (s *Snowflake) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	if len(data) >= 2 && data[0] == '"' && data[len(data)-1] == '"' {
		return s.UnmarshalText(data[1 : len(data)-1])
	}
	v, ok := number.Uint(data)
	if !ok {
		return errSnowflake
	}
	*s = Snowflake(v)
	return nil
}

// UnmarshalText reads a decimal id.
func (s *Snowflake) UnmarshalText(text []byte) error {
	v, err := ParseSnowflake(string(text))
	if err == nil {
		*s = v
	}
	return err
}
