package ratelimit_test

import (
	"encoding/json"
	"testing"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// TestShardIsAKeyInJSON, and one that was written as an index is read.
func TestShardIsAKeyInJSON(t *testing.T) {
	t.Parallel()
	in := map[ratelimit.Shard]int{{Generation: 3, Index: 17, Total: 64}: 1, {}: 2}
	text, err := json.Marshal(in)
	if err != nil || string(text) != `{"0:0/0":2,"3:17/64":1}` {
		t.Fatalf("%s, %v", text, err)
	}
	out := make(map[ratelimit.Shard]int)
	if err = json.Unmarshal([]byte(`{"3:17/64":1,"5":2}`), &out); err != nil {
		t.Fatal(err)
	}
	if len(out) != 2 || out[ratelimit.Shard{Generation: 3, Index: 17, Total: 64}] != 1 || out[ratelimit.Shard{Index: 5}] != 2 {
		t.Errorf("%+v", out)
	}
	for _, bad := range []string{"", "x", "1:2", "1:2/3 ", "1:2/3x", "01:2/3", "-1:2/3", "1:2/", "1.5"} {
		if err := new(ratelimit.Shard).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}
