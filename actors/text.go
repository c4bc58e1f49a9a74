package actors

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/signalbox-go/signalbox/session"
)

// String is a line for an operator, such as "14 of 16 shards ready; 2 Backoff; 4 warming": of the shards that are to run and to serve, and after them the others.
func (s Status) String() string {
	var wanted, ready int
	var states [session.Closed + 1]int
	others := make(map[string]int)
	for i := range s.Shards {
		switch shard := &s.Shards[i]; {
		case shard.Role != Serving:
			others[shard.Role.String()]++
		case shard.Mode != Run:
			others["to "+shard.Mode.String()]++
		default:
			if wanted++; shard.State == session.Ready {
				ready++
			} else if shard.State >= 0 && int(shard.State) < len(states) {
				states[shard.State]++
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d shards ready", ready, wanted)
	for state, n := range states {
		if n > 0 {
			fmt.Fprintf(&b, "; %d %v", n, session.State(state))
		}
	}
	for _, what := range slices.Sorted(maps.Keys(others)) {
		fmt.Fprintf(&b, "; %d %s", others[what], what)
	}
	if s.LeftOut != 0 {
		fmt.Fprintf(&b, "; without %v", s.LeftOut)
	}
	return b.String()
}
