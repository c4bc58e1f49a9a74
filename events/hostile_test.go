package events_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/signalbox-go/signalbox/events"
)

// TestWrongTypes puts a value of the wrong type into every field of every event: it costs the field, whose name is told, or
// is kept.
func TestWrongTypes(t *testing.T) {
	t.Parallel()
	s := load(t)
	wrong := []string{`{}`, `[]`, `[[]]`, `[{}]`, `"x"`, `""`, `1`, `-1`, `1e999`, `1.5`, `true`, `null`, `"\ud800"`, "\"\xff\"", `18446744073709551616`, `{"type":{}}`, `[{"type":"x"}]`}
	for _, e := range s.Events {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			refused := 0
			for _, f := range s.AllFields(e) {
				for _, value := range wrong {
					data := fmt.Appendf(nil, `{%q:%s}`, f.Name, value)
					raw := events.Raw{Type: events.Type(e.Name), Data: data}
					event, err := events.Decode(&raw)
					if err != nil {
						t.Errorf("%s costs the event: %v", data, err)
						continue
					}
					var odd *events.OddFieldsError
					if err := events.DecodeStrict(&raw, event); errors.As(err, &odd) {
						refused++
						if !strings.HasPrefix(odd.Paths[0], f.Name) || odd.More != 0 {
							t.Errorf("%s: %v", data, err)
						}
					} else if err != nil {
						t.Errorf("%s: %v", data, err)
					}
				}
			}
			if len(s.AllFields(e)) > 0 && refused == 0 {
				t.Error("no wrong type was refused")
			}
		})
	}
}

func decode(name events.Type, data string) error {
	_, err := events.Decode(&events.Raw{Type: name, Data: []byte(data)})
	return err
}

