package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

type handlerID struct{ process, shard, session int }

// inOrder: the first half of I-6. A handler sees the events of a session one after another,
// none twice, none left out, as they were sent.
func (c *check) inOrder() {
	last := make(map[handlerID]int64)
	begin := make(map[handlerID]int64) // of a session that was loaded: where it was
	repeats := make(map[[2]int64]bool) // session and seq that an earlier process has finished or begun
	for _, r := range c.trace {
		id := handlerID{r.Process, r.Shard, r.Session}
		switch {
		case r.Witness == Process && r.What == "loaded":
			begin[id] = r.Seq
			delete(last, id)
		case r.Witness == Handler && r.What == "enter":
			if r.Session == 0 {
				c.fail("I-6 exactly once, in order", r.At, "shard %d: event %d of a session that the gateway does not know", r.Shard, r.Seq)
				continue
			}
			before, known := last[id]
			if !known {
				before = begin[id]
			}
			if r.Seq != before+1 {
				c.fail("I-6 exactly once, in order", r.At, "shard %d session %d: event %d (%s) after %d", r.Shard, r.Session, r.Seq, r.Type, before)
			}
			last[id] = max(before, r.Seq)
			sent, ok := c.sessions[r.Session].at(r.Seq)
			switch {
			case !ok:
				c.fail("I-6 exactly once, in order", r.At, "shard %d session %d: event %d was never sent", r.Shard, r.Session, r.Seq)
			case sent.Sum != r.Sum || sent.Type != r.Type || sent.Shard != r.Shard:
				c.fail("I-6 exactly once, in order", r.At, "shard %d session %d: event %d is not as it was sent", r.Shard, r.Session, r.Seq)
			case sent.At > r.At:
				c.fail("I-6 exactly once, in order", r.At, "shard %d session %d: event %d before it was sent", r.Shard, r.Session, r.Seq)
			}
			key := [2]int64{int64(r.Session), r.Seq}
			if repeats[key] && r.Text != "redelivered" {
				c.fail("I-6 exactly once, in order", r.At, "shard %d session %d: event %d comes again in process %d and does not say so", r.Shard, r.Session, r.Seq, r.Process)
			}
			repeats[key] = true
		}
	}
}

func (s *sessionFacts) at(seq int64) (Record, bool) {
	if s == nil {
		return Record{}, false
	}
	r, ok := s.events[seq]
	return r, ok
}

// nothingLost: the second half of I-6. Each event of a session that the bot has kept was handled, in one
// process or another: see keep.
func (c *check) nothingLost() {
	handled := make(map[int]map[int64]bool)
	for _, r := range c.trace {
		if r.Witness == Handler && r.What == "exit" {
			if handled[r.Session] == nil {
				handled[r.Session] = make(map[int64]bool)
			}
			handled[r.Session][r.Seq] = true
		}
	}
	ended := c.endedShards()
	for session, facts := range c.sessions {
		if facts.shard.Total != c.plan.Shards || ended[facts.shard.Index] {
			continue
		}
		for seq := int64(1); seq <= facts.kept; seq++ {
			if !handled[session][seq] {
				c.fail("I-6 nothing lost", facts.events[seq].At, "shard %v session %d: event %d (%s) of %d was never handled", facts.shard, session, seq, facts.events[seq].Type, facts.last)
				break
			}
		}
	}
}

// endedShards are those that ended for good before the run was over: by a fatal code, or
// because their actor kept crashing.
func (c *check) endedShards() map[int]bool {
	if c.ended != nil {
		return c.ended
	}
	ended := make(map[int]bool)
	c.ended = ended
	for _, r := range c.trace {
		if r.Witness == Process && r.What == "start" {
			clear(ended) // the next process tries again
		}
		if r.At >= c.settled+3*c.plan.Interval+90*time.Second {
			break
		}
		if endedForGood(r) {
			ended[r.Shard] = true
		} else if r.Witness == Process && r.What == "state" {
			delete(ended, r.Shard)
		} else if r.Witness == Operator && r.What == "planned" && slices.Contains(starts, r.Text) {
			delete(ended, r.Shard) // it was asked for
		}
		if r.Witness == Process && r.What == "done" {
			for _, shard := range c.plan.numbers() {
				ended[shard] = true
			}
		}
	}
	return ended
}

// endedForGood reports whether a record says that a shard has ended, and was not asked to.
func endedForGood(r Record) bool {
	cause := r.move().cause
	return r.became(session.Closed) && cause != "" && !strings.HasSuffix(cause, "actors: the shard is closed")
}

