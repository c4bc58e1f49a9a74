package sim

import (
	"slices"
	"strings"
	"time"
)

// status: D-2. Status tells no lie: what it calls Ready has a session that lives at the gateway, and what it calls Closed has no connection.
func (c *check) status() {
	const slack = time.Second + Slack
	for _, l := range c.looks() {
		switch state, _, _ := strings.Cut(l.what.Text, " "); state {
		case "Ready":
			of := c.links[linkID{l.process, l.shard, l.what.Link}]
			switch {
			case of == nil || of.live == never || of.live > l.from:
				c.fail("D-2 Status tells no lie", l.from, "shard %d is Ready on connection %d, by Status, and the gateway has no session there", l.shard, l.what.Link)
			case c.disturbed(l.shard, of.dialled, l.to, "hole", "stall", "freeze", "block", "blocked") || c.stalled(of, l.to):
				// that the connection is dead is not known yet
			case c.disturbed(-1, l.to-slack-lateMost, l.to, "late") && c.crashed(l.shard, of.dialled, l.to):
				// the supervisor, which sees to it, has had no turn
			case of.goneBefore(l.to - slack):
				c.fail("D-2 Status tells no lie", l.to, "shard %d is Ready on connection %d, by Status, and that is over at the gateway", l.shard, l.what.Link)
			}
		case "Closed":
			for _, of := range c.order {
				if of.process == l.process && of.shard == l.shard && of.dialled < l.to-slack && of.end(c.over()) > max(l.from, of.dialled)+slack {
					c.fail("D-2 Status tells no lie", l.from, "shard %d is Closed, by Status, and has connection %d", l.shard, of.nth)
				}
			}
		}
	}
}

// crashed reports whether a shard's actor has crashed, or was stopped behind everybody's back, within a time.
func (c *check) crashed(shard int, from, to time.Duration) bool {
	return slices.ContainsFunc(c.faults, func(f Record) bool {
		kind := strings.TrimPrefix(f.What, "inject ")
		return f.Shard == shard && f.At >= from && f.At <= to && (strings.HasPrefix(kind, "crash") || kind == "stop-actor" || kind == "poison-actor")
	})
}

// goneBefore reports whether a connection was over for the gateway, or for the client, at a time.
func (l *link) goneBefore(at time.Duration) bool {
	return slices.ContainsFunc([]time.Duration{l.gone, l.closing, l.ended}, func(end time.Duration) bool { return end != never && end < at })
}

// back: D-3. A session that was live and can be resumed is live again at once, however often its connection is lost, if nothing
// else is done to the shard.
func (c *check) back() {
	const bound = 5 * time.Second
	dropping := []string{"drop", "flaky", "dropped"}
	for i, l := range c.order {
		if l.live == never || l.ended < l.live+Slack /* it may not have heard of its session */ || !c.disturbed(l.shard, l.ended, l.ended, "drop", "dropped") || c.unwell(l.dialled, l.ended+bound) ||
			c.disturbedBut(dropping, l.shard, l.dialled-2*time.Minute, l.ended+bound) {
			continue
		}
		again := slices.ContainsFunc(c.order[i+1:], func(next *link) bool {
			return next.process == l.process && next.shard == l.shard && (next.live != never && next.live <= l.ended+bound || c.disturbed(l.shard, next.dialled, l.ended+bound, "drop", "dropped"))
		})
		if !again && l.ended+bound < c.ends(l.process) {
			c.fail("D-3 back at once", l.ended, "connection %d of shard %d is lost, and none is live %v later", l.nth, l.shard, bound)
		}
	}
}

// disturbedBut reports whether a fault of another kind was done to the shard, or to all, within a time. All share the host of their Resumes.
func (c *check) disturbedBut(kinds []string, shard int, from, to time.Duration) bool {
	return slices.ContainsFunc(c.faults, func(f Record) bool {
		kind := strings.TrimPrefix(strings.TrimPrefix(f.What, "inject "), "end ")
		return (f.Shard == shard || f.Shard < 0 || kind == "resume-host" || slices.Contains(everywhere, kind)) && f.At+f.For >= from && f.At <= to && kind != "healed" && !slices.Contains(kinds, kind)
	})
}

// askedFor reports whether somebody has asked a shard to start within a time.
func (c *check) askedFor(shard int, from, to time.Duration) bool {
	return slices.ContainsFunc(c.trace, func(r Record) bool {
		return r.Witness == Operator && r.What == "planned" && r.Shard == shard && r.At >= from && r.At <= to && slices.Contains(starts, r.Text)
	})
}

