package actors

import "github.com/asynkron/protoactor-go/actor"

// SupervisorProps are the props of a supervisor, for those who need no Supervisor. A mistake in cfg
// makes its actor panic as it starts, and is what it answers if its parent resumes it; NewSupervisor returns it.
func SupervisorProps(cfg SupervisorConfig, opts ...actor.PropsOption) *actor.Props {
	s, err := NewSupervisor(cfg)
	if err != nil {
		return actor.PropsFromFunc(misconfigured{err}.Receive, opts...)
	}
	return s.Props(opts...)
}

// misconfigured stands for a supervisor that cannot be. It panics only where a strategy can end it: what panics as it stops is
// restarted, and stopped, for ever.
type misconfigured struct{ err error }

// Receive answers whoever asks with what is wrong.
func (s misconfigured) Receive(ctx actor.Context) {
	if _, started := ctx.Message().(*actor.Started); started {
		panic(s.err)
	}
	if ctx.Sender() == nil {
		return
	}
	switch m := byValue(ctx.Message()).(type) {
	case StartShards:
		ctx.Respond(&ShardsStarted{Err: s.err})
	case SendEvent:
		ctx.Respond(&SendFailed{ID: m.ID, Err: &SendError{Op: m.Op, Stage: Refused, Err: s.err}})
	case SetPlan, GetPlan, StopShards, RestartShard, GetStatus, Subscribe:
		ctx.Respond(&Refusal{s.err})
	}
}
