package events_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/signalbox-go/signalbox/events"
)

// TestNumbersAreExact: sequences and ids are exact over all of their range, in every way to write them.
// Failures: F76.
func TestNumbersAreExact(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"1": 1, "2147483648": 1 << 31, "4294967297": 1<<32 + 1, "9007199254740993": 1<<53 + 1,
		"9223372036854775807": math.MaxInt64, "1e3": 1000, "1.5E1": 15, "2.147483648e9": 1 << 31, "null": 0,
	} {
		if raw, err := events.Peek(fmt.Appendf(nil, `{"op":0,"t":"X","s":%s,"d":{}}`, text)); err != nil || raw.Seq != want {
			t.Errorf("%s: %d, %v", text, raw.Seq, err)
		}
	}
	for _, text := range []string{"9223372036854775808", "1.5", "1e-3", "1e300", `"1"`, "true"} {
		if raw, err := events.Peek(fmt.Appendf(nil, `{"op":0,"t":"X","s":%s,"d":{}}`, text)); err == nil {
			t.Errorf("%s is read as %d", text, raw.Seq)
		}
	}
	for _, id := range []events.Snowflake{1<<53 + 1, 1<<63 + 1, math.MaxUint64} {
		for _, form := range []string{`"%d"`, `%d`} {
			var got events.Snowflake
			if err := json.Unmarshal(fmt.Appendf(nil, form, uint64(id)), &got); err != nil || got != id {
				t.Errorf("%v as %s: %v, %v", id, form, got, err)
			}
		}
	}
}
