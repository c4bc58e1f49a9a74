package sim

import (
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// reshardSends: R-8. What is asked of a guild goes to its shard, of the fleet that serves it: of the old one until the guild's cut, of the new one when the old one has retired.
func (c *check) reshardSends() {
	calls := make(map[string]Record)
	for _, r := range c.trace {
		if r.Witness == Caller && r.What == "call" && r.Text != "" {
			calls[r.Text] = r
		}
		call, asked := calls[r.Text]
		if !asked || r.Witness != Gateway || r.What != "received" || r.Op != call.Op {
			continue
		}
		guild, id := c.plan.guildOf(call.Shard, call.Call), c.plan.idOf(r.Shard)
		if events.ShardFor(guild, id.Total) != id.Index {
			c.fail("R-8 sends go to who serves", r.At, "call %d for guild %d goes to shard %v", call.Call, guild, id)
			continue
		}
		if serving := c.servingBy(r.Process, guild, call.At, r.At); !slices.Contains(serving, id.Total) {
			c.fail("R-8 sends go to who serves", r.At, "call %d for guild %d goes to shard %v, and it is served by shards of the totals %v", call.Call, guild, id, serving)
		}
	}
}

// servingBy are the totals whose shards may serve a guild at some moment of a time.
func (c *check) servingBy(process int, guild events.Snowflake, from, to time.Duration) (totals []int) {
	serving, since := 0, time.Duration(0)
	for _, r := range c.trace {
		if r.Witness == Operator && r.Process == process && (r.What == "total" || r.What == "goes on") {
			serving = r.Total
			break
		}
	}
	add := func(total int, begin, end time.Duration) {
		if begin <= to && end >= from {
			totals = append(totals, total)
		}
	}
	for _, of := range c.changes() {
		if of.process != process || !of.began() {
			continue
		}
		cut, known := of.cuts[guild]
		switch {
		case of.goesOn:
			cut = of.begin
		case !known: // it goes over with the shards, at some moment before the end
			cut = of.end
			add(of.to, of.begin, of.end)
		}
		add(serving, since, cut)
		add(of.from, cut, of.end)
		add(of.to, cut, of.end)
		switch since = of.end; of.outcome {
		case reshardDone:
			serving = of.to
		case reshardFailed:
			serving = of.from
		default: // it is not known
			add(of.from, of.end, c.over())
			add(of.to, of.end, c.over())
		}
	}
	add(serving, since, c.over())
	return totals
}