// ends is when a process began to end.
func (c *check) ends(process int) time.Duration {
	for _, r := range c.processes {
		if r.Process == process && (r.What == "killed" || r.What == "closing" || r.What == "done") {
			return r.At
		}
	}
	return c.over()
}

// orphans: the part of L-4 that is about a supervisor that somebody else stops: the Manager begins to end within a second, and has ended when its
// handlers are done, or have had their time.
func (c *check) orphans() {
	for _, f := range c.faults {
		if f.What != "supervisor stopped" {
			continue
		}
		bound := 6 * time.Second
		if c.disturbed(-1, f.At-5*time.Second, f.At+bound, "late") {
			bound += 3 * time.Second
		}
		if !slices.ContainsFunc(c.trace, func(r Record) bool {
			return r.Witness == Process && r.Process == f.Process && r.At <= f.At+bound && (r.What == "done" || r.What == "closing" || r.What == "killed")
		}) {
			c.fail("L-4 the end is visible", f.At, "the supervisor of process %d was stopped, and the Manager is not done", f.Process)
		}
	}
}

// chain: D-4. Who is told of changes of state, a hook or an actor that subscribed, is told all of them, one after the other, whatever a hook does.
func (c *check) chain() {
	type listener struct {
		what           string
		process, shard int
	}
	last := make(map[listener]string)
	process := 0
	for _, r := range c.trace {
		if r.Witness == Process && r.What == "start" {
			process = r.Process
		}
		if c.settled != 0 && r.At > c.settled+time.Minute {
			break
		}
		m := r.move()
		if m.to == "" {
			continue
		}
		from, to := m.from, m.to
		id := listener{r.What, r.Process, r.Shard}
		before, known := last[id]
		if from != before && (known || from != "Idle" && r.What == "state") && !(from == "Idle" && (before == "Backoff" || before == "Closed")) {
			c.fail("D-4 hooks lose nothing", r.At, "shard %d moves from %s to %s, and %s says that it was %s before", r.Shard, from, to, r.What, before)
		}
		last[id] = to
	}
	for _, l := range c.order {
		if c.settled == 0 || l.process != process || l.live == never || l.live > c.settled || l.end(c.over()) < c.settled+time.Minute+Slack || c.endedShards()[l.shard] {
			continue
		}
		for _, what := range []string{"state", "told"} {
			if state := last[listener{what, l.process, l.shard}]; state != "Ready" {
				c.fail("D-4 hooks lose nothing", c.settled, "shard %d is live, and %s says that it is %q", l.shard, what, state)
			}
		}
	}
}

// quarantines: D-5. A shard is given up when its actor has ended five times within five minutes, since it was mended, and not before.
func (c *check) quarantines() {
	const limit, window = 5, 5 * time.Minute
	asked, mended := make(map[int]time.Duration), make(map[int]time.Duration)
	over := make(map[int]bool)
	crashes := make(map[int][]time.Duration)
	for _, r := range c.trace {
		kind := strings.TrimPrefix(r.What, "inject ")
		switch {
		case r.Witness == Process && r.What == "start":
			clear(mended)
			clear(over)
			clear(crashes)
		case r.Witness == Operator && r.What == "planned" && slices.Contains(starts, r.Text):
			if asked[r.Shard] = r.At; over[r.Shard] {
				mended[r.Shard], over[r.Shard] = r.At, false
			}
		case r.Witness == Fault && r.Shard >= 0 && (r.What == "crash" || kind == "stop-actor" || kind == "poison-actor" || strings.HasPrefix(kind, "crash-shard-on ")):
			crashes[r.Shard] = append(crashes[r.Shard], r.At)
		case r.Witness == Process && r.What == "state" && over[r.Shard] && strings.HasPrefix(r.Text, "Idle "):
			// By a rolling restart, say, which the operator has begun for all.
			mended[r.Shard], over[r.Shard] = r.At, false
			if all := crashes[r.Shard]; strings.HasPrefix(r.Text, "Idle Backoff") && len(all) > 0 { // its actor has crashed already
				mended[r.Shard] = all[len(all)-1]
			}
		case r.Witness == Process && r.What == "state" && strings.Contains(r.Text, "kept crashing"):
			n := 0
			for _, at := range crashes[r.Shard] {
				if at >= r.At-window-time.Minute && at >= mended[r.Shard] {
					n++
				}
			}
			if n < limit {
				c.fail("D-5 quarantine", r.At, "shard %d is given up after %d crashes", r.Shard, n)
			}
			if over[r.Shard] = asked[r.Shard] < r.At; !over[r.Shard] {
				mended[r.Shard] = r.At // from a hook, at this instant
			}
		}
	}
}
