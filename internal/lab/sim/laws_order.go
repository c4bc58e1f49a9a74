package sim

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// legalOrder: I-14. Nothing goes out before Hello, nothing of callers before READY or RESUMED, and
// one Identify is enough for a connection.
func (c *check) legalOrder() {
	for _, l := range c.order {
		identifies := 0
		for _, r := range l.received {
			own := r.Op == events.OpIdentify || r.Op == events.OpResume
			switch {
			case l.hello == never || r.At < l.hello:
				c.fail("I-14 legal order", r.At, "shard %d: %v before Hello on connection %d", l.shard, r.Op, l.nth)
			case !own && r.Op != events.OpHeartbeat && (l.live == never || r.At < l.live):
				c.fail("I-14 legal order", r.At, "shard %d: %v before the session is live on connection %d", l.shard, r.Op, l.nth)
			case r.Op == events.OpIdentify:
				if identifies++; identifies > 1 {
					c.fail("I-14 legal order", r.At, "shard %d identifies %d times on connection %d", l.shard, identifies, l.nth)
				}
			}
		}
	}
}

// oneSession: I-11. A session begins when the shard's connections before it were given up, in
// whatever process.
func (c *check) oneSession() {
	for _, l := range c.order {
		if l.live == never {
			continue
		}
		for _, before := range c.order {
			if before.shard == l.shard && before != l && before.live != never && before.live < l.live && before.session != l.session && before.end(c.over()) > l.live {
				c.fail("I-11 one live session", l.live, "shard %d begins session %d while %d goes on until %v", l.shard, l.session, before.session, before.end(c.over()))
			}
		}
	}
}

// callerOrder: I-17. What one caller asks for, one after another, arrives in that order. So do the
// member lists of a burst, whose calls are made without waiting.
func (c *check) callerOrder() {
	latest := make(map[[2]int]int)
	asked := make(map[int]Record) // by call
	for _, r := range c.trace {
		if r.Witness == Caller && r.What == "call" {
			asked[r.Call] = r
		}
		if r.Witness != Gateway || r.What != "received" {
			continue
		}
		call, err := strconv.Atoi(r.Text)
		if err != nil || c.sentAgain(r, asked[call]) {
			continue
		}
		caller := call / callsOfCaller
		of := [2]int{caller, 0}
		if c.plan.Reshards { // they are sent by guild
			of[1] = int(c.plan.guildOf(asked[call].Shard, call))
		}
		if caller%callersOfShard > 100 && r.Op != events.OpRequestGuildMembers {
			continue
		}
		if call < latest[of] {
			c.fail("I-17 caller's order", r.At, "shard %d: call %d arrives after %d", r.Shard, call, latest[of])
		}
		latest[of] = max(latest[of], call)
	}
}

// isolation: I-25. A shard to which nothing is done keeps its one connection.
func (c *check) isolation() {
	if c.plan.Period < 24*time.Hour {
		return // then the budget connects them
	}
	touched := make(map[int]bool)
	for _, f := range c.faults {
		if strings.HasPrefix(f.What, "inject store-") { // nobody identifies without the ledger
			for _, l := range c.order {
				if l.nth == 1 && (l.asked == never || l.asked >= f.At) {
					touched[l.shard] = true
				}
			}
		}
		switch kind := strings.TrimPrefix(f.What, "inject "); {
		case f.What == "healed" || strings.HasPrefix(f.What, "end "):
		case f.Shard < 0 || kind == "fatal" || slices.Contains(everywhere, kind):
			return
		default:
			touched[f.Shard] = true
		}
	}
	for shard := range c.plan.Shards {
		n := 0
		for _, l := range c.order {
			if l.shard == shard {
				n++
			}
		}
		if n != 1 && !touched[shard] {
			c.fail("I-25 isolation of failures", 0, "nothing was done to shard %d, and it made %d connections", shard, n)
		}
	}
}

// admission: T-6. With a bucket that is not used up, a send goes out at once.
func (c *check) admission() {
	arrived := make(map[string]time.Duration)
	for _, r := range c.all(events.OpRequestGuildMembers) {
		arrived[r.Text] = r.At
	}
	for _, call := range c.trace {
		if call.Witness != Caller || call.What != "call" || call.Op != events.OpRequestGuildMembers || call.For < time.Second ||
			c.disturbed(call.Shard, call.At-70*time.Second, call.At+2*time.Second) {
			continue
		}
		for _, l := range c.order {
			if l.shard != call.Shard || l.process != call.Process || l.live == never || call.At < l.live+time.Second || call.At+time.Second > l.end(c.over()) ||
				c.disturbed(l.shard, l.dialled, call.At, "hole", "stall", "freeze") {
				continue
			}
			recent := 0
			for _, r := range l.received {
				if r.At > call.At-70*time.Second && r.At <= call.At+Slack {
					recent++
				}
			}
			if at, ok := arrived[call.Text]; recent < 90 && (!ok || at > call.At+Slack) && !c.stalled(l, call.At) {
				c.fail("T-6 admission", call.At, "call %d on shard %d: its bucket is not used up, and it arrives after %v (%v)", call.Call, call.Shard, at-call.At, ok)
			}
		}
	}
}

// fairness: L-5. While a shard waits for a permit, no other of its key that had as many already
// gets two. With a new budget the count begins anew.
func (c *check) fairness() {
	type waits struct {
		since time.Duration
		got   map[int]int // by shards that had as many
	}
	waiting := make(map[[2]int]*waits)
	had := make(map[[2]int]int)
	filled := false
	for _, r := range c.trace {
		if !filled && r.At >= c.plan.Period-time.Second {
			filled = true
			clear(waiting)
			clear(had)
		}
		id := [2]int{r.Process, r.Shard}
		switch {
		case r.became(session.Queued):
			waiting[id] = &waits{r.At, make(map[int]int)}
		case r.Witness == Process && r.What == "state":
			delete(waiting, id)
		}
		if !r.became(session.Identifying) || r.move().from != session.Queued.String() {
			continue
		}
		had[id]++
		for other, w := range waiting {
			if other[0] != r.Process || other == id || other[1]%c.plan.Concurrency != r.Shard%c.plan.Concurrency || had[id] <= had[other] {
				continue
			}
			if w.got[r.Shard]++; w.got[r.Shard] > 1 {
				c.fail("L-5 fairness", r.At, "shard %d identifies twice while shard %d waits since %v", r.Shard, other[1], w.since)
			}
		}
	}
}
