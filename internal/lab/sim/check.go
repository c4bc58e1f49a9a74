package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// Violation is a law that a trace breaks.
type Violation struct {
	Law  string // as in docs/reliability.md
	At   time.Duration
	Text string
}

// String is one line.
func (v Violation) String() string { return fmt.Sprintf("%s at %v: %s", v.Law, v.At, v.Text) }

// Slack is what the network may add to any time that is measured at one of its ends.
const Slack = 200 * time.Millisecond

// Check holds a trace against the laws. It knows the plan, and asks nobody.
func Check(plan Plan, trace Trace) []Violation {
	c := &check{plan: plan, trace: trace, links: make(map[linkID]*link), sessions: make(map[int]*sessionFacts), total: -1}
	c.index()
	c.dialOrder()
	c.keep()
	for _, law := range c.laws() {
		law()
	}
	slices.SortStableFunc(c.found, func(a, b Violation) int { return int(a.At - b.At) })
	return c.found
}

// laws are those that the plan is held against. Where the number of shards changes, those that speak of events, of sends and of who serves are others.
func (c *check) laws() []func() {
	if c.plan.Reshards {
		return []func(){
			c.told, c.spacing, c.sendLimits, c.budget, c.resumeFirst, c.resumeTruth, c.oneConnection, c.afterTheEnd, c.codes,
			c.intents, c.callers, c.beats, c.silence, c.phases, c.recovers, c.legalOrder, c.oneSession, c.callerOrder, c.status, c.orphans, c.chain,
			c.quarantines, c.reshardFacts, c.reshardOrder, c.reshardEnds, c.reshardSends,
		}
	}
	return []func(){
		c.told, c.spacing, c.sendLimits, c.budget, c.resumeFirst, c.resumeTruth, c.oneConnection, c.afterTheEnd, c.codes,
		c.inOrder, c.guildOrder, c.nothingLost, c.facts, c.intents, c.noSilentGap, c.callers, c.beats, c.silence, c.phases, c.recovers,
		c.legalOrder, c.oneSession, c.callerOrder, c.isolation, c.admission, c.fairness,
		c.heldBack, c.planned, c.rolled, c.status, c.back, c.orphans, c.chain, c.quarantines, c.stale, c.taken, c.handovers,
	}
}

type check struct {
	plan      Plan
	trace     Trace
	links     map[linkID]*link
	order     []*link // by the time of the dial
	sessions  map[int]*sessionFacts
	faults    []Record
	processes []Record // what the processes have told of themselves
	healed    time.Duration
	settled   time.Duration
	final     int // how many shards serve in the end
	reshards  []*change
	times     map[string]int // how often each fact has happened
	ended     map[int]bool   // see endedShards
	total     int            // of Identifies; below zero: not counted yet, see exhausted
	found     []Violation
}

type linkID struct{ process, shard, nth int }

// link is what is known of one connection. Times are -1 when it did not happen.
type link struct {
	linkID
	dialled, opened, hello, ended, gone time.Duration
	asked                               time.Duration // Identify or Resume was read
	live                                time.Duration // READY or RESUMED was made
	session                             int
	closing                             time.Duration
	code                                events.CloseCode
	silent                              time.Duration // before it ended
	wrote                               time.Duration // before it ended, at the client's
	received                            []Record
	sent                                []Record
}

// sessionFacts is what the gateway knows of a session.
type sessionFacts struct {
	shard  events.ShardID
	began  time.Duration
	events map[int64]Record // dispatched
	last   int64
	kept   int64 // up to here each event has to reach the handlers
}

// resumeText is how the trace tells of a Resume: its session, and its sequence.
const resumeText = "resume %d after %d"

const never = time.Duration(-1)

// lateMost is for how long the supervisor has no turn at the most, by the fault "late".
const lateMost = 3 * time.Second

func (c *check) fail(law string, at time.Duration, format string, args ...any) {
	c.found = append(c.found, Violation{law, at, fmt.Sprintf(format, args...)})
}

func (c *check) link(r Record) *link {
	id := linkID{r.Process, r.Shard, r.Link}
	l := c.links[id]
	if l == nil {
		l = &link{linkID: id, dialled: r.At, opened: never, hello: never, ended: never, gone: never, asked: never, live: never, closing: never}
		c.links[id] = l
		if r.Shard >= 0 {
			c.order = append(c.order, l)
		}
	}
	return l
}

