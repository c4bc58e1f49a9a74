package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/actors"
)

// span is a time during which something was so, by what a process said of a shard.
type span struct {
	process, shard int
	from, to       time.Duration
	what           Record
}

// spans are the times between the records that set what is so, to the end of their process. A process begins with what begin says.
func (c *check) spans(set func(Record) bool, begin func(process, shard int, at time.Duration) (Record, bool)) (spans []span) {
	open := make(map[int]*span) // by shard
	end := func(at time.Duration) {
		for _, shard := range c.plan.numbers() {
			if s := open[shard]; s != nil {
				s.to = at
				spans = append(spans, *s)
			}
		}
		clear(open)
	}
	process := 0
	for _, r := range c.trace {
		switch {
		case r.Witness == Process && r.What == "start":
			end(r.At)
			process = r.Process
			for shard := range c.plan.Shards {
				if r.Text == standbyText {
					break // none is to run
				}
				if first, ok := begin(process, shard, r.At); ok {
					open[shard] = &span{process, shard, r.At, 0, first}
				}
			}
		case r.Witness == Process && (r.What == "killed" || r.What == "closing" || r.What == "done") && r.Process == process:
			end(r.At)
			process = -1
		case r.Process == process && set(r):
			if s := open[r.Shard]; s != nil {
				s.to = r.At
				spans = append(spans, *s)
			}
			open[r.Shard] = &span{process, r.Shard, r.At, 0, r}
		}
	}
	end(c.over())
	return spans
}

// looks are what Status said of each shard, and until which look at least.
func (c *check) looks() []span {
	looks := c.spans(func(r Record) bool { return r.Witness == Operator && r.What == "status" }, func(int, int, time.Duration) (Record, bool) { return Record{}, false })
	over := c.over()
	for _, r := range c.trace {
		if r.Witness == Operator && r.What == "status over" {
			over = r.At
		}
	}
	for i := range looks {
		looks[i].to = max(looks[i].from, min(looks[i].to, over)-statusEvery-time.Second)
	}
	return looks
}

// modes are what was wanted of each shard. A process begins with all shards running.
func (c *check) modes() []span {
	modes := c.spans(func(r Record) bool { return r.Witness == Operator && r.What == "planned" }, func(process, shard int, at time.Duration) (Record, bool) {
		return Record{At: at, Process: process, Shard: shard, Text: "run"}, true
	})
	for _, shard := range c.plan.numbers() {
		before := ""
		for i := range modes {
			m := &modes[i]
			if m.shard != shard {
				continue
			}
			if (m.what.Text == "restart" || m.what.Text == "reidentify") && (before == "stop" || before == "pause" || before == "drain" || before == "release") {
				m.what.Text = before // it is not to run
			}
			before = m.what.Text
		}
	}
	return modes
}

// undone are the faults that a start, or a restart, undoes.
var undone = []string{"stop", "pause", "drain", "fatal-shard", "mend", "restart-shard", "move", "handover", "reidentify"}

// starts are the verbs that have a shard run again which was given up.
var starts = []string{"start", "restart", "reidentify"}

// restarted: the part of D-1 that is about a shard which runs: it gives up its connection.
func (c *check) restarted(m span) {
	for _, l := range c.order {
		if m.what.Text == "restart" && l.process == m.process && l.shard == m.shard && l.live != never && l.live < m.from-time.Second && l.end(c.over()) > m.from+time.Second {
			c.fail("D-1 the plan is reached", m.from, "shard %d is to restart, and connection %d goes on", m.shard, l.nth)
		}
	}
}

// planned: D-1. What the plan wants comes about, within a time after it was wanted, whatever happens meanwhile: a shard that is to
// be stopped or paused is closed. One that is to run is Ready, unless something is done to it.
func (c *check) planned() {
	looks := c.looks()
	shards := c.plan.Shards
	if slices.ContainsFunc(c.faults, func(f Record) bool { return f.What == "inject warm" }) {
		shards = len(c.plan.numbers())
	}
	turn := time.Duration((shards+c.plan.Concurrency-1)/c.plan.Concurrency) * 5250 * time.Millisecond
	for _, m := range c.modes() {
		var bound time.Duration
		running := false
		switch m.what.Text {
		case "stop", "pause", "release":
			bound = 15 * time.Second // a tick that looks at everything, and some
		case "drain":
			bound = 80 * time.Second // what was sent has its answers, or a minute
			if c.disturbed(m.shard, m.from-5*time.Minute, m.to, "block", "blocked", "stall", "freeze", "hole") {
				continue
			}
		default:
			running, bound = true, 10*time.Second+turn+c.backlog(m)
			if c.plan.Period < time.Hour || m.to < m.from+bound || c.disturbedBut(undone, m.shard, m.from-time.Minute, m.from+bound) ||
				c.disturbed(m.shard, m.from+1, m.from+bound, undone...) || c.unwell(m.from-time.Minute, m.from+bound) ||
				m.what.Text == "run" && c.endedBefore(m.process, m.shard, m.from) || c.closing(m) {
				continue
			}
			c.restarted(m)
		}
		reached := false
		for _, l := range looks {
			if l.process != m.process || l.shard != m.shard || l.to < m.from {
				continue
			}
			state, mode, _ := strings.Cut(l.what.Text, " ")
			if running {
				reached = reached || state == "Ready" && l.from <= m.from+bound+statusEvery // it is looked at no more often
				continue
			}
			if from, to := max(l.from, m.from+bound), min(l.to, m.to-statusEvery); from <= to && (state != "Closed" && state != "Idle" || mode == "run") {
				c.fail("D-1 the plan is reached", from, "shard %d is to %s since %v, and Status says %s", m.shard, m.what.Text, m.from, l.what.Text)
				break
			}
		}
		if running && !reached && m.to > m.from+bound+statusEvery+time.Second {
			c.fail("D-1 the plan is reached", m.from+bound, "shard %d is to run since %v, and Status never says that it is Ready", m.shard, m.from)
		}
	}
}

