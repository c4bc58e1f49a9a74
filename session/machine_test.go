package session_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// TestMachineThatCouldNotIdentifyIsNotMade: what cannot work is an error before anything is dialled, and not at each connection.
func TestMachineThatCouldNotIdentifyIsNotMade(t *testing.T) {
	t.Parallel()
	first := events.ShardID{Index: 0, Total: 1}
	var invalid *events.InvalidError
	for name, test := range map[string]struct {
		shard    events.ShardID
		identify events.Identify
		works    bool
		invalid  bool // and a field is named
		large    bool
	}{
		"a token alone":          {first, events.Identify{Token: "token"}, true, false, false},
		"the last shard":         {events.ShardID{Index: 7, Total: 8}, events.Identify{Token: "token"}, true, false, false},
		"no shard":               {events.ShardID{Index: 8, Total: 8}, events.Identify{Token: "token"}, false, false, false},
		"no total":               {events.ShardID{}, events.Identify{Token: "token"}, false, false, false},
		"the lowest threshold":   {first, events.Identify{Token: "token", LargeThreshold: 50}, true, false, false},
		"a threshold too low":    {first, events.Identify{Token: "token", LargeThreshold: 49}, false, true, false},
		"a threshold too high":   {first, events.Identify{Token: "token", LargeThreshold: 251}, false, true, false},
		"a presence":             {first, events.Identify{Token: "token", Presence: &events.UpdatePresence{Status: events.StatusIdle}}, true, false, false},
		"a presence that is not": {first, events.Identify{Token: "token", Presence: &events.UpdatePresence{Status: "asleep"}}, false, true, false},
		"a payload too large":    {first, events.Identify{Token: events.Secret(strings.Repeat("t", events.MaxPayload))}, false, false, true},
	} {
		m, err := session.NewMachine(session.Config{Shard: test.shard, Identify: test.identify}, newJudge(t.Errorf))
		if (m != nil) != test.works || (err == nil) != test.works || errors.As(err, &invalid) != test.invalid || errors.Is(err, events.ErrTooLarge) != test.large {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}