// noSilentGap: I-7. Who sees a new session's READY was told before that the old one is lost.
func (c *check) noSilentGap() {
	lost := make(map[[2]int]int) // and not yet followed by another
	session := make(map[[2]int]int)
	for _, r := range c.trace {
		id := [2]int{r.Process, r.Shard}
		switch {
		case r.What == "state" && r.move().lost:
			lost[id]++
		case r.Witness == Process && r.What == "loaded":
			session[id] = r.Session
		case r.Witness == Handler && r.What == "enter" && r.Type == events.TypeReady:
			if before := session[id]; before != 0 && before != r.Session && lost[id] == 0 {
				c.fail("I-7 no silent gap", r.At, "shard %d: session %d follows %d, and nobody was told that it is lost", r.Shard, r.Session, before)
			}
			lost[id], session[id] = max(lost[id]-1, 0), r.Session
		}
	}
}

// callers: I-15, I-16, I-17 and T-5. Each call ends once, in time, with its own answer, and the
// gateway never sees what was told not to have gone.
func (c *check) callers() {
	seen := make(map[string][]Record)
	for _, r := range c.trace {
		if r.Witness == Gateway && r.What == "received" && r.Text != "" && r.Op != events.OpIdentify && r.Op != events.OpResume {
			seen[r.Text] = append(seen[r.Text], r)
		}
	}
	asked := make(map[int]Record)
	killed := make(map[int]bool)
	for _, r := range c.trace {
		if r.Witness == Process && r.What == "killed" {
			killed[r.Process] = true
		}
		if r.Witness != Caller {
			continue
		}
		call, open := asked[r.Call]
		switch {
		case r.What == "call":
			asked[r.Call] = r
			continue
		case !open:
			c.fail("I-15 one outcome", r.At, "call %d ends twice", r.Call)
			continue
		}
		delete(asked, r.Call)
		if r.What == "died" {
			continue
		}
		if r.For > call.For+50*time.Millisecond {
			c.fail("T-5 bounded calls", r.At, "call %d took %v, its deadline was %v", r.Call, r.For, call.For)
		}
		if strings.HasPrefix(r.Text, "wrong") {
			c.fail("I-15 one outcome", r.At, "call %d got %s", r.Call, r.Text)
		}
		c.ghost(call, r, seen[call.Text])
		c.served(call, r)
	}
	for _, call := range asked {
		c.fail("I-15 one outcome", call.At, "call %d has no outcome", call.Call)
	}
}

// sentAgain reports whether a frame is a presence that a process has found stored, or was handed over, and not what was asked for before.
func (c *check) sentAgain(r, call Record) bool {
	return r.Op == events.OpPresenceUpdate && (r.Process > call.Process || c.loaded(r.Process, r.Shard, r.At) > call.At)
}

// ghost: I-16. got is how a call ended, and arrived are its frames.
func (c *check) ghost(call, got Record, arrived []Record) {
	if call.Text == "" {
		return
	}
	arrived = slices.DeleteFunc(slices.Clone(arrived), func(r Record) bool { return c.sentAgain(r, call) })
	n := len(arrived)
	stage, _, _ := strings.Cut(got.Text, ":")
	switch {
	case n > 1:
		c.fail("I-16 no ghost", arrived[1].At, "the frame of call %d came %d times", call.Call, n)
	case n == 1 && (stage == "refused" || stage == "queued" || stage == "admitted"):
		c.fail("I-16 no ghost", arrived[0].At, "call %d was %q, and its frame came", call.Call, got.Text)
	case n == 0 && stage == "answered" && call.Op != events.OpPresenceUpdate && !c.disturbed(call.Shard, call.At, got.At):
		c.fail("I-16 no ghost", got.At, "call %d was answered, and its frame never came", call.Call)
	case n == 1 && !c.plan.Reshards && arrived[0].Shard != call.Shard:
		c.fail("I-16 no ghost", arrived[0].At, "call %d was for shard %d and came from %d", call.Call, call.Shard, arrived[0].Shard)
	}
}

// served: L-2. When all is well, who can wait is answered.
func (c *check) served(call, got Record) {
	if c.plan.Reshards {
		call.Shard = c.plan.numberOf(events.ShardID{Index: events.ShardFor(c.plan.guildOf(call.Shard, call.Call), max(c.final, 1)), Total: c.final})
	}
	if c.settled == 0 || c.exhausted() || call.At < c.settled || call.For < 5*time.Minute || c.endedShards()[call.Shard] {
		return
	}
	for _, l := range c.order { // a dead connection that nobody has noticed yet
		if l.shard == call.Shard && l.dialled > call.At && l.dialled < got.At+time.Second+c.slowBeat() {
			return
		}
	}
	stage, reason, _ := strings.Cut(got.Text, ":")
	if stage != "answered" && !strings.Contains(reason, "newer presence") && !strings.Contains(reason, "rate limited") {
		c.fail("L-2 sends are served", got.At, "call %d (%v) on shard %d: %s", call.Call, call.Op, call.Shard, got.Text)
	}
}
