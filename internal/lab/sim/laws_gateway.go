package sim

import (
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// all are the payloads of an opcode that the gateway has read, in order.
func (c *check) all(op events.Opcode) (found []Record) {
	for _, r := range c.trace {
		if r.Witness == Gateway && r.What == "received" && r.Op == op {
			found = append(found, r)
		}
	}
	return found
}

// spacing: I-1. Identifies of one key are 5 s apart, and no 5 s hold more than there are keys.
func (c *check) spacing() {
	identifies := c.all(events.OpIdentify)
	last := make(map[int]time.Duration)
	for i, r := range identifies {
		key := r.Shard % c.plan.Concurrency
		if before, ok := last[key]; ok && r.At-before < 5*time.Second {
			c.fail("I-1 identify spacing", r.At, "shard %d identifies %v after another of key %d", r.Shard, r.At-before, key)
		}
		last[key] = r.At
		if n := c.plan.Concurrency; i >= n && r.At-identifies[i-n].At < 5*time.Second {
			c.fail("I-1 identify spacing", r.At, "%d identifies within %v", n+1, r.At-identifies[i-n].At)
		}
	}
}

// sendLimits: I-2 and I-3. No 60 s of a connection hold more than 120 payloads, and no 20 s
// more than 5 presences.
func (c *check) sendLimits() {
	for _, l := range c.order {
		if c.disturbed(l.shard, l.dialled, l.end(c.over()), "freeze") {
			continue // what was held back is read at once
		}
		var presences []Record
		for i, r := range l.received {
			if i >= 120 && r.At-l.received[i-120].At < time.Minute {
				c.fail("I-2 send limit", r.At, "121 payloads within %v on connection %d of shard %d", r.At-l.received[i-120].At, l.nth, l.shard)
				break
			}
			if r.Op == events.OpPresenceUpdate {
				presences = append(presences, r)
			}
		}
		for i := 5; i < len(presences); i++ {
			if d := presences[i].At - presences[i-5].At; d < 20*time.Second {
				c.fail("I-3 presences", presences[i].At, "6 presences within %v on shard %d", d, l.shard)
				break
			}
		}
	}
}

// budget: I-4. Identifies of the budget's first period leave its reserve untouched.
func (c *check) budget() {
	n := 0
	for _, r := range c.all(events.OpIdentify) {
		if r.At < c.plan.Period {
			n++
		}
	}
	if most := c.plan.Budget - c.plan.Reserve; n > most {
		c.fail("I-4 budget", c.plan.Period, "%d identifies: %d of %d were to be kept", n, c.plan.Reserve, c.plan.Budget)
	}
}

// oneConnection: I-9 and I-10. A connection is given up before the next is dialled.
func (c *check) oneConnection() {
	latest := make(map[[2]int]*link)
	for _, l := range c.order {
		id := [2]int{l.process, l.shard}
		if before := latest[id]; before != nil {
			over := before.end(c.over())
			if over > l.dialled+1100*time.Millisecond {
				c.fail("I-9 one connection", l.dialled, "shard %d dials connection %d while %d goes on until %v", l.shard, l.nth, before.nth, over)
			}
			if before.nth == l.nth {
				c.fail("I-9 one connection", l.dialled, "shard %d dials connection %d twice", l.shard, l.nth)
			}
			if wrote := over - before.wrote; before.wrote > 0 && wrote > l.dialled+time.Second {
				c.fail("I-10 isolation", wrote, "shard %d writes on connection %d after %d was dialled", l.shard, before.nth, l.nth)
			}
			for _, r := range before.received {
				if r.At > l.dialled+time.Second+Slack && !c.disturbed(l.shard, before.dialled, r.At, "freeze") {
					c.fail("I-10 isolation", r.At, "%v of connection %d comes after %d was dialled", r.Op, before.nth, l.nth)
				}
			}
		}
		latest[id] = l
	}
}

// afterTheEnd: I-13. What was closed dials and writes no more.
func (c *check) afterTheEnd() {
	closed := make(map[int]time.Duration)
	done := make(map[int]time.Duration) // one that ends by itself has saved then, and Close says later what came of it
	for _, r := range c.trace {
		at, over := closed[r.Process]
		switch {
		case r.Witness == Process && r.What == "done":
			done[r.Process] = r.At
		case r.Witness == Process && r.What == "closed":
			closed[r.Process] = r.At
			saved, before := done[r.Process]
			if !before {
				saved = r.At
			}
			if excused := r.Text == unsavedText && c.storeSick(saved); r.Text != "" && !excused || r.For > 5*time.Second {
				c.fail("T-5 bounded calls", r.At, "Close took %v: %s", r.For, r.Text)
			}
		case over && r.Witness == Network && r.What == "dial":
			c.fail("I-13 nothing after the end", r.At, "process %d dials for shard %d, closed since %v", r.Process, r.Shard, r.At-at)
		case over && r.Witness == Gateway && r.What == "received" && r.At > at+Slack && !c.disturbed(r.Shard, 0, r.At, "freeze"):
			c.fail("I-13 nothing after the end", r.At, "process %d sends %v, closed since %v", r.Process, r.Op, r.At-at)
		}
	}
}

// codes: I-18 and I-19. What we close can be resumed, and after a fatal code there is no dial.
func (c *check) codes() {
	for _, r := range c.trace {
		if c.plan.Reshards {
			break // the sessions of those that are not needed any more end
		}
		if r.Witness == Gateway && r.What == "closed" && (r.Code == 1000 || r.Code == 1001) {
			c.fail("I-18 close code", r.At, "shard %d closed with %d", r.Shard, r.Code)
		}
	}
	for _, l := range c.order {
		if l.closing == never || !slices.Contains(final, l.code) || c.disturbed(l.shard, l.closing-time.Second, l.closing+time.Second, sharp...) || l.live == never || c.stalled(l, l.closing) {
			continue
		}
		alone := l.code == 4010 || l.code == 4011
		for _, other := range c.order {
			if other.process == l.process && other.dialled > l.closing+Slack+time.Second && (!alone || other.shard == l.shard && !c.askedFor(l.shard, l.closing, other.dialled)) {
				c.fail("I-19 fatal codes", other.dialled, "shard %d dials %v after code %d on shard %d", other.shard, other.dialled-l.closing, l.code, l.shard)
				break
			}
		}
		if !alone && !slices.ContainsFunc(c.trace, func(r Record) bool {
			return r.Witness == Process && r.Process == l.process && r.At < l.closing+6*time.Second && (r.What == "done" || r.What == "closing" || r.What == "killed")
		}) {
			c.fail("L-4 the end is visible", l.closing, "code %d on shard %d, and the Manager is not done", l.code, l.shard)
		}
	}
}
