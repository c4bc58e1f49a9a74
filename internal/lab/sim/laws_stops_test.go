package sim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/lab/sim"
)

// TestBeatThatIsAskedForAndDoesNotComeIsNoticed: unless the reader has stopped, for handlers that are behind. It stops when too many
// events wait, until half of them are done, and not for fewer.
func TestBeatThatIsAskedForAndDoesNotComeIsNoticed(t *testing.T) {
	t.Parallel()
	type step struct {
		happens, handled int
		typ              events.Type
		seen             int // of the messages
	}
	const typing, message = events.TypeTypingStart, events.TypeMessageCreate
	for name, test := range map[string]struct {
		steps []step
		want  bool
	}{
		"nothing waits": {nil, true},
		"few wait":      {[]step{{3900, 0, typing, 0}}, true},
		"too many wait": {[]step{{4100, 0, typing, 0}}, false},
		"too many waited, and few of them are done":   {[]step{{4100, 1500, typing, 0}}, false},
		"too many waited, and most of them are done":  {[]step{{4100, 2200, typing, 0}}, true},
		"too many waited, and again some wait":        {[]step{{4100, 2200, typing, 0}, {1000, 0, typing, 0}}, true},
		"a queue of its own is full":                  {[]step{{4, 0, message, 0}}, false},
		"a queue of its own has room":                 {[]step{{4, 0, message, 2}}, true},
		"a queue of its own has room, and few wait":   {[]step{{3900, 900, typing, 0}, {4, 0, message, 2}}, true},
		"a queue of its own is full, and few do wait": {[]step{{3900, 900, typing, 0}, {9, 0, message, 2}}, false},
	} {
		var trace sim.Trace
		now := time.Duration(0)
		add := func(r sim.Record) {
			now += time.Millisecond
			r.At, r.Process, r.Session, r.Link = now, 1, 1, 1
			trace = append(trace, r)
		}
		add(sim.Record{Witness: sim.Network, What: "dial", Text: "127.0.0.1:80"})
		add(sim.Record{Witness: sim.Gateway, What: "opened"})
		add(sim.Record{Witness: sim.Gateway, What: "sent", Op: events.OpHello})
		add(sim.Record{Witness: sim.Gateway, What: "began"})
		told, done := 0, 0
		for _, s := range test.steps {
			for range s.happens {
				told++
				add(sim.Record{Witness: sim.Gateway, What: "dispatched", Op: events.OpDispatch, Type: s.typ, Seq: int64(told), Fact: fmt.Sprint(told)})
			}
			for range s.handled {
				done++
				add(sim.Record{Witness: sim.Handler, What: "exit", Type: s.typ, Seq: int64(done), Who: "all"})
			}
			for i := range s.seen {
				add(sim.Record{Witness: sim.Handler, What: "saw", Type: s.typ, Who: "messages too", Fact: fmt.Sprint(told - s.happens + 1 + i)})
			}
		}
		add(sim.Record{Witness: sim.Gateway, What: "sent", Op: events.OpHeartbeat})
		now += 10 * time.Second
		add(sim.Record{Witness: sim.Network, What: "ended"})
		found := false
		for _, v := range sim.Check(sim.Plan{Shards: 1, Concurrency: 1, Budget: 1000, Interval: time.Minute}, trace) {
			found = found || strings.HasPrefix(v.Law, "T-2")
		}
		if found != test.want {
			t.Errorf("%s: noticed: %v", name, found)
		}
	}
}
