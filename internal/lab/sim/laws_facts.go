package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// telling is one session's having been told of a fact.
type telling struct {
	session int
	seq     int64
	at      time.Duration
}

// facts: W-1 and W-2. What happened in the world comes to each handler that asks for it, whatever
// sessions, totals and processes there are: not twice, unless it says that it may be, and not never, if a
// session was told of it that the bot has kept.
func (c *check) facts() {
	told, seen, order := c.heard("W-1 a fact comes once")
	ended := c.endedShards()
	for _, fact := range order {
		kind, _, _ := strings.Cut(fact, " ")
		for who := range wanted {
			if _, came := seen[who][fact]; came || !wants(who, events.Type(kind)) {
				continue
			}
			for _, t := range told[fact] {
				s := c.sessions[t.session]
				if s.shard.Total == c.plan.Shards && !ended[s.shard.Index] && t.seq <= s.kept {
					c.fail("W-2 no fact is lost", t.at, "%q, event %d of session %d, never came to the handler of %s", fact, t.seq, t.session, who)
					break
				}
			}
		}
	}
}

// heard is what sessions were told, in order, and how often each handler has heard of it, which breaks a law if it is twice.
func (c *check) heard(law string) (told map[string][]telling, seen map[string]map[string]int, order []string) {
	told = make(map[string][]telling)
	c.times = make(map[string]int)
	seen = make(map[string]map[string]int) // by handler and fact; what says that it may be a second time counts as 0
	for who := range wanted {
		seen[who] = make(map[string]int)
	}
	for _, r := range c.trace {
		switch {
		case r.Fact == "":
		case r.Witness == Gateway && r.What == "happened":
			c.times[r.Fact]++
		case r.Witness == Gateway && r.What == "dispatched":
			if told[r.Fact] == nil {
				order = append(order, r.Fact)
			}
			told[r.Fact] = append(told[r.Fact], telling{r.Session, r.Seq, r.At})
		case r.Witness == Handler && (r.What == "enter" || r.What == "saw"):
			n := seen[r.Who][r.Fact]
			if r.Text != "redelivered" {
				n++
			}
			if seen[r.Who][r.Fact] = n; n == max(c.times[r.Fact], 1)+1 && (n == 2 || !c.flaggedAt(r.Process, r.At)) {
				c.fail(law, r.At, "%q comes to the handler of %s too often, on shard %d in process %d", r.Fact, r.Who, r.Shard, r.Process)
			}
			if told[r.Fact] == nil {
				c.fail(law, r.At, "%q comes to the handler of %s, and no session was told of it", r.Fact, r.Who)
			}
		}
	}
	return told, seen, order
}

// tellings are the sessions that were told of each fact, and when.
func (c *check) tellings() map[string][]telling {
	told := make(map[string][]telling)
	for _, r := range c.trace {
		if r.Fact != "" && r.Witness == Gateway && r.What == "dispatched" {
			told[r.Fact] = append(told[r.Fact], telling{r.Session, r.Seq, r.At})
		}
	}
	return told
}

