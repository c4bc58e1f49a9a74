package actors

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/internal/foreign"
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
	f.Mailbox.RegisterHandlers(sieve{invoker, f.ignored}, &reviving{Dispatcher: dispatcher})
}

// reviving goes on with a mailbox whose goroutine was ended by runtime.Goexit: nobody else would, since to its senders it
// still runs.
type reviving struct {
	actor.Dispatcher
	once sync.Once
	run  func()
}

// Schedule implements actor.Dispatcher. A mailbox has one function, and schedules it when it does not run.
func (r *reviving) Schedule(run func()) {
	r.once.Do(func() {
		r.run = func() {
			returned := false
			defer func() {
				if returned {
					return
				}
				if reason := recover(); reason != nil {
					panic(reason) // the mailbox's own: sieve keeps what actors panic with
				}
				r.Dispatcher.Schedule(r.run)
			}()
			run()
			returned = true
		}
	})
	r.Dispatcher.Schedule(r.run)
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
	returned := false
	defer func() {
		if reason := recover(); !returned {
			s.failed(reason, message)
		}
	}()
	s.MessageInvoker.InvokeUserMessage(message)
	returned = true
}

// InvokeSystemMessage implements actor.MessageInvoker.
func (s sieve) InvokeSystemMessage(message any) {
	returned := false
	defer func() {
		if reason := recover(); !returned {
			s.failed(reason, message)
		}
	}()
	s.MessageInvoker.InvokeSystemMessage(message)
	returned = true
}

// failed has the actor's strategy see to a message that was not handled to its end. To a strategy, a goroutine that was ended is
// a panic.
func (s sieve) failed(reason, message any) {
	if reason == nil {
		reason = foreign.ErrGoexit
	}
	s.EscalateFailure(reason, message)
}
