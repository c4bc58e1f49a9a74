package sim

import "time"

// heal ends all faults.
func (sim *simulation) heal() {
	sim.net.set(&sim.net.refused, false)
	sim.net.set(&sim.net.hanging, false)
	sim.net.set(&sim.net.failing, false)
	sim.net.set(&sim.net.resumes, false)
	for _, guild := range sim.plan.guilds() {
		sim.remove(guild, false)
		sim.outage(guild, false)
	}
	sim.mu.Lock()
	clear(sim.moods)
	sim.mu.Unlock()
	for _, shard := range sim.plan.numbers() {
		sim.script(shard).Freeze(false)
		sim.script(shard).MuteAcks(false)
		sim.script(shard).Lag(0)
	}
	sim.net.each(func(p *pair) {
		p.mu.Lock()
		p.extra, p.cutIn = 0, -1
		p.mu.Unlock()
		sim.mu.Lock()
		unpaced := sim.unpaced[[3]int{p.process, p.shard, p.nth}]
		sim.mu.Unlock()
		if unpaced {
			p.reset() // the gateway would end it when heartbeats do not come
		}
	})
	sim.sick.mu.Lock()
	sim.sick.slow, sim.sick.fails = time.Time{}, time.Time{}
	sim.sick.mu.Unlock()
	close(sim.cure)
	sim.healed.Store(true)
	sim.record(Record{Witness: Fault, What: "healed", Shard: -1})
}
