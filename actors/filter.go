package actors

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// filtered keeps messages from an actor that only the library may send it: whoever sends them as a message would have the actor
// believe that it starts or stops, or that another has ended. They are dropped and counted, and so is nil.
func filtered(ignored *atomic.Int64) actor.PropsOption {
	return actor.WithMailbox(func() actor.Mailbox { return filter{actor.Unbounded()(), ignored} })
}

// filter is a mailbox that leaves such messages out.
type filter struct {
	actor.Mailbox
	ignored *atomic.Int64
}

// RegisterHandlers implements actor.Mailbox.
func (f filter) RegisterHandlers(invoker actor.MessageInvoker, dispatcher actor.Dispatcher) {
	f.Mailbox.RegisterHandlers(sieve{invoker, f.ignored}, dispatcher)
}

// sieve stands before what handles messages. The library's own do not come this way.
type sieve struct {
	actor.MessageInvoker
	ignored *atomic.Int64
}

// InvokeUserMessage implements actor.MessageInvoker.
func (s sieve) InvokeUserMessage(message any) {
	inner := message
	if envelope, ok := message.(*actor.MessageEnvelope); ok {
		inner = envelope.Message
	}
	switch inner.(type) {
	case nil, actor.SystemMessage, *actor.Stopping, *actor.Stopped, *actor.Restarting, *actor.ReceiveTimeout:
		s.ignored.Add(1)
		return
	}
	s.MessageInvoker.InvokeUserMessage(message)
}
