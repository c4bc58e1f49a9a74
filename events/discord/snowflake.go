// Package discord holds Discord's resources as they stand inside gateway events: users,
// guilds, channels, messages. They are plain data, read-only once they were delivered.
package discord

import (
	"fmt"
	"strconv"
	"time"
)

// Snowflake is Discord's id of an object. It is exact over all 64 bits. Zero is no object.
//
// Source: reference#snowflakes
type Snowflake uint64

const epoch = 1420070400000 // the first millisecond of 2015, in Unix time

// ParseSnowflake reads a decimal id.
func ParseSnowflake(s string) (Snowflake, error) {
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("snowflake %.24q: not a decimal number of 64 bits", s)
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

// UnmarshalJSON reads a string or a number: Discord writes strings, and echoes some ids as
// numbers. null leaves s as it is.
func (s *Snowflake) UnmarshalJSON(data []byte) error {
	text := string(data)
	if text == "null" {
		return nil
	}
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	v, err := ParseSnowflake(text)
	if err != nil {
		return err
	}
	*s = v
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
