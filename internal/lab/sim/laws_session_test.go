package sim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/lab/sim"
	"github.com/signalbox-go/signalbox/session"
)

// TestResumeOfASessionThatIsGoneIsNoticed: the law can fail, for whoever has told that he heard of it, and for nobody else.
func TestResumeOfASessionThatIsGoneIsNoticed(t *testing.T) {
	t.Parallel()
	op9 := func(resumable string) sim.Record {
		return sim.Record{Witness: sim.Gateway, What: "sent", Op: events.OpInvalidSession, Text: resumable}
	}
	closes := func(code events.CloseCode) sim.Record {
		return sim.Record{Witness: sim.Gateway, What: "closing", Code: code}
	}
	for name, test := range map[string]struct {
		said sim.Record
		told string // by the process; "": nothing
		want bool
	}{
		"op 9":                    {op9("false"), session.ErrInvalidSession.Error() + ": the session is gone", true},
		"op 9, a mild one heard":  {op9("false"), session.ErrInvalidSession.Error(), false},
		"op 9, not heard":         {op9("false"), "", false},
		"op 9, another was heard": {op9("false"), session.ErrReconnect.Error(), false},
		"op 9 that keeps it":      {op9("true"), session.ErrInvalidSession.Error(), false},
		"4007":                    {closes(4007), (&session.CloseError{Code: 4007}).Error(), true},
		"4009, with a reason":     {closes(4009), (&session.CloseError{Code: 4009, Reason: "why"}).Error(), true},
		"4009, not heard":         {closes(4009), "", false},
		"a code that keeps it":    {closes(4000), (&session.CloseError{Code: 4000}).Error(), false},
		"4009, another was heard": {closes(4009), (&session.CloseError{Code: 4000}).Error(), false},
	} {
		on := func(link int, r sim.Record) sim.Record {
			r.Process, r.Link, r.Session = 1, link, 1
			return r
		}
		trace := sim.Trace{
			on(1, sim.Record{Witness: sim.Gateway, What: "began"}),
			on(1, sim.Record{Witness: sim.Gateway, What: "dispatched", Type: events.TypeReady, Seq: 1}),
			on(1, sim.Record{Witness: sim.Process, What: "state", Text: "Identifying Ready"}),
			on(1, test.said),
		}
		if test.told != "" {
			trace = append(trace, on(1, sim.Record{Witness: sim.Process, What: "state", Text: "Ready Backoff: " + test.told}))
		}
		trace = append(trace, on(1, sim.Record{Witness: sim.Network, What: "ended"})) // as whoever hears it closes the connection at once
		trace = append(trace, on(2, sim.Record{Witness: sim.Gateway, What: "received", Op: events.OpResume, Text: "resume 1 after 1"}))
		for i := range trace {
			trace[i].At = time.Duration(i+1) * 50 * time.Millisecond
		}
		found := false
		for _, v := range sim.Check(sim.Plan{Shards: 1, Concurrency: 1, Budget: 1000}, trace) {
			found = found || strings.Contains(v.Text, "which the gateway has said is gone")
		}
		if found != test.want {
			t.Errorf("%s: noticed: %v", name, found)
		}
	}
}

// TestSessionThatIsLostWithoutAWordIsNoticed: that a cause speaks of something lost is not to say that the session is.
func TestSessionThatIsLostWithoutAWordIsNoticed(t *testing.T) {
	t.Parallel()
	for told, want := range map[string]bool{
		"Ready Backoff: transport: connection lost":      true,
		"Ready Backoff lost: transport: connection lost": false,
	} {
		trace := sim.Trace{
			{Witness: sim.Handler, What: "enter", Type: events.TypeReady, Session: 1, Seq: 1},
			{Witness: sim.Process, What: "state", Text: "Identifying Ready"},
			{Witness: sim.Process, What: "state", Text: told},
			{Witness: sim.Handler, What: "enter", Type: events.TypeReady, Session: 2, Seq: 1},
		}
		for i := range trace {
			trace[i].At, trace[i].Process = time.Duration(i+1)*50*time.Millisecond, 1
		}
		found := false
		for _, v := range sim.Check(sim.Plan{Shards: 1, Concurrency: 1, Budget: 1000}, trace) {
			found = found || strings.Contains(v.Text, "nobody was told that it is lost")
		}
		if found != want {
			t.Errorf("%s: noticed: %v", told, found)
		}
	}
}