// backlog is how long handlers may be busy with what happened while a shard did not run, and is told it again before it is Ready.
func (c *check) backlog(m span) time.Duration {
	since := m.from
	for _, l := range c.order {
		if l.process == m.process && l.shard == m.shard && l.dialled < m.from && l.ended != never && l.ended <= m.from {
			since = l.ended
		}
	}
	return (m.from-since)/c.plan.Events*c.plan.Slow + time.Duration(c.unhandled(m))*c.plan.Slow
}

// unhandled is how many events come again to a shard that is adopted, since handlers had not done with them where it was released.
func (c *check) unhandled(m span) (n int) {
	var adopted Record
	for _, r := range c.trace {
		if r.At <= m.from && r.Shard == m.shard && r.Witness == Operator && r.What == "adopts" {
			adopted = r
		}
	}
	if adopted.At+time.Second < m.from { // it runs for another reason
		return 0
	}
	for _, r := range c.trace {
		if r.At <= m.from && r.Shard == m.shard && r.Witness == Gateway && r.What == "dispatched" && r.Session == adopted.Session && r.Seq > adopted.Seq {
			n++
		}
	}
	return n
}

// unwell reports whether a fault within a time may hold up shards to which it was not done.
func (c *check) unwell(from, to time.Duration) bool {
	return slices.ContainsFunc(c.faults, func(f Record) bool {
		kind := strings.TrimPrefix(f.What, "inject ")
		return f.At >= from-f.For && f.At <= to && (kind == "forget" || strings.HasPrefix(kind, "store-") || strings.HasPrefix(kind, "api-"))
	})
}

// endedBefore reports whether a shard had ended for good in a process, at some time before.
func (c *check) endedBefore(process, shard int, before time.Duration) bool {
	return slices.ContainsFunc(c.trace, func(r Record) bool {
		return r.At <= before && r.Process == process && r.Shard == shard && endedForGood(r)
	})
}

// closing reports whether the gateway had closed a shard's connection for good before something was wanted of the shard, and the process
// heard of it afterwards: that ended what was wanted.
func (c *check) closing(m span) bool {
	return slices.ContainsFunc(c.order, func(l *link) bool {
		return l.process == m.process && l.shard == m.shard && slices.Contains(final, l.code) && l.closing < m.from && (l.ended == never || l.ended > m.from)
	})
}

// stale: D-6. A change that was made from a plan which has changed meanwhile is refused.
func (c *check) stale() {
	for _, r := range c.trace {
		if r.Witness == Operator && r.What == "stale" {
			c.fail("D-6 stale plans are refused", r.At, "a change from a plan that had changed was answered with %s", r.Text)
		}
	}
}

// taken: D-7. What an operator asks for is taken, whichever way it is asked: unless the process closes, the shard is handed over, or the supervisor crashes on it each time.
func (c *check) taken() {
	given := make(map[[2]int]bool) // that a process has released, or does not have
	closing := make(map[int]bool)
	for _, r := range c.trace {
		id := [2]int{r.Process, r.Shard}
		switch {
		case r.Witness == Process && r.What == "start" && r.Text == standbyText:
			for shard := range c.plan.Shards {
				given[[2]int{r.Process, shard}] = true
			}
		case r.Witness == Process && r.What == "closing":
			closing[r.Process] = true
		case r.Witness == Operator && r.What == "planned" && !slices.Contains([]string{"restart", "reidentify", "stop"}, r.Text): // these are taken wherever it runs
			given[id] = r.Text == "release"
		case r.Witness == Operator && r.What == "unplanned":
			if !given[id] && !closing[r.Process] && !strings.HasSuffix(r.Text, "no answer") && !strings.Contains(r.Text, actors.ErrCrashed.Error()) && !c.disturbed(r.Shard, r.At-time.Minute, r.At, "handover", "move") {
				c.fail("D-7 orders are taken", r.At, "shard %d: %s", r.Shard, r.Text)
			}
		}
	}
}