func (c *check) index() {
	for _, r := range c.trace {
		if r.Witness == Process {
			c.processes = append(c.processes, r)
		}
		switch {
		case r.Witness == Network && r.What == "dial":
			c.link(r)
		case r.Witness == Network:
			l := c.link(r)
			l.ended, l.silent, l.wrote = r.At, r.For, time.Duration(r.Seq)
		case r.Witness == Gateway && r.What == "dispatched":
			s := c.sessions[r.Session]
			if s == nil {
				s = &sessionFacts{shard: c.plan.idOf(r.Shard), began: r.At, events: make(map[int64]Record)}
				c.sessions[r.Session] = s
			}
			s.events[r.Seq], s.last = r, r.Seq
		case r.Witness == Gateway && r.Link > 0:
			c.atGateway(c.link(r), r)
		case r.Witness == Fault:
			c.faults = append(c.faults, r)
			if r.What == "healed" {
				c.healed = r.At
			}
		case r.Witness == Process && r.What == "settled":
			c.settled, c.final = r.At, r.Total
		}
	}
}

// dialOrder sorts connections: of those dialled at one instant, the earlier numbers come first.
func (c *check) dialOrder() {
	slices.SortStableFunc(c.order, func(a, b *link) int {
		return cmp.Or(cmp.Compare(a.dialled, b.dialled), cmp.Compare(a.process, b.process), cmp.Compare(a.shard, b.shard), cmp.Compare(a.nth, b.nth))
	})
}

func (c *check) atGateway(l *link, r Record) {
	switch r.What {
	case "opened":
		l.opened = r.At
	case "received":
		l.received = append(l.received, r)
		if (r.Op == events.OpIdentify || r.Op == events.OpResume) && l.asked == never {
			l.asked = r.At
		}
	case "sent":
		l.sent = append(l.sent, r)
		if r.Op == events.OpHello && l.hello == never {
			l.hello = r.At
		}
	case "began", "resumed":
		l.live, l.session = r.At, r.Session
	case "closing":
		l.closing, l.code = r.At, r.Code
	case "gone":
		l.gone = r.At
	}
}

// everywhere are the faults that are not one shard's.
var everywhere = []string{"outage", "hang", "dns", "reset-all", "kill", "restart", "reject", "stop-supervisor", "revive", "handover"}

// disturbed reports whether a fault was done to the shard, or to all, within a time.
func (c *check) disturbed(shard int, from, to time.Duration, kinds ...string) bool {
	for _, f := range c.faults {
		kind := strings.TrimPrefix(f.What, "inject ")
		if (f.Shard == shard || f.Shard < 0 || slices.Contains(everywhere, kind)) && f.At >= from && f.At <= to && (len(kinds) == 0 || slices.Contains(kinds, kind)) {
			return true
		}
	}
	return false
}

// end is when a connection was over for the client, or the end of time.
func (l *link) end(otherwise time.Duration) time.Duration {
	if l.ended == never {
		return otherwise
	}
	return l.ended
}

// over is the time of the last record.
func (c *check) over() time.Duration {
	if len(c.trace) == 0 {
		return 0
	}
	return c.trace[len(c.trace)-1].At
}

// crashesAt counts how often the supervisor has crashed within the second before.
func (c *check) crashesAt(at time.Duration) (n int) {
	for _, f := range c.faults {
		if f.Shard < 0 && strings.HasPrefix(f.What, "crash") && f.At <= at && f.At >= at-time.Second {
			n++
		}
	}
	return n
}

// told passes on what the gateway itself has punished, and secrets that were found.
func (c *check) told() {
	for _, r := range c.trace {
		switch {
		case r.Witness == Gateway && r.What == "violation":
			if strings.Contains(r.Text, "heartbeat: none came") && c.disturbed(r.Shard, 0, r.At, "hole") {
				continue // the network has swallowed them, and the end of the connection as well
			}
			if strings.Contains(r.Text, "heartbeat: none came") && c.disturbed(r.Shard, 0, r.At, "bad-hello") {
				continue // the client was told no interval, and takes the usual one in the end
			}
			c.fail("gateway's rules", r.At, "%s", r.Text)
		case r.Witness == Process && r.What == "leaked":
			c.fail("I-20 secrets", r.At, "%s", r.Text)
		case r.Witness == Process && r.What == "failed":
			if c.crashesAt(r.At) >= 3 {
				continue // Start gives up then
			}
			c.fail("L-1 recovery", r.At, "Start: %s", r.Text)
		case r.Witness == Network && r.What == "dial" && r.Text != gatewayHost && r.Text != resumeHost:
			c.fail("I-21 hosts", r.At, "dialled %q", r.Text)
		}
	}
}
