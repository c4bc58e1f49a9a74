package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/events/schema"
)

const ours = `
# A thing.
object Thing page
	id    Snowflake
	gone  int
	nick? string
	many  string

# A kind.
enum Kind int page
	One 1
	Two 2

# It happened.
event IT_HAPPENED page GUILDS
	+ Thing
	kind Kind

# It is pending.
event IT_IS_PENDING page
	id Snowflake
`

const theirs = `{"version": "1.2.3", "events": {
	"IT_HAPPENED": {"kind": "object", "ref": "t1"}, "IT_IS_NEW": {"kind": "object", "ref": "t1"}},
 "sends": {"99": {"kind": "object", "ref": "t1"}, "31": {"kind": "object", "ref": "t2"}},
 "types": {
	"t1": {"name": "It", "fields": {
		"id": {"type": {"kind": "string"}}, "nick": {"type": {"kind": "string"}, "nullable": true}, "fresh": {"type": {"kind": "boolean"}},
		"many": {"type": {"kind": "array", "of": {"kind": "string"}}}, "kind": {"type": {"kind": "enum", "name": "TheirKind"}, "optional": true}}},
	"t2": {"name": "Request", "fields": {"guild_ids": {"type": {"kind": "array", "of": {"kind": "string"}}}, "later": {"type": {"kind": "number"}}}}},
 "enums": {"TheirKind": {"One": 1, "Three": 3}, "GatewayOpcodes": {"Hello": 10, "New": 77}, "GatewayCloseCodes": {"Unknown": 4000}, "GatewayIntentBits": {"Guilds": 1}, "Permissions": {}}}`

// TestEachKindOfDrift: one difference of each kind is found, at its place.
func TestEachKindOfDrift(t *testing.T) {
	t.Parallel()
	s, err := schema.Parse("ours", ours+"\n# Bits.\nflags Permissions page\n\tA 1<<0\n")
	if err != nil {
		t.Fatal(err)
	}
	var known factSet
	if err := json.Unmarshal([]byte(theirs), &known); err != nil {
		t.Fatal(err)
	}
	r := compare(s, &known)
	for place, want := range map[string]string{
		"IT_IS_NEW": "is missing", "IT_IS_PENDING": "is extra", "Thing.gone": "is extra", "Thing.fresh": "is missing",
		"Thing.nick": "is never absent may be null", "Thing.many": "is string, the package says array(string)", "IT_HAPPENED.kind": "may be absent",
		"Kind.Three": "is missing: 3", "Kind=2": "is extra", "GatewayOpcodes.New": "is missing", "send 99": "is missing", "send 31.later": "is missing",
		"Permissions=1": "is extra",
	} {
		if got := r.diffs[place]; got != want {
			t.Errorf("%s: %q, want %q", place, got, want)
		}
		delete(r.diffs, place)
	}
	for place, difference := range r.diffs {
		t.Errorf("%s %s, which is not so", place, difference)
	}
	if !slices.Contains(r.tables, "1 of 2 events") || !slices.Contains(r.tables, "1 of 2 opcodes") {
		t.Errorf("%q", r.tables)
	}
}

func TestExceptions(t *testing.T) {
	t.Parallel()
	exceptions, err := parseExceptions("# a comment\nA.*: is extra # since\nB.x: is missing # so\n")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	r := &report{diffs: map[string]string{"A.b": "is extra", "A.c": "is missing"}}
	if n := r.print(&out, "1", exceptions); n != 2 || !strings.Contains(out.String(), "DIFFERS  A.c is missing") || !strings.Contains(out.String(), `UNUSED   the exception "B.x`) {
		t.Errorf("%d:\n%s", n, out.String())
	}
	if _, err := parseExceptions("nonsense"); err == nil {
		t.Error("a bad line is taken")
	}
	if _, err := parseExceptions(exceptionList); err != nil {
		t.Error(err)
	}
}
