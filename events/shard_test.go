package events_test

import (
	"encoding/json"
	"testing"

	"github.com/signalbox-go/signalbox/events"
)

func TestShardForWantsATotal(t *testing.T) {
	t.Parallel()
	for _, total := range []int{0, -1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("ShardFor takes a total of %d", total)
				}
			}()
			events.ShardFor(1<<22, total)
		}()
	}
	for guild, want := range map[events.Snowflake]int{0: 0, 1<<22 - 1: 0, 1 << 22: 1, 17 << 22: 1, 1<<64 - 1: (1<<42 - 1) % 16} {
		if got := events.ShardFor(guild, 16); got != want {
			t.Errorf("shard %d for guild %v, want %d", got, guild, want)
		}
	}
}

func TestShardID(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(events.ShardID{Index: 3, Total: 16})
	if err != nil || string(text) != "[3,16]" {
		t.Errorf("%s, %v", text, err)
	}
	var shard events.ShardID
	if err := json.Unmarshal(text, &shard); err != nil || shard.String() != "3/16" || !shard.Valid() {
		t.Errorf("%v, %v", shard, err)
	}
	for _, bad := range []string{`"3/16"`, `{}`, `[3,"16"]`, `3`} {
		if err := json.Unmarshal([]byte(bad), &shard); err == nil {
			t.Errorf("%s is read as %v", bad, shard)
		}
	}
	for _, none := range []events.ShardID{{}, {Index: 1, Total: 1}, {Index: -1, Total: 1}} {
		if none.Valid() {
			t.Errorf("%v is valid", none)
		}
	}
}
