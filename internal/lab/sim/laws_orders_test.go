package sim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/internal/lab/sim"
)

// TestOrderThatIsRefusedIsNoticed: unless the shard was released, and nobody has adopted it since. A restart or a stop is taken of such a shard, and changes nothing of that.
func TestOrderThatIsRefusedIsNoticed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		taken []string
		want  bool
	}{
		"of a shard that runs":                  {nil, true},
		"of one that was released":              {[]string{"release"}, false},
		"of one that was restarted meanwhile":   {[]string{"release", "restart"}, false},
		"of one that was stopped meanwhile":     {[]string{"release", "stop"}, false},
		"of one that was adopted":               {[]string{"release", "start"}, true},
		"of one that was adopted and restarted": {[]string{"release", "start", "restart"}, true},
	} {
		trace := sim.Trace{{Witness: sim.Process, What: "start", Process: 1, Shard: -1}}
		for i, verb := range append(test.taken, "pause: refused") {
			r := sim.Record{At: time.Duration(i+1) * time.Hour, Process: 1, Witness: sim.Operator, What: "planned", Text: verb}
			if strings.Contains(verb, ":") {
				r.What = "unplanned"
			}
			trace = append(trace, r)
		}
		if found := notices(trace, "D-7"); found != test.want {
			t.Errorf("%s: noticed: %v", name, found)
		}
	}
}
