package events_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/signalbox-go/signalbox/events"
)

// TestPeekTakesKeysInAnyOrder builds payloads as a gateway might write them: any order, any
// space between, keys nobody knows, and a d that is any JSON.
// Failures: F76.
func TestPeekTakesKeysInAnyOrder(t *testing.T) {
	t.Parallel()
	space := rapid.SampledFrom([]string{"", " ", "\n\t", "\r\n  "})
	text := rapid.StringOf(rapid.SampledFrom([]rune(`ab"\{}[]:,é😀 `)))
	rapid.Check(t, func(t *rapid.T) {
		op := rapid.Int64Range(0, 50).Draw(t, "op")
		seq := rapid.Int64Range(0, 1<<62).Draw(t, "s")
		name := rapid.StringMatching(`[A-Z_]{1,128}`).Draw(t, "t")
		d := anyJSON(t, text, 3)
		encode := func(v any) string {
			encoded, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return string(encoded)
		}
		fields := rapid.Permutation([]string{
			`"op":` + encode(op), `"s":` + encode(seq), `"t":` + encode(name), `"d":` + encode(d),
			`"_trace":` + encode(anyJSON(t, text, 2)), encode("x"+text.Draw(t, "key")) + `:` + encode(d),
		}).Draw(t, "order")
		for i, field := range fields {
			key, value, _ := strings.Cut(field, `":`)
			fields[i] = space.Draw(t, "space") + key + `"` + space.Draw(t, "space") + ":" + space.Draw(t, "space") + value + space.Draw(t, "space")
		}
		payload := space.Draw(t, "space") + "{" + strings.Join(fields, ",") + "}" + space.Draw(t, "space")
		got, err := events.Peek([]byte(payload))
		if err != nil || int64(got.Op) != op || got.Seq != seq || string(got.Type) != name || string(got.Data) != encode(d) {
			t.Fatalf("Peek(%s) = %+v, %v", payload, got, err)
		}
	})
}

func anyJSON(t *rapid.T, text *rapid.Generator[string], depth int) any {
	switch kind := rapid.IntRange(0, 6).Draw(t, "kind"); {
	case kind == 0:
		return nil
	case kind == 1:
		return rapid.Bool().Draw(t, "bool")
	case kind == 2:
		return rapid.Int64().Draw(t, "number")
	case kind == 3 || depth == 0:
		return text.Draw(t, "text")
	case kind == 4:
		list := make([]any, rapid.IntRange(0, 3).Draw(t, "length"))
		for i := range list {
			list[i] = anyJSON(t, text, depth-1)
		}
		return list
	}
	object := map[string]any{}
	for range rapid.IntRange(0, 3).Draw(t, "size") {
		object[text.Draw(t, "key")] = anyJSON(t, text, depth-1)
	}
	return object
}

func TestPeekRefusesANullOp(t *testing.T) {
	t.Parallel()
	if got, err := events.Peek([]byte(`{"op":null,"t":"X","s":1,"d":{}}`)); !errors.Is(err, events.ErrMalformed) {
		t.Errorf("a payload without an op passes for a dispatch: %+v, %v", got, err)
	}
}

func TestPeekDoesNotAllocate(t *testing.T) {
	for _, payload := range []string{
		`{"t":"MESSAGE_CREATE","s":42,"op":0,"d":{"id":"1"}}`, `{"op":11}`, `{"t":null,"s":null,"op":1,"d":null}`,
	} {
		data := []byte(payload)
		if allocs := testing.AllocsPerRun(100, func() { _, _ = events.Peek(data) }); allocs != 0 {
			t.Errorf("Peek(%s) allocates %v times", payload, allocs)
		}
	}
}
