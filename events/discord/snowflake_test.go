package discord_test

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events/discord"
	"github.com/signalbox-go/signalbox/events/internal/number"
)

func TestSnowflakesAreExact(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"0", "1", "9007199254740993", "18446744073709551615"} {
		for _, in := range []string{text, `"` + text + `"`} {
			var s discord.Snowflake
			if err := json.Unmarshal([]byte(in), &s); err != nil || s.String() != text {
				t.Errorf("%s is read as %v, %v", in, s, err)
			}
			if out, err := json.Marshal(s); err != nil || string(out) != `"`+text+`"` {
				t.Errorf("%s is written as %s, %v", text, out, err)
			}
		}
	}
	var keys map[discord.Snowflake]int
	if err := json.Unmarshal([]byte(`{"18446744073709551615":1}`), &keys); err != nil || keys[1<<64-1] != 1 {
		t.Errorf("as a key: %v, %v", keys, err)
	}
	kept := struct{ ID discord.Snowflake }{5}
	if err := json.Unmarshal([]byte(`{"ID":null}`), &kept); err != nil || kept.ID != 5 {
		t.Errorf("null: %+v, %v", kept, err)
	}
}

func TestSnowflakeTime(t *testing.T) {
	t.Parallel()
	// The example of Discord's reference.
	want := time.UnixMilli(1462015105796)
	if got := discord.Snowflake(175928847299117063).Time(); !got.Equal(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// FuzzSnowflake: whatever is accepted is the number that stands there, to the last bit.
func FuzzSnowflake(f *testing.F) {
	for _, seed := range []string{`"1"`, `18446744073709551615`, `"18446744073709551616"`, `1e3`, `"-0"`, `null`, `"`, `""`, `"00"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s discord.Snowflake
		if err := s.UnmarshalJSON(data); err != nil {
			if s != 0 {
				t.Fatalf("%q is refused and still sets %v", data, s)
			}
			return
		}
		text := string(data)
		if text == "null" {
			return
		}
		if unquoted := len(text) - 2; unquoted > 0 && text[0] == '"' {
			if want, err := strconv.ParseUint(text[1:1+unquoted], 10, 64); err != nil || uint64(s) != want {
				t.Fatalf("%q is read as %v", data, s)
			}
		} else if want, ok := number.Uint(text); !ok || uint64(s) != want {
			t.Fatalf("%q is read as %v", data, s)
		}
		encoded, err := json.Marshal(s)
		var again discord.Snowflake
		if err != nil || json.Unmarshal(encoded, &again) != nil || again != s {
			t.Fatalf("%v is written as %s", s, encoded)
		}
	})
}
