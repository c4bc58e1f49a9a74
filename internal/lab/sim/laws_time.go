package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

const beatTolerance = 250 * time.Millisecond

// beats: T-1 and T-2. Heartbeats come when they are due, whatever else goes on, and one that
// is asked for comes at once.
func (c *check) beats() {
	for _, l := range c.order {
		until := l.end(c.over())
		if l.gone != never && l.gone < until {
			until = l.gone
		}
		if l.closing != never {
			until = min(until, l.closing)
		}
		for _, f := range c.faults { // an actor that has crashed beats no more, however late that is noticed
			if f.Shard == l.shard && strings.HasPrefix(f.What, "crash") && f.At > l.dialled {
				until = min(until, f.At)
			}
		}
		if l.hello == never || c.disturbed(l.shard, l.dialled, until, "freeze", "hole", "two-hellos", "bad-hello") {
			continue
		}
		hello := l.hello
		for _, r := range l.sent { // what the network holds back, arrives later
			if r.Op == events.OpHello {
				hello = r.At
				break
			}
		}
		if c.disturbed(l.shard, 0, hello+10*time.Second, "stall") {
			continue
		}
		var beats []time.Duration
		for _, r := range l.received {
			if r.Op == events.OpHeartbeat {
				beats = append(beats, r.At)
			}
		}
		if hello+c.plan.Interval+Slack+beatTolerance < until && !c.rhythm(hello, until, beats) {
			c.fail("T-1 heartbeats in time", hello, "connection %d of shard %d, %v to %v, has no rhythm of %v: %v", l.nth, l.shard, hello, until, c.plan.Interval, beats)
		}
		c.forced(l, until)
	}
}

// rhythm reports whether some beat of the first interval begins a row without a gap.
func (c *check) rhythm(hello, until time.Duration, beats []time.Duration) bool {
	for _, first := range beats {
		if first > hello+c.plan.Interval+Slack+beatTolerance {
			break
		}
		fits := true
		for due := first; due+beatTolerance < until; due += c.plan.Interval {
			i, _ := slices.BinarySearch(beats, due-beatTolerance)
			if fits = i < len(beats) && beats[i] <= due+beatTolerance; !fits {
				break
			}
		}
		if fits {
			return true
		}
	}
	return false
}

// forced: T-2. The first request in a minute is answered; of a flood, some are.
func (c *check) forced(l *link, until time.Duration) {
	last := never
	for _, r := range l.sent {
		if r.Op != events.OpHeartbeat {
			continue
		}
		quiet := last == never || r.At-last > 61*time.Second && !c.stalled(l, last) // what came while we did not read is answered at any time since
		last = r.At
		if !quiet || r.At+2*Slack+beatTolerance > until || c.disturbed(l.shard, r.At-2*time.Second, r.At+time.Second, sharp...) || c.disturbed(l.shard, l.dialled, r.At, "stall", "blocked") || c.stalled(l, r.At) {
			continue
		}
		if !slices.ContainsFunc(l.received, func(b Record) bool {
			return b.Op == events.OpHeartbeat && b.At >= r.At && b.At <= r.At+2*Slack+beatTolerance
		}) {
			c.fail("T-2 a beat that is asked for", r.At, "connection %d of shard %d did not answer", l.nth, l.shard)
		}
	}
}

// silence: T-3. A dead connection is found, and only a dead one.
func (c *check) silence() {
	for _, l := range c.order {
		most := c.plan.Interval + 15*time.Second
		if c.disturbed(l.shard, 0, l.dialled, "bad-hello") { // the usual interval may stand for one that was not usable
			most = max(most, usualInterval+15*time.Second)
		}
		if l.opened == never || l.hello == never {
			continue
		}
		if l.ended != never && l.silent > most && !c.disturbed(l.shard, l.dialled, l.ended, "blocked") && l.gone != l.ended && !c.stalled(l, l.ended) {
			c.fail("T-3 silence", l.ended, "connection %d of shard %d was silent for %v before it was given up", l.nth, l.shard, l.silent)
		}
	}
	for _, r := range c.trace {
		if r.Witness != Process || r.What != "state" || !strings.Contains(r.Text, "zombied") {
			continue
		}
		for _, l := range c.order {
			if l.process == r.Process && l.shard == r.Shard && l.nth == r.Link && l.silent < c.plan.Interval &&
				!c.disturbed(l.shard, l.dialled, l.ended, "block", "blocked", "stall", "cut") && c.plan.Pieces <= 1 {
				c.fail("T-3 silence", r.At, "connection %d of shard %d was taken for dead after %v", l.nth, l.shard, l.silent)
			}
		}
	}
}

