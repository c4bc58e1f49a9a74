package events_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/events/schema"
)

// TestGuildOfEveryEvent: whatever the schema says is of a guild is found, wherever its id stands.
func TestGuildOfEveryEvent(t *testing.T) {
	t.Parallel()
	s := load(t)
	// Of no guild, though they begin with a guild's letters or hold an id.
	none := map[events.Type]bool{
		events.TypeReady: true, events.TypeResumed: true, events.TypeUserUpdate: true, events.TypeRateLimited: true,
		"SUBSCRIPTION_CREATE": true, "SUBSCRIPTION_DELETE": true, "SUBSCRIPTION_UPDATE": true,
	}
	for _, e := range s.Events {
		typ := events.Type(e.Name)
		sample := (&sampler{schema: s, source: new(fullest)}).object(e, 0)
		field := "guild_id"
		if typ == events.TypeGuildCreate || typ == events.TypeGuildUpdate || typ == events.TypeGuildDelete {
			field = "id"
		}
		want := events.Snowflake(0)
		if !none[typ] {
			sample[field], want = "42", 42
		} else if _, has := sample["guild_id"]; has {
			t.Errorf("%s has a guild_id", typ)
		}
		data, err := json.Marshal(sample)
		if err != nil {
			t.Fatal(err)
		}
		if got := events.GuildOf(&events.Raw{Type: typ, Data: data}); got != want {
			t.Errorf("%s: guild %d, want %d", typ, got, want)
		}
		declared := slices.ContainsFunc(s.AllFields(e), func(f schema.Field) bool { return f.Name == field })
		if !declared && !none[typ] {
			t.Errorf("%s has no %s in the schema: of which guild is it?", typ, field)
		}
	}
}

// TestGuildOfReadsNoFurther: what is inside of other objects, broken or odd is not taken for the event's guild.
func TestGuildOfReadsNoFurther(t *testing.T) {
	for data, want := range map[string]events.Snowflake{
		`{"guild_id":"7"}`: 7, `{"guild_id":7}`: 7, ` { "a" : [ {"guild_id":"8"} ] , "guild_id" : "7" } `: 7,
		`{"message":{"guild_id":"8"},"x":"\"guild_id\":\"8\""}`: 0, `{"guild_id":null}`: 0, `{"guild_id":""}`: 0,
		`{"guild_id":"x"}`: 0, `{"guild_id":-1}`: 0, `{"guild_id":{}}`: 0, `{"id":"8"}`: 0, `{}`: 0, ``: 0, `null`: 0, `[]`: 0,
		`{"guild_id"`: 0, `{"guild_id":`: 0, `{"a":"`: 0, `{"guild_id":"7"`: 7, `{"a":1 "guild_id":"7"}`: 0, `{"a":,"guild_id":"7"}`: 0,
	} {
		if got := events.GuildOf(&events.Raw{Type: events.TypeMessageCreate, Data: []byte(data)}); got != want {
			t.Errorf("%s: guild %d, want %d", data, got, want)
		}
	}
	long := &events.Raw{Type: events.TypeMessageCreate, Data: []byte(`{"guild_id":"7","content":"` + strings.Repeat("x", 1<<20))}
	if n := testing.AllocsPerRun(100, func() { events.GuildOf(long) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
