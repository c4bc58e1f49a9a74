package sim

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// ofSupervisor are the faults that are done to the supervisor.
var ofSupervisor = []string{"stop-supervisor", "crash-on", "late", "revive", "rolling"}

// The messages on which the supervisor and a shard's actor may be made to crash.
var (
	toSupervisor = []string{
		"*actors.request", "actors.landed", "actors.askIdentify", "actors.identified", "actors.withdrawIdentify", "actors.identifyNews", "actors.dueTick",
		"actors.shardUp", "actors.shardDown", "actors.shardSays", "actors.StopShards", "actors.SetPlan", "actors.StartShards", "actors.RestartShard",
		"*actor.Terminated",
	}
	toShard = []string{
		"actors.stopShard", "actors.restartShard", "actors.drainShard", "actors.assignRole", "actors.granted", "actors.admitted", "actors.connected",
		"actors.lost", "actors.tick", "actors.turnCame", "actors.reachable",
	}
)

// saboteur makes actors panic, or end their goroutine, when the plan wants it: on whatever comes, or on a message of a type, which is lost with that.
func (p *process) saboteur(index int) actor.ReceiverMiddleware {
	return func(next actor.ReceiverFunc) actor.ReceiverFunc {
		return func(ctx actor.ReceiverContext, envelope *actor.MessageEnvelope) {
			switch envelope.Message.(type) {
			case *actor.Started:
				p.sim.mu.Lock()
				p.pids[index] = ctx.Self()
				p.sim.mu.Unlock()
			case *actor.Restarting, *actor.Stopping, *actor.Stopped:
			default:
				if p.dead.Load() {
					break
				}
				kind := "crash-shard-on "
				if index < 0 {
					kind = "crash-on "
				}
				_, system := envelope.Message.(actor.SystemMessage)
				if !system && p.sim.mood("crash", index) || p.sim.mood(kind+fmt.Sprintf("%T", envelope.Message), index) {
					if p.sim.plan.Seed%3 == 0 {
						runtime.Goexit()
					}
					panic("sim: an actor panics")
				}
			}
			next(ctx, envelope)
		}
	}
}

// stopFromOutside stops an actor behind the back of those who care for it.
func (p *process) stopFromOutside(f Injection) {
	if !p.up() {
		return
	}
	index := f.Shard
	if f.Kind == "stop-supervisor" {
		index = -1
	}
	p.sim.mu.Lock()
	pid := p.pids[index]
	p.sim.mu.Unlock()
	switch {
	case pid == nil: // it has never been
	case f.Kind == "poison-actor":
		p.m.System().Root.Poison(pid)
	default:
		p.m.System().Root.Stop(pid)
	}
	if index < 0 {
		p.sim.record(Record{Witness: Fault, What: "supervisor stopped", Process: p.number, Shard: -1})
	}
}

// ended reports whether the Manager has ended by itself.
func (p *process) ended() bool {
	select {
	case <-p.m.Done():
		return true
	default:
		return false
	}
}

// flaky has a shard's connection lost again and again for a while.
func (sim *simulation) flaky(f Injection) {
	every := time.Duration(1500+f.N*4) * time.Millisecond
	sim.work.Go(func() {
		for range 1 + int(f.For/time.Second) {
			if p := sim.net.latest(f.Shard); p != nil {
				sim.record(Record{Witness: Fault, What: "dropped", Shard: f.Shard})
				p.reset()
			}
			select {
			case <-time.After(every):
			case <-sim.cure:
				return
			}
		}
	})
}

// misbehave is what a hook does after it has done its work, when the plan wants it.
func (p *process) misbehave(shard int) {
	if p.dead.Load() || !p.sim.mood("hook-panic", shard) {
		return
	}
	if p.sim.plan.Seed%2 == 0 {
		runtime.Goexit()
	}
	panic(errors.New("sim: a hook panics with " + token))
}

// OnChange is told of every move of a shard.
func (p *process) OnChange(c shardmanager.Change) {
	shard := p.sim.plan.numberOf(c.Shard)
	p.moved("state", "", events.ShardKey{Generation: c.Generation, Shard: c.Shard}, c.Change)
	if !p.dead.Load() && c.To == session.Closed && c.Cause != nil && !errors.Is(c.Cause, actors.ErrClosed) && p.sim.mood("mend", shard) {
		p.sim.operate(p, shard, "restart") // from a hook
	}
	p.misbehave(shard)
}

// OnConnected is told of connections.
func (p *process) OnConnected(c actors.Connected) { p.misbehave(p.sim.plan.numberOf(c.Key.Shard)) }

// OnIdentify is told of permits.
func (p *process) OnIdentify(m actors.IdentifyMoved) { p.misbehave(p.sim.plan.numberOf(m.Key.Shard)) }

// OnCrash is told of actors that have ended.
func (p *process) OnCrash(c actors.ShardCrashed) { p.misbehave(p.sim.plan.numberOf(c.Key.Shard)) }

// OnHandlerPanic is told of handlers that have panicked.
func (p *process) OnHandlerPanic(h shardmanager.HandlerPanic) {
	p.misbehave(p.sim.plan.numberOf(h.Meta.Shard))
}
