package sim_test

import (
	"fmt"
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
		seen             int  // of the messages
		asked            bool // then a beat is asked for, more than a minute before the last, and comes when it is read
	}
	const typing, message = events.TypeTypingStart, events.TypeMessageCreate
	some := func(happens, handled int, typ events.Type, seen int) step {
		return step{happens: happens, handled: handled, typ: typ, seen: seen}
	}
	asked := func(s step) step { s.asked = true; return s }
	for name, test := range map[string]struct {
		steps []step
		want  bool
	}{
		"nothing waits": {nil, true},
		"few wait":      {[]step{some(3900, 0, typing, 0)}, true},
		"too many wait": {[]step{some(4100, 0, typing, 0)}, false},
		"too many waited, and few of them are done":        {[]step{some(4100, 1500, typing, 0)}, false},
		"too many waited, and most of them are done":       {[]step{some(4100, 2200, typing, 0)}, true},
		"too many waited, and again some wait":             {[]step{some(4100, 2200, typing, 0), some(1000, 0, typing, 0)}, true},
		"a queue of its own is full":                       {[]step{some(4, 0, message, 0)}, false},
		"a queue of its own was full, and one is done":     {[]step{some(4, 0, message, 1)}, false},
		"a queue of its own has room":                      {[]step{some(4, 0, message, 2)}, true},
		"a queue of its own has room, and few wait":        {[]step{some(3900, 900, typing, 0), some(4, 0, message, 2)}, true},
		"a queue of its own is full, and few do wait":      {[]step{some(3900, 900, typing, 0), some(9, 0, message, 2)}, false},
		"another came at once":                             {[]step{asked(some(3, 0, message, 0)), some(0, 0, message, 3)}, true},
		"another came late, since it was not read at once": {[]step{asked(some(4, 0, message, 0)), some(0, 0, message, 4)}, false},
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
		var waiting []string // the messages
		for _, s := range test.steps {
			for range s.happens {
				told++
				add(sim.Record{Witness: sim.Gateway, What: "dispatched", Op: events.OpDispatch, Type: s.typ, Seq: int64(told), Fact: fmt.Sprint(told)})
				if s.typ == message {
					waiting = append(waiting, fmt.Sprint(told))
				}
			}
			for range s.handled {
				done++
				add(sim.Record{Witness: sim.Handler, What: "exit", Type: s.typ, Seq: int64(done), Who: "all"})
			}
			for range s.seen {
				add(sim.Record{Witness: sim.Handler, What: "saw", Type: s.typ, Who: "messages too", Fact: waiting[0]})
				waiting = waiting[1:]
			}
			if s.asked {
				add(sim.Record{Witness: sim.Gateway, What: "sent", Op: events.OpHeartbeat})
				if len(waiting) == 4 {
					now += 30 * time.Second
				}
				add(sim.Record{Witness: sim.Gateway, What: "received", Op: events.OpHeartbeat})
				now += 62 * time.Second
			}
		}
		add(sim.Record{Witness: sim.Gateway, What: "sent", Op: events.OpHeartbeat})
		now += 10 * time.Second
		add(sim.Record{Witness: sim.Network, What: "ended"})
		if found := notices(trace, "T-2"); found != test.want {
			t.Errorf("%s: noticed: %v", name, found)
		}
	}
}
