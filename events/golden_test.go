package events_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/events/schema"
)

var update = flag.Bool("update", false, "write the golden payloads anew from the schema")

// fullest makes samples that have all fields, and one of each kind in turn.
type fullest struct{ n int }

func (f *fullest) Chance(string) bool { return true }
func (f *fullest) Number(n int) int   { f.n++; return f.n % n }

// TestGolden: for each event, a payload with all fields decodes, encodes, and means the same.
func TestGolden(t *testing.T) {
	t.Parallel()
	s := load(t)
	for _, e := range s.Events {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join("testdata", "golden", e.Name+".json")
			made, err := json.MarshalIndent((&sampler{schema: s, source: new(fullest)}).object(e, 0), "", " ")
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(path, append(made, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(bytes.TrimSpace(golden), made) {
				t.Fatalf("%s is not current (%v): run make gen", path, err)
			}
			roundTrip(t, s, e, golden)
		})
	}
}

// roundTrip decodes a payload, compares with encoding/json's reading, encodes, and compares the
// meaning.
func roundTrip(t rapid.TB, s *schema.Schema, e *schema.Object, data []byte) {
	t.Helper()
	name := events.Type(e.Name)
	event, err := events.Decode(&events.Raw{Type: name, Data: data})
	if err != nil {
		t.Fatalf("%v: %.2000s", err, data)
	}
	standard, _ := events.New(name)
	if err := json.Unmarshal(data, standard); err != nil {
		t.Fatalf("encoding/json: %v", err)
	}
	again, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := json.Marshal(standard); err != nil || !bytes.Equal(again, second) {
		t.Fatalf("encoding/json reads another event (%v):\n%s\n%s", err, again, second)
	}
	want, got := meaning(s, e, parseAny(t, data)), meaning(s, e, parseAny(t, again))
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("%s: the meaning has changed:\n%v\n%v\n%s\n%s", name, want, got, data, again)
	}
}

func parseAny(t rapid.TB, data []byte) map[string]any {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var tree map[string]any
	if err := decoder.Decode(&tree); err != nil {
		t.Fatalf("%v: %.300s", err, data)
	}
	return tree
}

// drawn makes samples as rapid decides.
type drawn struct{ t *rapid.T }

func (d drawn) Chance(field string) bool { return rapid.Bool().Draw(d.t, field) }
func (d drawn) Number(n int) int         { return rapid.IntRange(0, n-1).Draw(d.t, "n") }

// TestAnyEvent: what the schema allows is read as encoding/json reads it, and means the same
// when it is written again.
func TestAnyEvent(t *testing.T) {
	t.Parallel()
	s := load(t)
	rapid.Check(t, func(t *rapid.T) {
		e := rapid.SampledFrom(s.Events).Draw(t, "event")
		data, err := json.Marshal((&sampler{schema: s, source: drawn{t}}).object(e, 2))
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, s, e, data)
	})
}

// TestEveryRecordIsThere: the registry has the schema's events, and no others.
func TestEveryRecordIsThere(t *testing.T) {
	t.Parallel()
	var names []events.Type
	for _, e := range load(t).Events {
		names = append(names, events.Type(e.Name))
		gates, known := events.Type(e.Name).Gates()
		if !known || (gates == 0) != (len(e.Intents) == 0) || gates.Unknown() != 0 {
			t.Errorf("%s: gates %v, %v; the schema says %q", e.Name, gates, known, e.Intents)
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, events.Types()) || len(names) != 85 {
		t.Errorf("%d events in the schema, %d known", len(names), len(events.Types()))
	}
}
