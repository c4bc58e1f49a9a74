package actors

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// filtered is the mailbox of our actors. It keeps messages from an actor that only the library may send it: whoever sends them as a message would
// have the actor believe that it starts or stops, or that another has ended. They are dropped and counted, and so is nil. late, if not nil, is given
// each message before the actor is, or nil, and reports whether the actor has ended: the library would drop the message.
func filtered(ignored *atomic.Int64, late func(message any) bool) actor.PropsOption {
	return actor.WithMailbox(func() actor.Mailbox { return filter{actor.Unbounded()(), ignored, late} })
}

// filter is a mailbox that leaves such messages out.
type filter struct {
	actor.Mailbox
	ignored *atomic.Int64
	late    func(message any) bool
}

// RegisterHandlers implements actor.Mailbox.
func (f filter) RegisterHandlers(invoker actor.MessageInvoker, dispatcher actor.Dispatcher) {
	s := &sieve{MessageInvoker: invoker, filter: f}
	f.Mailbox.RegisterHandlers(s, &survivor{Dispatcher: dispatcher, sieve: s})
}

// sieve stands before what handles messages.
type sieve struct {
	actor.MessageInvoker
	filter
	handled any // the message that is handled now
}

// InvokeSystemMessage implements actor.MessageInvoker: it handles a message of the library's own.
func (s *sieve) InvokeSystemMessage(message any) {
	s.handled = message
	s.MessageInvoker.InvokeSystemMessage(message)
	s.handled = nil
	if s.late != nil && s.late(nil) { // the actor has ended; if it has crashed before, nobody would have the mailbox go on
		s.PostSystemMessage(&actor.ResumeMailbox{})
	}
}

// InvokeUserMessage implements actor.MessageInvoker.
func (s *sieve) InvokeUserMessage(message any) {
	inner := message
	if envelope, ok := message.(*actor.MessageEnvelope); ok {
		inner = envelope.Message
	}
	switch inner.(type) {
	case nil, actor.SystemMessage, *actor.Stopping, *actor.Stopped, *actor.Restarting, *actor.ReceiveTimeout:
		s.ignored.Add(1)
		return
	}
	if s.late != nil && s.late(message) {
		return
	}
	s.handled = message
	s.MessageInvoker.InvokeUserMessage(message)
	s.handled = nil
}
