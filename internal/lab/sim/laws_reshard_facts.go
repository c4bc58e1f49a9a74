package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// era is a time in which shards of some totals may serve: of one, or, while guilds are cut over, of two.
type era struct {
	from, to time.Duration
	total    int
}

// eras are which totals have served when. Those of a process that has ended go on until the next begins.
func (c *check) eras() (all []era) {
	serving := era{total: c.plan.Shards}
	for _, r := range c.trace {
		if r.Witness != Operator || r.What != "total" && r.What != "goes on" && r.What != "resharded" {
			continue
		}
		total := r.Total
		if r.What == "resharded" {
			if r.Who != reshardDone {
				continue
			}
			total = int(r.Seq)
		}
		serving.to = r.At
		all = append(all, serving)
		serving = era{from: r.At, total: total}
	}
	serving.to = c.over()
	all = append(all, serving)
	for _, of := range c.changes() {
		if of.cutting == never && (of.outcome != "" && of.outcome != reshardEnded) || !of.began() {
			continue
		}
		e := era{from: of.cutting, to: of.end, total: of.to}
		if of.cutting == never { // its process may have been about to
			e.from = of.end - 20*time.Second
		}
		if of.outcome == "" || of.outcome == reshardEnded { // until the next process has begun
			e.to = c.over()
			for _, r := range c.trace {
				if r.Witness == Operator && r.Process > of.process && (r.What == "total" || r.What == "goes on") {
					e.to = r.At
					break
				}
			}
		}
		all = append(all, e, era{e.from, e.to, of.from})
	}
	return all
}

// reshardFacts: W-1 and W-2 where the number of shards changes. What the sessions that serve were told comes to each handler that asks for
// it, once; while guilds are cut over, what both the old and the new ones were told.
func (c *check) reshardFacts() {
	const around = 10 * time.Second
	eras, ended := c.eras(), c.endedShards()
	told, _, order := c.heard("R-1 a fact comes once")
	came := c.came()
	for _, fact := range order {
		first, last := told[fact][0].at-around, told[fact][len(told[fact])-1].at+around
		kept := true
		for _, e := range eras {
			kept = kept && (e.to < first || e.from > last || slices.ContainsFunc(told[fact], func(t telling) bool {
				s := c.sessions[t.session]
				return s.shard.Total == e.total && !ended[c.plan.numberOf(s.shard)] && t.seq <= s.kept && c.toldBy(told[fact], t.session) == c.times[fact]
			}))
		}
		kind, _, _ := strings.Cut(fact, " ")
		for who := range wanted {
			if came[who][fact] < c.least(fact, first, last) && kept && wants(who, events.Type(kind)) {
				c.fail("R-2 no fact is lost", told[fact][0].at, "%q, event %d of session %d, never came to the handler of %s", fact, told[fact][0].seq, told[fact][0].session, who)
			}
		}
	}
}

// toldBy is how often a session was told of a fact, which may be of things that are equal in all.
func (c *check) toldBy(all []telling, session int) (n int) {
	for _, t := range all {
		if t.session == session {
			n++
		}
	}
	return n
}

// came is how often each handler has heard of a fact, be it again.
func (c *check) came() map[string]map[string]int {
	all := make(map[string]map[string]int)
	for who := range wanted {
		all[who] = make(map[string]int)
	}
	for _, r := range c.trace {
		if r.Fact != "" && r.Witness == Handler && (r.What == "enter" || r.What == "saw") {
			all[r.Who][r.Fact]++
		}
	}
	return all
}

// least is how often a fact is to come at least: of things that are equal in all, one may be lost where a guild is cut by fingerprints.
func (c *check) least(fact string, first, last time.Duration) int {
	for _, of := range c.changes() {
		if of.flagged > 0 && of.begin <= last && of.end+time.Minute >= first {
			return min(1, c.times[fact])
		}
	}
	return c.times[fact]
}
