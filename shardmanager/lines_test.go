package shardmanager_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestLinesForOperators: what is printed of a forecast, and of a reshard that is under way.
func TestLinesForOperators(t *testing.T) {
	t.Parallel()
	for want, printed := range map[string]fmt.Stringer{
		"recovery of 1 shard whose sessions are lost: 1m30s, 1 Identify, no Resume; 5 may be spent": shardmanager.Forecast{
			Work: shardmanager.Recovery{SessionsLost: true}, Shards: 1, Duration: 90 * time.Second, Identifies: 1, Enough: true, Budget: shardmanager.Budget{Spare: 5},
		},
		"recovery of 3 shards: 1m30s, no Identify, 1 Resume": shardmanager.Forecast{
			Work: shardmanager.Recovery{}, Shards: 3, Duration: 90 * time.Second, Resumes: 1, Enough: true,
		},
		"reshard to 3 shards: 1m30s, no Identify, no Resume, 1 session more meanwhile": shardmanager.Forecast{
			Work: shardmanager.ReshardTo{Total: 3}, Shards: 3, Duration: 90 * time.Second, Enough: true, ExtraSessions: 1,
		},
		"2 to 3 shards, cutting: 1 of 4 guilds, about 1m30s left": shardmanager.ReshardProgress{
			From: 2, To: 3, Phase: shardmanager.ReshardCutting, Cut: 1, Guilds: 4, Left: 90 * time.Second,
		},
	} {
		if got := printed.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
