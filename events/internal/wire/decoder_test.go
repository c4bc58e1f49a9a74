package wire

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

// TestCount: the elements of any array are counted as encoding/json counts them.
func TestCount(t *testing.T) {
	t.Parallel()
	piece := rapid.SampledFrom([]string{`"a,b"`, `"\""`, `"\\"`, `"\\\","`, `"]"`, `{"a":[1,2],"b":"}"}`, `[]`, `[[1,2],[3]]`, `1`, `null`, ` "x" `, `"é\u00e9,"`})
	rapid.Check(t, func(t *rapid.T) {
		data := []byte("[")
		for i, p := range rapid.SliceOfN(piece, 0, 8).Draw(t, "pieces") {
			if i > 0 {
				data = append(data, ',')
			}
			data = append(data, p...)
		}
		data = append(data, "] , 7"...)
		var want []json.RawMessage
		if err := json.Unmarshal(data[:len(data)-4], &want); err != nil {
			t.Fatal(err)
		}
		d := new(Decoder)
		d.Data = data
		d.Delim('[')
		if got := d.count(); got != len(want) {
			t.Fatalf("%s: counted %d, want %d", data, got, len(want))
		}
	})
}
