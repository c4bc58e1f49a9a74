package sim

import (
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// subscriber is an actor that subscribes to messages, and is told of changes of state.
type subscriber struct{ p *process }

// subscriberCredit is how many events of one shard it may be sent that it has not answered.
const subscriberCredit = 16

// subscribe has an actor subscribe. No shard has got through yet.
func (p *process) subscribe() {
	if !p.up() {
		return
	}
	pid := p.m.System().Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return subscriber{p} },
		actor.WithDispatcher(p.dispatch.of(-2)), actor.WithReceiverMiddleware(p.inTurn)))
	p.ask(actors.Subscribe{PID: pid, Types: []events.Type{events.TypeMessageCreate}, Credit: subscriberCredit})
}

// Receive implements actor.Actor.
func (s subscriber) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actors.Dispatch:
		if id := field(m.Raw.Data, "id"); factOf(m.Raw.Type, m.Raw.Data) != "" {
			s.p.saw("subscriber", m.Raw.Type, id, m.Meta)
		}
		ctx.Respond(m.Done())
	case *actors.StateChanged:
		s.p.moved("told", "subscriber", m.Key, m.Change)
	}
}

// moved writes down that somebody was told of a move of a shard's session.
func (p *process) moved(what, who string, of actors.Key, c session.Change) {
	if p.dead.Load() {
		return
	}
	r := Record{Witness: Process, What: what, Who: who, Process: p.number, Shard: p.sim.plan.numberOf(of.Shard), Link: p.sim.plan.linkOf(of, c.Conn), Text: c.From.String() + " " + c.To.String()}
	if c.Lost {
		r.Text += " lost"
	}
	if c.Cause != nil {
		r.Text += ": " + c.Cause.Error()
	}
	p.sim.record(r)
}

// move is what a record says of a shard that went from one state to another: what moved has written. It is the zero value for other records.
func (r Record) move() (m move) {
	if r.Witness != Process || r.What != "state" && r.What != "told" {
		return move{}
	}
	states, cause, _ := strings.Cut(r.Text, ": ")
	m.cause = cause
	states, m.lost = strings.CutSuffix(states, " lost")
	m.from, m.to, _ = strings.Cut(states, " ")
	return m
}

type move struct {
	from, to, cause string
	lost            bool // the session
}

// became reports whether a shard came to be in a state.
func (r Record) became(to session.State) bool { return r.What == "state" && r.move().to == to.String() }
