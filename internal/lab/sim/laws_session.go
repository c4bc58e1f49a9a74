package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// known is what a process knows of a shard's session at some time: the latest that it has
// seen begin, or loaded.
type known struct {
	session int
	process int           // in which it began or was resumed
	at      time.Duration // since when it is established
	tries   int           // connections since the process was Ready, that got to Hello
	gone    bool          // the gateway has said that there is no such session any more
	heard   bool          // and the process has told that it has heard so
	mild    int           // the latest link on which the gateway has sent an op 9 that keeps the session
	strict  int           // and the latest on which it has sent one that does not
	renewed bool          // an operator has asked for another session
	given   time.Duration // since when the plan says so; 0: it does not
}

// gone are the codes after which a session cannot be resumed.
var gone = []events.CloseCode{4005, 4006, 4007, 4009}

// follow walks through the life of each shard in each process, and calls f at each Identify
// and Resume that the gateway read, with what the process knew.
func (c *check) follow(f func(r Record, k known, seen bool)) {
	knows, generations := make(map[[2]int]known), make(map[[2]int]int)
	entered := make(map[[3]int]bool) // READY was handed to the handler, by process, shard and session
	for _, r := range c.trace {
		id := [2]int{r.Process, r.Shard}
		if generation := r.Link / connsOfGeneration; r.Witness == Gateway && generation > generations[id] {
			delete(knows, id) // it has nothing to do with what was there before
			generations[id] = generation
		}
		k := knows[id]
		switch {
		case r.Witness == Handler && r.What == "enter" && r.Type == events.TypeReady:
			entered[[3]int{r.Process, r.Shard, r.Session}] = true
		case r.Witness == Process && r.What == "loaded":
			entered[[3]int{r.Process, r.Shard, r.Session}] = true
			knows[id] = known{session: r.Session, at: r.At}
		case r.Witness == Process && r.What == "state" && k.gone && (endsSession(r.Text) || k.strict > k.mild && strings.Contains(r.Text, session.ErrInvalidSession.Error())):
			k.heard = true
			knows[id] = k
		case r.Witness == Operator && r.What == "renews":
			k.renewed = true
			knows[id] = k
		case r.Witness == Operator && r.What == "planned" && r.Text == "reidentify" && k.renewed:
			if entered[[3]int{r.Process, r.Shard, k.session}] { // else it begins as the operator asks for it
				k.given = r.At
				knows[id] = k
			}
		case r.became(session.Ready):
			k.tries = 0
			knows[id] = k
			if r.Shard >= warming || c.plan.Reshards { // no handler hears of it
				entered[[3]int{r.Process, r.Shard, k.session}] = true
			}
		case r.Witness != Gateway || r.Link == 0:
		case r.What == "resumed" && r.Session == k.session: // whether the process hears of it is another matter
			knows[id] = known{session: r.Session, at: r.At, tries: k.tries, mild: k.mild, strict: k.strict, renewed: k.renewed, given: k.given}
		case r.What == "began" || r.What == "resumed":
			knows[id] = known{session: r.Session, at: r.At}
		case r.What == "sent" && r.Op == events.OpHello:
			k.tries++
			knows[id] = k
		case r.What == "sent" && r.Op == events.OpInvalidSession && !strings.HasPrefix(r.Text, "false"):
			k.mild = r.Link
			knows[id] = k
		case r.What == "sent" && r.Op == events.OpInvalidSession,
			r.What == "closing" && (slices.Contains(gone, r.Code) || slices.Contains(final, r.Code)):
			if k.gone = true; r.What == "sent" {
				k.strict = r.Link
			}
			knows[id] = k
		case r.What == "received" && (r.Op == events.OpIdentify || r.Op == events.OpResume):
			f(r, k, entered[[3]int{r.Process, r.Shard, k.session}])
		}
	}
}

// endsSession reports whether a state is told with a cause that ends a session: op 9 with false, or a close code.
func endsSession(state string) bool {
	return strings.Contains(state, session.ErrInvalidSession.Error()+": the session is gone") || slices.ContainsFunc(gone, func(code events.CloseCode) bool {
		return strings.Contains(state, (&session.CloseError{Code: code}).Error())
	})
}

// resumeFirst: I-5. Nobody identifies who has a session to resume.
func (c *check) resumeFirst() {
	c.follow(func(r Record, k known, seen bool) {
		if r.Op != events.OpIdentify || k.session == 0 || !seen || k.gone || k.renewed {
			return
		}
		if k.tries-1 >= 3 { // this connection is one of them
			return
		}
		c.fail("I-5 resume first", r.At, "shard %d identifies, though session %d is alive after %d connections", r.Shard, k.session, k.tries-1)
	})
	if !c.plan.Reshards {
		c.restarts()
	}
}

