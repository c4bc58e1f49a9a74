package events_test

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/signalbox-go/signalbox/events"
)

// TestRequestGuildMembersIsWrittenAsJSON: what is written by hand is what encoding/json writes.
func TestRequestGuildMembersIsWrittenAsJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := events.RequestGuildMembers{
			GuildID: events.Snowflake(rapid.Uint64Min(1).Draw(t, "guild")), Nonce: rapid.StringN(1, 8, 32).Draw(t, "nonce"),
		}
		if rapid.Bool().Draw(t, "ids") {
			for range rapid.IntRange(1, 100).Draw(t, "n") {
				e.UserIDs = append(e.UserIDs, events.Snowflake(rapid.Uint64Min(1).Draw(t, "id")))
			}
		} else {
			e.Query, e.Limit = events.Ptr(rapid.String().Draw(t, "query")), events.Ptr(rapid.IntRange(1, 100).Draw(t, "limit"))
		}
		if rapid.Bool().Draw(t, "presences") {
			e.Presences = events.Ptr(rapid.Bool().Draw(t, "presence"))
		}
		request, err := e.Request()
		if err != nil {
			t.Skip(err) // too long a query, for one
		}
		if want, _ := json.Marshal(e); string(request.Data) != string(want) {
			t.Fatalf("%s\nwant %s", request.Data, want)
		}
	})
}

func BenchmarkRequestGuildMembers(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		request, err := events.RequestGuildMembers{GuildID: 800000000000000000, Query: events.Ptr(""), Limit: events.Ptr(1)}.Request()
		if err == nil {
			_, err = request.Payload()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
