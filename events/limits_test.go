package events_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/events"
)

// many is a list of n objects, each made of one format with an id of the length that Discord's have.
func many(n int, format string) string {
	var list strings.Builder
	for i := range n {
		if i > 0 {
			list.WriteByte(',')
		}
		fmt.Fprintf(&list, format, 1<<60+i)
	}
	return list.String()
}

// TestHonestInputMeetsNoLimit: tens of thousands of each, with all left out that may be
// left out, down to the ids.
func TestHonestInputMeetsNoLimit(t *testing.T) {
	if raced {
		t.Skip("long, and on one goroutine: nothing for the race detector")
	}
	t.Parallel()
	const n = 40_000 // a guild of more than 75,000 members sends the fewest of them
	for name, data := range map[string]string{
		"members of ids":         `{"members":[` + many(n, `{"user":{"id":"%d"}}`) + `]}`,
		"presences of ids":       `{"presences":[` + many(n, `{"user":{"id":"%d"}}`) + `]}`,
		"presences with clients": `{"presences":[` + many(n, `{"user":{"id":"%d"},"client_status":{"web":"online"},"activities":[{"name":"a"},{"name":"b"},{"name":"c"}]}`) + `]}`,
		"channels of ids":        `{"channels":[` + many(n, `{"id":"%d"}`) + `]}`,
		"threads with members":   `{"threads":[` + many(n, `{"id":"%d","thread_metadata":{},"member":{}}`) + `]}`,
		"roles, emojis, stickers and sounds": `{"roles":[` + many(n, `{"id":"%d"}`) + `],"emojis":[` + many(n, `{"id":"%d"}`) + `],"stickers":[` + many(n, `{"id":"%d"}`) +
			`],"soundboard_sounds":[` + many(n, `{"sound_id":"%d"}`) + `]}`,
		"voice states of ids":     `{"voice_states":[` + many(n, `{"user_id":"%d"}`) + `]}`,
		"scheduled events of ids": `{"guild_scheduled_events":[` + many(n, `{"id":"%d"}`) + `]}`,
		"members with roles":      `{"members":[` + many(n/10, `{"user":{"id":"%d"},"roles":[`+many(25, `"%d"`)+`]}`) + `]}`,
	} {
		if _, odd := strictly(t, "GUILD_CREATE", data); odd != nil {
			t.Errorf("%s: %v", name, odd)
		}
	}
	if _, odd := strictly(t, "READY", `{"guilds":[`+many(n, `{"id":"%d"}`)+`]}`); odd != nil {
		t.Error(odd)
	}
	if _, odd := strictly(t, "THREAD_LIST_SYNC", `{"threads":[`+many(n, `{"id":"%d"}`)+`],"members":[`+many(n, `{"id":"%d"}`)+`]}`); odd != nil {
		t.Error(odd)
	}
	deep := strings.Repeat(`{"type":17,"components":[`, 100) + strings.Repeat(`]}`, 100) // Discord's own stand 10 deep
	if _, odd := strictly(t, "MESSAGE_CREATE", `{"components":[`+deep+`]}`); odd != nil {
		t.Error(odd)
	}
	event := `{"op":0,"t":"` + strings.Repeat("A", 400) + `","s":1,"d":{}}`
	if raw, err := events.Peek([]byte(event)); err != nil || len(raw.Type) != 400 {
		t.Errorf("a long name: %v", err)
	}
}