// keep finds how far each session was the bot's for good: one that lives to the end, to its end; any other,
// as far as a heartbeat or a Resume has said that its events had come, by a process that had the time to
// handle them.
func (c *check) keep() {
	const enough = 2 * time.Minute      // to handle what has come
	over := make(map[int]time.Duration) // processes
	released := make(map[[2]int][]time.Duration)
	left := make(map[int]bool) // sessions that the bot ended
	last := make(map[int]int)  // by shard
	for _, r := range c.trace {
		switch {
		case r.Witness == Process && (r.What == "killed" || r.What == "closing" || r.What == "done"):
			if _, known := over[r.Process]; !known {
				over[r.Process] = r.At
			}
		case r.Witness == Operator && r.What == "released":
			released[[2]int{r.Process, r.Shard}] = append(released[[2]int{r.Process, r.Shard}], r.At)
		case r.Witness == Gateway && r.What == "closed" && (r.Code == events.CloseNormal || r.Code == events.CloseGoingAway):
			left[r.Session] = true
		case r.Witness == Gateway && (r.What == "began" || r.What == "resumed"):
			last[r.Shard] = r.Session
		}
	}
	for _, l := range c.order {
		for _, r := range l.received {
			id, seq := l.session, r.Seq
			if r.Op == events.OpResume {
				if _, err := fmt.Sscanf(r.Text, resumeText, &id, &seq); err != nil {
					continue // I-8 tells
				}
			} else if r.Op != events.OpHeartbeat {
				continue
			}
			s, end := c.sessions[id], over[l.process]
			for _, at := range released[[2]int{l.process, l.shard}] {
				if at >= r.At {
					end = min(end, at)
					break
				}
			}
			if s == nil || l.live == never || end-r.At < max(enough, c.waiting(l.shard, s, r.At)) || c.disturbed(l.shard, r.At-5*time.Minute, end, "block", "blocked") {
				continue
			}
			s.kept = max(s.kept, min(seq, s.last))
		}
	}
	for number, id := range last {
		if c.plan.Reshards && c.plan.idOf(number).Total != c.final {
			continue // nobody goes on with it
		}
		if s := c.sessions[id]; s != nil && !left[id] && c.settled != 0 && !c.exhausted() {
			s.kept = s.last
		}
	}
}

// waiting is how long handlers may be busy with what had come by a time, if there were bursts: also with events of sessions before this one.
func (c *check) waiting(shard int, s *sessionFacts, at time.Duration) time.Duration {
	if !c.disturbed(shard, 0, at, "event-burst") {
		return 0
	}
	events := int64(0)
	for _, other := range c.sessions {
		if other.shard == s.shard && other.began <= at {
			events += other.last
		}
	}
	return time.Duration(events) * c.plan.Slow
}

// intents: W-3. A session that lives hears of what happens in its guilds, if the bot's intents ask for it, and
// of nothing else: the bot has identified with the intents that it was given.
func (c *check) intents() {
	heard := make(map[int]map[string]bool)
	for _, r := range c.trace {
		if r.Witness == Gateway && r.What == "dispatched" && r.Fact != "" {
			if heard[r.Session] == nil {
				heard[r.Session] = make(map[string]bool)
			}
			heard[r.Session][r.Fact] = true
		}
	}
	for _, l := range c.order {
		s := c.sessions[l.session]
		if l.live == never || s == nil {
			continue
		}
		until := c.attached(l)
		for _, r := range c.trace {
			if r.Witness != Gateway || r.What != "happened" || r.Fact == "" || r.At <= l.live || r.At >= until ||
				int(uint64(r.Guild)>>22%uint64(s.shard.Total)) != s.shard.Index {
				continue
			}
			asked, got := c.plan.hears(r.Type, r.Guild != 0), heard[l.session][r.Fact]
			if asked && !got && !c.disturbed(l.shard, 0, r.At, "lag", "disorder") {
				c.fail("W-3 intents", r.At, "session %d of shard %d is not told of %q, for which the bot's intents ask", l.session, l.shard, r.Fact)
				return
			}
			if got && !asked {
				c.fail("W-3 intents", r.At, "session %d of shard %d is told of %q, for which the bot's intents do not ask", l.session, l.shard, r.Fact)
				return
			}
		}
	}
}

// attached is until when a connection had its session at the gateway.
func (c *check) attached(l *link) time.Duration {
	until := c.over()
	for _, end := range []time.Duration{l.gone, l.closing} {
		if end != never {
			until = min(until, end)
		}
	}
	for _, r := range l.sent {
		if r.Op == events.OpInvalidSession && r.At >= l.live {
			until = min(until, r.At)
		}
	}
	for _, other := range c.order {
		if other != l && other.session == l.session && other.live > l.live {
			until = min(until, other.live)
		}
	}
	return until
}
