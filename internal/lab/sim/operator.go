package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// current is the process that runs now.
func (sim *simulation) current() *process {
	sim.mu.Lock()
	defer sim.mu.Unlock()
	return sim.process
}

// up reports whether the process has started, and has not ended.
func (p *process) up() bool {
	select {
	case <-p.started:
	default:
		return false
	}
	select {
	case <-p.m.Done():
		return false
	default:
		return !p.dead.Load() && p.m.Supervisor() != nil && p.m.Err() == nil
	}
}

// ask asks the supervisor of a process, and asks again if it has crashed on that. nil: it has no answer.
func (p *process) ask(message any) any {
	for range 5 {
		if !p.up() {
			return nil
		}
		answer, err := p.m.System().Root.RequestFuture(p.m.Supervisor(), message, 10*time.Second).Result()
		if err != nil {
			continue
		}
		switch m := answer.(type) {
		case *actors.Refusal:
			if errors.Is(m.Err, actors.ErrCrashed) {
				continue
			}
		case *actors.ShardsStarted:
			if errors.Is(m.Err, actors.ErrCrashed) {
				continue
			}
		}
		return answer
	}
	return nil
}

// What an operator does to one shard. All but a drill are ways to write the plan.
var verbs = []string{"stop", "pause", "drain", "run", "start", "restart", "crash"}

// operate writes the plan of one shard, and notes what is wanted from now on. One operator writes at a time, so that the notes come in the
// order of the changes.
func (sim *simulation) operate(p *process, shard int, verb string) {
	sim.operator <- struct{}{}
	defer func() { <-sim.operator }()
	if !p.up() {
		return
	}
	key := sim.key(shard)
	var answer any
	switch verb {
	case "stop":
		answer = p.ask(actors.StopShards{Keys: []actors.Key{key}})
	case "start":
		answer = p.ask(actors.StartShards{Total: key.Shard.Total, IDs: []int{shard}})
	case "restart":
		if sim.plan.Seed%2 == 0 || shard >= warming {
			answer = p.ask(actors.RestartShard{Key: key})
		} else if err := p.m.Restart(sim.t.Context(), shard); err != nil {
			answer = &actors.Refusal{Err: err}
		} else {
			answer = &actors.PlanSet{}
		}
	case "reidentify":
		if sim.plan.Seed%2 == 0 || shard >= warming {
			answer = p.ask(actors.ReidentifyShard{Key: key})
		} else if err := p.m.Reidentify(sim.t.Context(), shard); err != nil {
			answer = &actors.Refusal{Err: err}
		} else {
			answer = &actors.PlanSet{}
		}
	case "crash": // a drill
		sim.record(Record{Witness: Fault, What: "crash", Shard: shard})
		p.m.System().Root.Send(p.m.Supervisor(), actors.CrashShard{Key: key})
		return
	default:
		mode := map[string]actors.Mode{"run": actors.Run, "pause": actors.Pause, "drain": actors.Drain}[verb]
		switch way := sim.plan.Seed / 2 % 3; {
		case way == 0 || shard >= warming:
			answer = p.setMode(key, mode)
		case way == 1:
			answer = p.ask(actors.SetMode{Keys: []actors.Key{key}, Mode: mode})
		default:
			answer = p.byVerb(shard, mode)
		}
	}
	r := Record{Witness: Operator, What: "planned", Process: p.number, Shard: shard, Text: verb}
	switch m := answer.(type) {
	case *actors.PlanSet, *actors.ShardsStopping:
	case *actors.ShardsStarted:
		if m.Err != nil {
			r.What, r.Text = "unplanned", verb+": "+m.Err.Error()
		}
	case *actors.Refusal:
		r.What, r.Text = "unplanned", verb+": "+m.Err.Error()
	default:
		r.What, r.Text = "unplanned", verb+": no answer"
	}
	if !p.up() {
		return // it ends, and nothing is wanted of it
	}
	sim.record(r)
}

// byVerb does what an operator does who has the Manager.
func (p *process) byVerb(shard int, mode actors.Mode) any {
	verb := map[actors.Mode]func(context.Context, ...int) error{actors.Run: p.m.Unpause, actors.Pause: p.m.Pause, actors.Drain: p.m.Drain}[mode]
	if err := verb(p.sim.t.Context(), shard); err != nil {
		return &actors.Refusal{Err: err}
	}
	return &actors.PlanSet{}
}

