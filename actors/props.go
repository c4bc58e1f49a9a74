package actors

import "github.com/asynkron/protoactor-go/actor"

// SupervisorProps are the props of a supervisor, for those who need no Fleet. A mistake in cfg
// makes the supervisor panic as it starts, and is what it answers if its parent resumes it; NewFleet returns it.
func SupervisorProps(cfg SupervisorConfig, opts ...actor.PropsOption) *actor.Props {
	fleet, err := NewFleet(cfg)
	if err != nil {
		return actor.PropsFromFunc(misconfigured{err}.Receive, opts...)
	}
	return fleet.Props(opts...)
}

// misconfigured stands for a supervisor that cannot be. It panics only where a strategy can end it: what panics as it stops is
// restarted, and stopped, for ever.
type misconfigured struct{ err error }

func (s misconfigured) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		panic(s.err)
	case StartShards, *StartShards:
		respond(ctx, ShardsStarted{Err: s.err})
	case SendEvent:
		respond(ctx, &SendFailed{ID: m.ID, Err: &SendError{m.Shard, m.Op, Refused, s.err}})
	case *SendEvent:
		respond(ctx, &SendFailed{ID: m.ID, Err: &SendError{m.Shard, m.Op, Refused, s.err}})
	}
}

// Props are the props of the fleet's supervisor. Spawn one.
func (f *Fleet) Props(opts ...actor.PropsOption) *actor.Props {
	return actor.PropsFromProducer(func() actor.Actor { return newSupervisor(f) }, opts...)
}