// TestHostileInput: deep, dense, broken and doubled input ends in an error or in a value.
//
// Failures: F154.
func TestHostileInput(t *testing.T) {
	t.Parallel()
	const n = 1 << 20
	for name, c := range map[string]struct {
		event events.Type
		data  string
		fails bool
	}{
		"deep messages":   {"MESSAGE_CREATE", strings.Repeat(`{"referenced_message":`, n) + "1" + strings.Repeat("}", n), true},
		"deep components": {"MESSAGE_CREATE", `{"components":` + strings.Repeat(`[{"type":17,"components":`, n/8), true},
		"deep unknown":    {"MESSAGE_CREATE", `{"later":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}", true},
		"empty members":   {"GUILD_MEMBERS_CHUNK", `{"members":[` + strings.Repeat("{},", n) + "{}]}", true},
		"empty channels":  {"GUILD_CREATE", `{"channels":[` + strings.Repeat("{},", n) + "{}]}", true},
		"nested empties":  {"GUILD_CREATE", `{"channels":[` + strings.Repeat(`{"recipients":[{},{}]},`, n/4) + "{}]}", true},
		"double keys":     {"MESSAGE_CREATE", "{" + strings.Repeat(`"content":"x",`, n/8) + `"content":"y"}`, false},
		"double objects":  {"MESSAGE_CREATE", "{" + strings.Repeat(`"member":{},`, n/4) + `"member":null}`, true},
		"long number":     {"MESSAGE_CREATE", `{"type":` + strings.Repeat("9", n) + "}", false},
		"long id":         {"MESSAGE_CREATE", `{"id":"` + strings.Repeat("9", n) + `"}`, false},
		"long string":     {"MESSAGE_CREATE", `{"content":"` + strings.Repeat("x", n) + `"}`, false},
		"escapes":         {"MESSAGE_CREATE", `{"content":"` + strings.Repeat(`\u00e9`, n/8) + `"}`, false},
		"not an object":   {"MESSAGE_CREATE", "7", true},
		"not ended":       {"MESSAGE_CREATE", `{"content":"x"`, true},
		"something after": {"MESSAGE_CREATE", `{} {}`, true},
		"empty":           {"MESSAGE_CREATE", "", true},
		"null":            {"MESSAGE_CREATE", "null", false},
	} {
		err := decode(c.event, c.data)
		if (err != nil) != c.fails {
			t.Errorf("%s: %.200v", name, err)
		}
		if err != nil && len(err.Error()) > 200 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
	}
}

// TestMemoryOfHostileInput: decoding takes at most three times the input, and a constant.
//
// Failures: F154.
func TestMemoryOfHostileInput(t *testing.T) { // not parallel: it measures the heap
	const n = 1 << 20
	for name, data := range map[string]string{
		"members":  `{"members":[` + strings.Repeat("{},", n) + "{}]}",
		"in turns": `{"members":[` + strings.Repeat(`{"user":{},"roles":[1]},`, n/4) + "{}]}",
		"doubled":  "{" + strings.Repeat(`"members":[{},{},{},{}],`, n/4) + `"nonce":"x"}`,
		"ids":      `{"not_found":[` + strings.Repeat("1,", n) + "1]}",
		"strings":  `{"nonce":"` + strings.Repeat("x", 4*n) + `"}`,
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		err := decode("GUILD_MEMBERS_CHUNK", data)
		runtime.ReadMemStats(&after)
		took := after.TotalAlloc - before.TotalAlloc
		if limit := uint64(3*len(data) + 1<<21); took > limit+uint64(len(data)) { // and the copy of data made here
			t.Errorf("%s: %d bytes of input took %d (%v)", name, len(data), took, err)
		}
	}
}

// TestUnknownIsKept: events, enum values, flags and components that this package does not know.
func TestUnknownIsKept(t *testing.T) {
	t.Parallel()
	raw := &events.Raw{Type: "NEW_IN_2027", Data: []byte(`{"a":1}`)}
	if e, err := events.Decode(raw); err != nil || e != events.Event(raw) {
		t.Errorf("an unknown event: %v, %v", e, err)
	}
	data := `{"type":999,"flags":1152921504606846976,"later":{"x":[1]},"components":[{"type":99,"id":7,"x":"y"}]}`
	e, err := events.Decode(&events.Raw{Type: "MESSAGE_CREATE", Data: []byte(data)})
	if err != nil {
		t.Fatal(err)
	}
	m := e.(*events.MessageCreate)
	again, err := json.Marshal(m.Components)
	if err != nil || m.Type != 999 || m.Flags != 1<<60 || string(again) != `[{"type":99,"id":7,"x":"y"}]` {
		t.Errorf("type %d, flags %d, components %s, %v", m.Type, m.Flags, again, err)
	}
}

// FuzzDecode: any input ends in an error or in an event that is written and read again as it is.
func FuzzDecode(f *testing.F) {
	names := events.Types()
	s := load(f)
	for i, name := range names {
		for _, e := range s.Events {
			if e.Name == string(name) {
				data, err := json.Marshal((&sampler{schema: s, source: new(fullest)}).object(e, 3))
				if err != nil {
					f.Fatal(err)
				}
				f.Add(uint8(i), data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, index uint8, data []byte) {
		raw := &events.Raw{Type: names[int(index)%len(names)], Data: data}
		event, err := events.Decode(raw)
		if err != nil || !utf8.Valid(data) || !json.Valid(data) {
			return
		}
		first, err := json.Marshal(event)
		if err != nil {
			var bad *json.MarshalerError
			if errors.As(err, &bad) && strings.Contains(err.Error(), "year outside of range") {
				return // a day before the year 0, in another time zone
			}
			t.Fatal(err)
		}
		again, err := events.Decode(&events.Raw{Type: raw.Type, Data: first})
		if err != nil {
			t.Fatalf("%v: %s", err, first)
		}
		if second, err := json.Marshal(again); err != nil || string(first) != string(second) {
			t.Fatalf("written again it differs (%v):\n%s\n%s", err, first, second)
		}
	})
}
