package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// change is a reshard, as far as the trace tells.
type change struct {
	process, id int
	from, to    int
	goesOn      bool // another process has begun it
	retirement  time.Duration
	begin       time.Duration
	cutting     time.Duration // from when on guilds may have been cut; never
	end         time.Duration // when it was over, or its process
	outcome     string        // "": the process has ended first
	flagged     int
	done        time.Duration // the old shards have ended; never
	cuts        map[events.Snowflake]time.Duration
	returned    Record
}

// changes are all of them, in order.
func (c *check) changes() []*change {
	if c.reshards != nil {
		return c.reshards
	}
	byID := make(map[int]*change)
	open := make(map[int]*change)
	for _, r := range c.trace {
		if r.Witness == Process && (r.What == "killed" || r.What == "closing" || r.What == "done") {
			for id, of := range open {
				if of.process == r.Process {
					of.end = r.At
					delete(open, id)
				}
			}
		}
		if r.Witness != Operator {
			continue
		}
		of := byID[r.Call]
		switch r.What {
		case "reshard", "goes on":
			of = &change{process: r.Process, id: r.Call, from: r.Total, to: int(r.Seq), goesOn: r.What == "goes on", retirement: r.For, begin: r.At,
				cutting: never, end: c.over(), done: never, cuts: make(map[events.Snowflake]time.Duration)}
			if of.goesOn {
				of.cutting, of.retirement = r.At, 10*time.Minute
			}
			byID[r.Call], open[r.Call] = of, of
			c.reshards = append(c.reshards, of)
		case "phase":
			if of.cutting == never && (r.Text == "cutting" || r.Text == "retiring") {
				of.cutting = r.At - r.For
			}
			if r.Text == "done" {
				of.done = r.At
			}
		case "cut":
			if of.cutting == never {
				of.cutting = r.At
			}
			if _, known := of.cuts[r.Guild]; !known && int(r.Seq) == of.to {
				of.cuts[r.Guild] = r.At
			}
		case "resharded":
			of.outcome, of.flagged, of.returned = r.Who, r.Link, r
			if open[r.Call] != nil {
				of.end = r.At
				delete(open, r.Call)
			}
		}
	}
	return c.reshards
}

// began reports whether it was not refused at once.
func (of *change) began() bool { return of.outcome != reshardRefused && of.outcome != reshardPoor }

// toldSo reports whether a session was told of two facts in this order, whatever that of the world is.
func toldSo(first, second []telling) bool {
	return slices.ContainsFunc(first, func(a telling) bool {
		return slices.ContainsFunc(second, func(b telling) bool { return a.session == b.session && a.seq < b.seq })
	})
}

// guildOf is where each fact happened, and as the how manieth thing.
func (c *check) happened() (guilds map[string]events.Snowflake, nth map[string]int) {
	guilds, nth = make(map[string]events.Snowflake), make(map[string]int)
	for i, r := range c.trace {
		if r.Witness == Gateway && r.What == "happened" && r.Fact != "" {
			guilds[r.Fact], nth[r.Fact] = r.Guild, i
		}
	}
	return guilds, nth
}

