package sim

import (
	"cmp"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// task is an event in the hands of the handler with workers.
type task struct {
	session    int
	seq        int64
	guild      events.Snowflake
	begin, end time.Duration
}

// guildOrder: I-6 of the handler with workers. Events of one guild are handled one after another, those of none alone, those of a
// session after those of the one before; each once, and none before an event of no guild is left out.
func (c *check) guildOrder() {
	const law = "I-6 exactly once, in order"
	type lane struct{ process, shard, stint int } // a shard that was handed over, and comes back, begins anew
	stints := make(map[[2]int]int)
	all := make(map[lane][]*task)
	open := make(map[lane]map[[2]int64]*task)
	for _, r := range c.trace {
		of, id := lane{r.Process, r.Shard, stints[[2]int{r.Process, r.Shard}]}, [2]int64{int64(r.Session), r.Seq}
		switch {
		case r.Witness == Process && r.What == "loaded":
			stints[[2]int{r.Process, r.Shard}]++
		case r.Witness != Handler:
		case r.What == "take":
			if open[of] == nil {
				open[of] = make(map[[2]int64]*task)
			}
			open[of][id] = &task{r.Session, r.Seq, r.Guild, r.At, 1<<63 - 1}
			all[of] = append(all[of], open[of][id])
		case r.What == "give":
			for ; open[of][id] == nil; of.stint-- { // begun before
			}
			open[of][id].end = r.At
		}
	}
	for of, tasks := range all {
		slices.SortStableFunc(tasks, func(a, b *task) int { return cmp.Or(cmp.Compare(a.session, b.session), cmp.Compare(a.seq, b.seq)) })
		var ended, alone time.Duration // of all before, and of what nothing may overtake
		guilds := make(map[events.Snowflake]time.Duration)
		gap := false
		for i, t := range tasks {
			first := i == 0 || tasks[i-1].session != t.session
			if first {
				alone, gap = ended, false
			} else {
				gap = gap || t.seq != tasks[i-1].seq+1
			}
			after := max(alone, guilds[t.guild])
			if t.guild == 0 {
				after = ended
			}
			switch {
			case !first && t.seq == tasks[i-1].seq:
				c.fail(law, t.begin, "shard %d: workers get event %d twice", of.shard, t.seq)
			case t.guild == 0 && gap:
				c.fail(law, t.begin, "shard %d: workers get event %d, of no guild, and never had one before it", of.shard, t.seq)
			case t.begin < after:
				c.fail(law, t.begin, "shard %d: workers get event %d of guild %d before %v", of.shard, t.seq, t.guild, after)
			}
			ended, guilds[t.guild] = max(ended, t.end), t.end
			if t.guild == 0 {
				alone = t.end
			}
		}
	}
}