// phases: T-4. No phase of a connection lasts for ever.
func (c *check) phases() {
	for _, l := range c.order {
		end := l.end(c.over())
		late := func(since, most time.Duration, what string) {
			if since != never && end-since > most+Slack {
				c.fail("T-4 phases", since, "connection %d of shard %d: %s for %v", l.nth, l.shard, what, end-since)
			}
		}
		switch {
		case l.opened == never:
			late(l.dialled, 10*time.Second, "a dial")
		case l.hello == never:
			late(l.opened, 10*time.Second, "no Hello")
		case l.asked != never && l.live == never && l.closing == never && !c.disturbed(l.shard, l.dialled, end, "freeze", "blocked"):
			late(l.asked, 30*time.Second, "no READY")
		case l.closing != never && !c.disturbed(l.shard, l.dialled, end, "freeze", "hole", "stall", "blocked", "block") && !c.stalled(l, l.closing):
			late(l.closing, 3*time.Second, "a close frame")
		}
	}
}

// recovers: L-1 and L-3. When faults have ended every shard comes back, and stays.
func (c *check) recovers() {
	if c.settled == 0 || c.exhausted() {
		return
	}
	ended := c.endedShards()
	shards := c.plan.numbersOf(c.plan.Shards)
	if c.plan.Reshards {
		shards = c.plan.numbersOf(c.final)
	}
	for _, shard := range shards {
		if ended[shard] {
			continue
		}
		var live *link
		dials := 0
		for _, l := range c.order {
			if l.shard != shard {
				continue
			}
			if l.live != never && l.end(c.over()) > c.settled+time.Minute {
				live = l
			}
			if l.dialled > c.settled+time.Second && l.dialled < c.settled+3*c.plan.Interval+80*time.Second {
				dials++
			}
		}
		switch {
		case live == nil:
			c.fail("L-1 recovery", c.settled, "shard %d is not live", shard)
		case !c.plan.Reshards && live.live > c.healed+c.patience(shard):
			c.fail("L-1 recovery", live.live, "shard %d came back %v after the faults had ended", shard, live.live-c.healed)
		}
		c.storm(shard)
		if dials > 3 {
			c.fail("L-3 no live-lock", c.settled, "shard %d dials %d times while nothing is wrong", shard, dials)
		}
	}
}

// storm: the other half of L-3. Whatever its attempts gain, a shard does not dial more than once a second on average
// over any 30 s; and those that gain nothing, neither a session that lives nor an event, come further apart.
func (c *check) storm(shard int) {
	var dials, futile []time.Duration
	for _, l := range c.order {
		if l.shard != shard {
			continue
		}
		if dials = append(dials, l.dialled); len(dials) > 30 && l.dialled-dials[len(dials)-31] < 30*time.Second {
			c.fail("L-3 no live-lock", l.dialled, "shard %d dials 31 times within %v", shard, l.dialled-dials[len(dials)-31])
			return
		}
		if l.live != never || slices.ContainsFunc(l.sent, func(r Record) bool { return r.Op == events.OpDispatch }) {
			futile = nil
			continue
		}
		if futile = append(futile, l.dialled); len(futile) > 25 && l.dialled-futile[len(futile)-26] < time.Minute {
			c.fail("L-3 no live-lock", l.dialled, "shard %d dials 26 times in vain within %v", shard, l.dialled-futile[len(futile)-26])
			return
		}
	}
}

// slowBeat is the interval of heartbeats, where that is more than the minute that else counts.
func (c *check) slowBeat() time.Duration {
	if c.plan.Interval <= time.Minute {
		return 0
	}
	return c.plan.Interval
}

// patience is how long a shard may take to come back: a minute, and its turn to identify. A
// budget of which half is spent, before the faults end or on the way back, is spread over the rest of its period. A connection that a fault has
// swallowed is found after an interval, which is the usual one where no Hello could be read.
func (c *check) patience(shard int) time.Duration {
	wait := c.slowBeat() + 60*time.Second + time.Duration((c.plan.Shards+c.plan.Concurrency-1)/c.plan.Concurrency)*5250*time.Millisecond
	if c.disturbed(shard, 0, c.healed, "bad-hello") {
		wait = max(wait, 3*usualInterval)
	}
	if c.spent(c.settled) >= (c.plan.Budget-c.plan.Reserve)/2 {
		wait += max(c.plan.Period-c.healed, 0)
	}
	return wait
}

const usualInterval = 41250 * time.Millisecond // of heartbeats, by Discord's documentation

// spent counts the Identifies of the run, and those of another process with the same token.
func (c *check) spent(until time.Duration) int {
	spent := 0
	for _, r := range c.trace {
		switch {
		case r.At >= until:
		case r.Witness == Gateway && r.What == "received" && r.Op == events.OpIdentify:
			spent++
		case r.Witness == Fault && r.What == "remaining":
			spent = c.plan.Budget - int(r.Seq)
		}
	}
	return spent
}

// exhausted reports whether a shard may have to wait for an Identify until after the run: half of what the bot may spend is spent. It spreads what is left over
// the day that it sees.
func (c *check) exhausted() bool {
	if c.total < 0 {
		c.total = c.spent(c.over())
	}
	mine := c.plan.Budget - c.plan.Reserve
	return c.total >= mine/2
}