// reshardOrder. Handlers see what happens in a guild in the order of the world, and of one fleet: the old one's up to the cut, and the new one's behind it. Where
// guilds were cut by fingerprints, what the old ones were told may come late.
func (c *check) reshardOrder() {
	guilds, nth := c.happened()
	told := c.tellings()
	type seat struct {
		process int
		guild   events.Snowflake
	}
	type sight struct {
		at    time.Duration
		total int
		fact  string
	}
	seen := make(map[seat][]sight)
	for _, r := range c.trace {
		if r.Witness != Handler || r.What != "enter" || r.Fact == "" || r.Text == "redelivered" {
			continue
		}
		guild, known := guilds[r.Fact]
		if !known {
			continue // a session's own
		}
		of := seat{r.Process, guild}
		seen[of] = append(seen[of], sight{r.At, c.plan.idOf(r.Shard).Total, r.Fact})
	}
	for of, sights := range seen {
		for i := 1; i < len(sights); i++ {
			before, s := sights[i-1], sights[i]
			if nth[s.fact] < nth[before.fact] && !c.flaggedAt(of.process, s.at) && !toldSo(told[before.fact], told[s.fact]) {
				c.fail("R-3 order of the world", s.at, "guild %d: %q, by %d shards, is handled after %q, by %d", of.guild, s.fact, s.total, before.fact, before.total)
				break
			}
		}
		for _, change := range c.changes() {
			if change.process != of.process || !change.began() {
				continue
			}
			turns, last := []int{change.from}, change.from
			for _, s := range sights {
				if s.at >= change.begin && s.at < c.until(change) && s.total != last {
					last = s.total
					turns = append(turns, last)
				}
			}
			allowed := 1
			switch {
			case change.flagged > 0:
				continue
			case change.cutting == never:
				allowed = 0
			case change.outcome == reshardFailed:
				allowed = 2 // and back
			case change.goesOn && len(turns) > 1:
				turns = turns[1:] // the process before may have cut it
			}
			if len(turns)-1 > allowed {
				c.fail("R-4 one fleet at a time", change.begin, "guild %d: events come by shards of %v, in a reshard from %d to %d that is %q", of.guild, turns, change.from, change.to, change.outcome)
			}
		}
	}
}

// until is when the next reshard of the process begins, or the process ends.
func (c *check) until(of *change) time.Duration {
	for _, next := range c.changes() {
		if next.process == of.process && next.id > of.id && next.began() && next.begin >= of.end {
			return next.begin
		}
	}
	return c.ends(of.process)
}

// flaggedAt reports whether guilds were cut by fingerprints in a process, about then.
func (c *check) flaggedAt(process int, at time.Duration) bool {
	return slices.ContainsFunc(c.changes(), func(of *change) bool {
		return of.process == process && (of.flagged > 0 || of.outcome == "" || of.outcome == reshardEnded) && at >= of.begin && at <= of.end+time.Minute
	})
}

// reshardEnds. A reshard that has returned nil leaves the new shards serving, and one that has failed the old ones; one that the budget does not
// pay is refused; when the old ones have retired, or the new ones were given up, they are not connected.
func (c *check) reshardEnds() {
	for _, r := range c.trace {
		if r.Witness == Operator && r.What == "stuck" {
			c.fail("R-9 a reshard ends", r.At, "%s", r.Text)
		}
	}
	for _, of := range c.changes() {
		r := of.returned
		serves := 0
		switch of.outcome {
		case reshardDone:
			serves = of.to
		case reshardFailed:
			serves = of.from
		}
		if want := fmt.Sprintf("%d of %d serve", serves, serves); serves > 0 && !strings.HasPrefix(r.Text, want) {
			c.fail("R-5 who serves", r.At, "a reshard from %d to %d is %q, and %s", of.from, of.to, of.outcome, r.Text)
		}
		c.paid(of)
		gone, over := of.to, of.end+30*time.Second
		switch {
		case of.outcome == reshardDone && !of.goesOn:
			gone, over = of.from, of.end+of.retirement+30*time.Second
			if of.done != never {
				over = of.done + 5*time.Second
			}
		case of.outcome != reshardFailed:
			continue
		}
		if over >= c.until(of) || c.until(of) < c.ends(of.process) && of.done == never {
			continue
		}
		for _, l := range c.order {
			if l.process == of.process && c.plan.idOf(l.shard).Total == gone && l.dialled < of.end && l.end(c.over()) > over {
				c.fail("R-7 nobody stays behind", over, "shard %v is connected still, after a reshard from %d to %d that is %q since %v", c.plan.idOf(l.shard), of.from, of.to, of.outcome, of.end)
				break
			}
		}
	}
}

// paid: R-6.
func (c *check) paid(of *change) {
	back := slices.ContainsFunc(c.order, func(l *link) bool { // the shards are there
		return l.process == of.process && c.plan.idOf(l.shard).Total == of.to && l.dialled < of.begin && l.end(c.over()) > of.begin
	})
	left := c.plan.Budget - c.plan.Reserve - c.spent(of.begin)
	if of.begin < c.plan.Period-time.Minute && !back && of.began() && !of.goesOn && left < of.to {
		c.fail("R-6 the budget pays", of.begin, "a reshard to %d shards begins, with %d Identifies left beside the reserve", of.to, left)
	}
}