// restarts is the part of I-5 that is about processes: one that was closed in order leaves its
// sessions to the next.
func (c *check) restarts() {
	closed := make(map[int]Record) // by process
	ended := make(map[int]Record)  // the same, but one that ends by itself is closed afterwards
	for _, r := range c.trace {
		if r.Witness != Process || r.What != "closing" && r.What != "done" {
			continue
		}
		if _, over := ended[r.Process]; !over {
			ended[r.Process] = r
		}
		if r.What == "closing" {
			closed[r.Process] = r
		}
	}
	identified := make(map[[2]int]bool)
	loaded := make(map[[2]int]bool)
	live := make(map[int]known)   // by shard
	settled := make(map[int]bool) // sessions of which something was handled
	for _, r := range c.trace {
		id := [2]int{r.Process, r.Shard}
		switch {
		case r.Witness == Process && r.What == "loaded":
			loaded[id] = true
		case r.Witness == Handler && r.What == "exit":
			if end, over := ended[r.Process]; !over || r.At < end.At {
				settled[r.Session] = true
			}
		case r.Witness == Gateway && r.What == "received" && r.Op == events.OpIdentify:
			before, inOrder := closed[r.Process-1]
			if k := live[r.Shard]; r.Shard < warming && inOrder && k.process == r.Process-1 && c.plan.Store && !identified[id] && !loaded[id] && settled[k.session] && !k.gone &&
				k.at < before.At-time.Second && !c.disturbed(-1, 0, r.At, "store-slow", "store-fails") && !c.storeSick(before.At) {
				c.fail("I-5 resume first", r.At, "shard %d identifies after a restart in order, session %d was not kept", r.Shard, k.session)
			}
			identified[id] = true
		case r.What == "state" && r.move().lost: // given up, as it may be after three Resumes
			k := live[r.Shard]
			k.gone = true
			live[r.Shard] = k
		case r.Witness == Gateway && (r.What == "began" || r.What == "resumed"):
			live[r.Shard] = known{session: r.Session, process: r.Process, at: r.At}
		case r.Witness == Gateway && r.What == "gone":
			if k := live[r.Shard]; k.at < r.At {
				k.gone = k.gone || !strings.Contains(r.Text, "live")
			}
		case r.Witness == Gateway && (r.What == "sent" && r.Op == events.OpInvalidSession || r.What == "closing"):
			k := live[r.Shard]
			k.gone = true
			live[r.Shard] = k
		}
	}
}

func (c *check) storeSick(at time.Duration) bool {
	for _, f := range c.faults {
		if strings.HasPrefix(f.What, "inject store-") && f.At <= at+5*time.Second && f.At+f.For >= at-10*time.Second {
			return true
		}
	}
	return false
}

// resumeTruth: I-8. A Resume names the latest session, and no sequence that was passed before.
func (c *check) resumeTruth() {
	reached := make(map[[2]int]int64) // by process and session
	reachedAt := make(map[[2]int]time.Duration)
	c.follow(func(r Record, k known, seen bool) {
		if r.Op == events.OpIdentify {
			if want := "identify " + c.plan.idOf(r.Shard).String(); r.Text != want {
				c.fail("I-8 resume truth", r.At, "shard %d sent %q", r.Shard, r.Text)
			}
			return
		}
		var session int
		var seq int64
		if _, err := fmt.Sscanf(r.Text, resumeText, &session, &seq); err != nil {
			c.fail("I-8 resume truth", r.At, "shard %d sent %q", r.Shard, r.Text)
			return
		}
		if k.heard && session == k.session {
			c.fail("I-8 resume truth", r.At, "shard %d resumes session %d, which the gateway has said is gone", r.Shard, session)
		}
		if k.given > 0 && session == k.session && c.link(r).dialled > k.given {
			c.fail("I-8 resume truth", r.At, "shard %d resumes session %d, which an operator has given up", r.Shard, session)
		}
		if seen && session != k.session {
			c.fail("I-8 resume truth", r.At, "shard %d resumes session %d, but its latest is %d", r.Shard, session, k.session)
		}
		id := [2]int{r.Process, session}
		since := c.loaded(r.Process, r.Shard, r.At)
		if reachedAt[id] < since { // it has come back from elsewhere
			reached[id] = 0
		}
		if seq < reached[id] {
			c.fail("I-8 resume truth", r.At, "shard %d resumes after %d, but was at %d before", r.Shard, seq, reached[id])
		}
		if s := c.sessions[session]; s == nil || seq > s.last {
			c.fail("I-8 resume truth", r.At, "shard %d resumes session %d after %d, which was never sent", r.Shard, session, seq)
		}
		if entered := c.entered(r.Process, session, since, r.At-time.Second); seq < entered {
			c.fail("I-8 resume truth", r.At, "shard %d resumes after %d, but its handler has seen %d", r.Shard, seq, entered)
		}
		reached[id], reachedAt[id] = max(reached[id], seq), r.At
	})
}

// loaded is when a process last began with a session of a shard from elsewhere.
func (c *check) loaded(process, shard int, before time.Duration) (at time.Duration) {
	for _, r := range c.processes {
		if r.At > before {
			break
		}
		if r.What == "loaded" && r.Process == process && r.Shard == shard {
			at = r.At
		}
	}
	return at
}

// entered is the latest event of a session that a process had handed to its handler.
func (c *check) entered(process, session int, since, before time.Duration) (seq int64) {
	for _, r := range c.trace {
		if r.At > before {
			break
		}
		if r.At >= since && r.Witness == Handler && r.What == "enter" && r.Process == process && r.Session == session {
			seq = max(seq, r.Seq)
		}
	}
	return seq
}

// sharp are the faults that may keep a close frame from arriving.
var sharp = []string{"drop", "reset-all", "cut", "hole", "stall", "outage", "freeze", "op7", "close", "kill", "restart", "block", "blocked", "op9-true", "op9-false", "crash", "restart-shard", "reidentify", "rolling",
	"reject", "forget", "no-hello", "bad-hello", "op7-first", "op9-first", "close-first", "two-hellos", "no-ready", "no-resumed", "op9-resume", "close-resume",
	"stop", "pause", "drain", "move", "handover", "flap", "flaky", "dropped", "stop-actor", "poison-actor", "crash-shard-on", "stop-supervisor"}