// setMode changes one Want in the plan that stands.
func (p *process) setMode(key actors.Key, mode actors.Mode) (answer any) {
	return p.setPlan(func(plan actors.Plan) actors.SetPlan {
		want := plan.Wants[key]
		want.Mode, want.Code = mode, events.CloseNone
		return actors.SetPlan{Change: map[actors.Key]actors.Want{key: want}}
	})
}

// setPlan makes a change from the plan that stands, and sees that the same is refused once it has been made.
func (p *process) setPlan(made func(actors.Plan) actors.SetPlan) (answer any) {
	for range 3 {
		plan, ok := p.ask(actors.GetPlan{}).(*actors.Plan)
		if !ok {
			return nil
		}
		change := made(*plan)
		change.From = plan.Version
		answer = p.ask(change)
		var stale *actors.StalePlanError
		if refused, is := answer.(*actors.Refusal); is && errors.As(refused.Err, &stale) {
			continue
		}
		if _, set := answer.(*actors.PlanSet); set && p.sim.plan.Seed%2 == 0 {
			again := p.ask(change)
			if refused, is := again.(*actors.Refusal); again != nil && (!is || !errors.As(refused.Err, &stale)) {
				p.sim.record(Record{Witness: Operator, What: "stale", Process: p.number, Shard: -1, Text: fmt.Sprintf("%T", again)})
			}
		}
		return answer
	}
	return answer
}

// meddle does what an operator does for a while, and then has the shard run again.
func (sim *simulation) meddle(f Injection) {
	p := sim.current()
	if !p.up() {
		return
	}
	random := rand.New(rand.NewPCG(sim.plan.Seed^0x6f706572, uint64(f.At)))
	sim.work.Go(func() {
		switch f.Kind {
		case "stop", "pause", "drain":
			if f.N%5 == 0 {
				sim.operate(p, f.Shard, "crash")
			}
			sim.operate(p, f.Shard, f.Kind)
			if sim.wait(f, 2*f.For); f.Kind == "drain" && f.N%2 == 0 {
				sim.wait(f, 90*time.Second) // it may take a minute
			}
		case "rehearse": // until the shard is given up; then it is mended, and crashes once more
			for range 5 {
				sim.operate(p, f.Shard, "crash")
				sim.wait(f, 12*time.Second)
			}
			sim.operate(p, f.Shard, "start")
			sim.wait(f, 5*time.Second)
			sim.operate(p, f.Shard, "crash")
		case "fatal-shard":
			sim.wait(f, f.For/2)
		case "flap":
			for range 2 + f.N%6 {
				sim.operate(p, f.Shard, verbs[random.IntN(len(verbs))])
				sim.wait(f, time.Duration(random.Int64N(int64(2*time.Second)))/time.Duration(1+random.IntN(100)))
			}
		}
		back := "run"
		if f.Kind == "stop" || f.Kind == "fatal-shard" || f.N%2 == 0 {
			back = "start"
		}
		sim.operate(p, f.Shard, back)
		sim.record(Record{Witness: Fault, What: "end " + f.Kind, Shard: f.Shard})
	})
}

// wait returns after a time, or soon after all is healed: each fault at a time of its own, so that runs repeat.
func (sim *simulation) wait(f Injection, d time.Duration) {
	select {
	case <-time.After(d):
	case <-sim.cure:
		time.Sleep(1 + f.At%time.Millisecond)
	}
}

// statusEvery is how often the operator looks at Status.
const statusEvery = 5*time.Second + 7*time.Microsecond

// lookOn writes down what Status says, as far as it has changed, until the run is over.
func (sim *simulation) lookOn() {
	type look struct {
		process, shard int
		state          session.State
		mode           actors.Mode
		conn           int
	}
	last := make(map[int]look)
	for {
		select {
		case <-sim.over:
			sim.record(Record{Witness: Operator, What: "status over", Shard: -1})
			return
		case <-time.After(statusEvery):
		}
		sim.rest()
		p := sim.current()
		if !p.up() {
			continue
		}
		seen := make(map[int]look)
		for _, s := range p.m.Status().Shards {
			number := sim.plan.numberOf(s.Shard)
			seen[number] = look{p.number, number, s.State, s.Mode, sim.plan.linkOf(s.Key(), s.Conn)}
		}
		for _, number := range sim.plan.numbers() {
			now, listed := seen[number]
			if !listed {
				now = look{p.number, number, session.Idle, actors.Stop, 0} // no plan names it
			}
			if before, known := last[number]; before == now || !known && !listed {
				continue
			}
			last[number] = now
			sim.record(Record{Witness: Operator, What: "status", Process: p.number, Shard: number, Link: now.conn, Text: now.state.String() + " " + now.mode.String()})
		}
	}
}
