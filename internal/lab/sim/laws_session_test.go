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
		mild bool // an op 9 that keeps the session was said before
	}{
		"op 9":                    {said: op9("false"), told: session.ErrInvalidSession.Error() + ": the session is gone", want: true},
		"op 9, taken for mild":    {said: op9("false"), told: session.ErrInvalidSession.Error(), want: true},
		"op 9, a mild one heard":  {said: op9("false"), told: session.ErrInvalidSession.Error(), mild: true},
		"op 9, not heard":         {said: op9("false")},
		"op 9, another was heard": {said: op9("false"), told: session.ErrReconnect.Error()},
		"op 9 that keeps it":      {said: op9("true"), told: session.ErrInvalidSession.Error()},
		"4007":                    {said: closes(4007), told: (&session.CloseError{Code: 4007}).Error(), want: true},
		"4009, with a reason":     {said: closes(4009), told: (&session.CloseError{Code: 4009, Reason: "why"}).Error(), want: true},
		"4009, not heard":         {said: closes(4009)},
		"a code that keeps it":    {said: closes(4000), told: (&session.CloseError{Code: 4000}).Error()},
		"4009, another was heard": {said: closes(4009), told: (&session.CloseError{Code: 4000}).Error()},
	} {
		on := func(link int, r sim.Record) sim.Record {
			r.Process, r.Link, r.Session = 1, link, 1
			return r
		}
		trace := sim.Trace{
			on(1, sim.Record{Witness: sim.Gateway, What: "began"}),
			on(1, sim.Record{Witness: sim.Gateway, What: "dispatched", Type: events.TypeReady, Seq: 1}),
			on(1, sim.Record{Witness: sim.Process, What: "state", Text: "Identifying Ready"}),
		}
		if test.mild {
			trace = append(trace, on(1, op9("true")))
		}
		trace = append(trace, on(1, test.said))
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
