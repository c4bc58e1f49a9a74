package sim

import (
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// The fleet that serves has generation 0. Beside it another one, of one more shard, may warm up for a while, as for a change of the number
// of shards: it has sessions of its own, and nothing that they are told reaches a handler. Its shards have the numbers from warming on, which
// is a multiple of every max_concurrency here. In a reshard there are other totals, whose shards have numbers above those.
const warming = 64

// idOf is the shard with a number.
func (p Plan) idOf(number int) events.ShardID {
	total := p.Shards
	switch fleet := number / warming; fleet {
	case 0:
	case 1:
		total++
	default:
		total = fleet - 1
	}
	return events.ShardID{Index: number % warming, Total: total}
}

// numberOf is the number of a shard.
func (p Plan) numberOf(id events.ShardID) int {
	switch id.Total {
	case p.Shards, 0:
		return id.Index
	case p.Shards + 1:
		return warming + id.Index
	}
	return (1+id.Total)*warming + id.Index
}

// numbersOf are those of the shards of a total.
func (p Plan) numbersOf(total int) (all []int) {
	for index := range total {
		all = append(all, p.numberOf(events.ShardID{Index: index, Total: total}))
	}
	return all
}

// numbers are those of all shards, warming ones last.
func (p Plan) numbers() (all []int) {
	all = append(p.numbersOf(p.Shards), p.numbersOf(p.Shards+1)...)
	if !p.Reshards {
		return all
	}
	for total := range most + 1 {
		if total > 0 && total != p.Shards && total != p.Shards+1 {
			all = append(all, p.numbersOf(total)...)
		}
	}
	return all
}

// key names a shard as the Manager does.
func (sim *simulation) key(number int) actors.Key {
	key := actors.Key{Shard: sim.plan.idOf(number)}
	if number >= warming {
		key.Generation = 1
	}
	if sim.plan.Reshards {
		for _, s := range sim.current().m.Status().Shards {
			if s.Shard == key.Shard {
				key = s.Key()
			}
		}
	}
	return key
}

// connsOfGeneration is above the number of connections that a shard makes in a process: one of a later generation counts anew, and its links go on from a
// multiple of that.
const connsOfGeneration = 100_000

// linkOf is the number of a connection of a shard in the trace.
func (p Plan) linkOf(key actors.Key, conn uint64) int {
	if !p.Reshards {
		return int(conn)
	}
	return int(key.Generation)*connsOfGeneration + int(conn)
}

// script is for orders to the gateway about a shard.
func (sim *simulation) script(number int) gatewaytest.Script {
	return sim.server.ShardOf(sim.plan.idOf(number))
}

// warmToo are the faults that are done to a warming shard as well.
var warmToo = []string{"drop", "op7", "op9-true", "op9-false", "close", "crash", "flaky", "stop-actor", "poison-actor", "crash-shard-on"}

// target is the number of the shard to which a fault is done: while a generation warms up, half of them are done to that.
func (sim *simulation) target(f Injection) int {
	if sim.plan.Reshards {
		return sim.anyShard(f)
	}
	if f.N%2 == 0 && slices.Contains(warmToo, f.Kind) && sim.current().warm.Load() == warmNow {
		return warming + f.Shard
	}
	return f.Shard
}

// What became of the second generation of a process. There is one in a process, since a shard that was forgotten counts its connections anew.
const (
	warmNow  = 1
	warmOver = 2
)

// warm has a second generation warm up for a while, and then be no more.
func (sim *simulation) warm(f Injection) {
	p := sim.current()
	if !p.up() || !p.warm.CompareAndSwap(0, warmNow) {
		return
	}
	sim.work.Go(func() {
		defer p.warm.Store(warmOver)
		defer sim.replan(p, nil, "stop")
		if !sim.replan(p, &actors.Want{Role: actors.Warming}, "run") {
			return
		}
		sim.wait(f, 30*time.Second+2*f.For)
		if f.N%3 == 0 {
			number := warming + f.N%(sim.plan.Shards+1)
			for _, verb := range []string{"pause", "run", "restart"} {
				sim.operate(p, number, verb)
				sim.wait(f, f.For)
			}
		}
	})
}

// replan writes the plan of the generation that warms up, and notes what is wanted of it from now on; without a want it is forgotten.
func (sim *simulation) replan(p *process, want *actors.Want, verb string) bool {
	sim.operator <- struct{}{}
	defer func() { <-sim.operator }()
	change, remove := make(map[actors.Key]actors.Want), []actors.Key(nil)
	for index := range sim.plan.Shards + 1 {
		number := warming + index
		if want == nil {
			sim.record(Record{Witness: Fault, What: "cooled", Shard: number})
			remove = append(remove, sim.key(number))
			continue
		}
		change[sim.key(number)] = *want
	}
	answer := p.setPlan(func(actors.Plan) actors.SetPlan { return actors.SetPlan{Change: change, Remove: remove} })
	if _, ok := answer.(*actors.PlanSet); !ok || !p.up() {
		return false
	}
	for index := range sim.plan.Shards + 1 {
		sim.record(Record{Witness: Operator, What: "planned", Process: p.number, Shard: warming + index, Text: verb})
	}
	return true
}

// heldBack: G-1. Nobody hears what the sessions of a warming generation are told.
func (c *check) heldBack() {
	if c.plan.Reshards {
		return // what they are told is heard behind the cut: see the laws R
	}
	for _, r := range c.trace {
		if r.Witness == Handler && r.Shard >= warming {
			c.fail("G-1 a warming generation is silent", r.At, "the handler of %s is called with %s, by shard %v", r.Who, r.Type, c.plan.idOf(r.Shard))
		}
	}
}
