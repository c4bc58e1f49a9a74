package sim_test

import (
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/internal/lab/sim"
)

// TestShardThatIsGivenUpTooEarlyIsNoticed: after fewer than five crashes, and those before it was mended count no more. That it is mended while it crashes for the fifth time
// is seen when its next actor is.
func TestShardThatIsGivenUpTooEarlyIsNoticed(t *testing.T) {
	t.Parallel()
	const (
		crash  = "crash"
		asked  = "asked"
		dials  = "Idle Connecting"
		late   = "Idle Backoff: crashed" // it has crashed before it has dialled
		closed = "Ready Closed: kept crashing"
	)
	five := []string{crash, crash, crash, crash, crash, closed}
	for name, test := range map[string]struct {
		steps []string
		want  bool
	}{
		"after four":                     {[]string{crash, crash, crash, crash, closed}, true},
		"after five":                     {five, false},
		"mended, and after four":         {append(five[:6:6], asked, dials, crash, crash, crash, crash, closed), true},
		"mended, and after five":         {append(five[:6:6], asked, dials, crash, crash, crash, crash, crash, closed), false},
		"mended meanwhile, after four":   {[]string{crash, crash, crash, crash, asked, crash, closed, dials, crash, crash, crash, crash, closed}, true},
		"mended meanwhile, after five":   {[]string{crash, crash, crash, crash, asked, crash, closed, dials, crash, crash, crash, crash, crash, closed}, false},
		"crashed at once, and four more": {[]string{crash, crash, crash, crash, asked, crash, closed, crash, late, crash, crash, crash, crash, closed}, false},
		"crashed at once, three more":    {[]string{crash, crash, crash, crash, asked, crash, closed, crash, late, crash, crash, crash, closed}, true},
	} {
		trace := sim.Trace{{Witness: sim.Process, What: "start", Process: 1, Shard: -1}}
		for i, s := range test.steps {
			r := sim.Record{At: time.Duration(i+1) * time.Second, Process: 1, Witness: sim.Process, What: "state", Text: s}
			switch s {
			case crash:
				r.Witness, r.What, r.Text = sim.Fault, crash, ""
			case asked:
				r.Witness, r.What, r.Text = sim.Operator, "planned", "restart"
			}
			trace = append(trace, r)
		}
		if found := notices(trace, "D-5"); found != test.want {
			t.Errorf("%s: noticed: %v", name, found)
		}
	}
}
