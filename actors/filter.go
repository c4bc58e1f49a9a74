package actors

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/internal/stack"
)

// filtered is the mailbox of our actors. It keeps messages from an actor that only the library may send it: whoever sends them as a message would
// have the actor believe that it starts or stops, or that another has ended. They are dropped and counted, and so is nil. late, if not nil, is given
// each message before the actor is, or nil, and reports whether the actor has ended: the library would drop the message.
func filtered(ignored *atomic.Int64, late func(message any) bool) actor.PropsOption {
	return actor.WithMailbox(func() actor.Mailbox {
		f := &filter{Mailbox: actor.Unbounded()(), ignored: ignored, late: late}
		f.run = f.survive
		return f
	})
}

// filter is a mailbox that leaves such messages out, and under which an actor survives runtime.Goexit. It stands before what handles
// messages, and before the dispatcher.
type filter struct {
	actor.Mailbox
	actor.MessageInvoker
	actor.Dispatcher
	ignored *atomic.Int64
	late    func(message any) bool
	handled any    // the message that is handled now
	handle  func() // the mailbox's, which has but one
	run     func() // survive, bound once
}

// RegisterHandlers implements actor.Mailbox.
func (f *filter) RegisterHandlers(invoker actor.MessageInvoker, dispatcher actor.Dispatcher) {
	f.MessageInvoker, f.Dispatcher = invoker, dispatcher
	f.Mailbox.RegisterHandlers(f, f)
}

// InvokeSystemMessage implements actor.MessageInvoker: it handles a message of the library's own.
func (f *filter) InvokeSystemMessage(message any) {
	f.handled = message
	f.MessageInvoker.InvokeSystemMessage(message)
	f.handled = nil
	if f.late != nil && f.late(nil) { // the actor has ended; if it has crashed before, nobody would have the mailbox go on
		f.PostSystemMessage(&actor.ResumeMailbox{})
	}
}

// InvokeUserMessage implements actor.MessageInvoker.
func (f *filter) InvokeUserMessage(message any) {
	inner := message
	if envelope, ok := message.(*actor.MessageEnvelope); ok {
		inner = envelope.Message
	}
	switch inner.(type) {
	case nil, actor.SystemMessage, *actor.Stopping, *actor.Stopped, *actor.Restarting, *actor.ReceiveTimeout:
		f.ignored.Add(1)
		return
	}
	if f.late != nil && f.late(message) {
		return
	}
	f.handled = message
	f.MessageInvoker.InvokeUserMessage(message)
	f.handled = nil
}

// Schedule implements actor.Dispatcher. The mailbox calls it once at a time.
func (f *filter) Schedule(handle func()) {
	f.handle = handle
	f.Dispatcher.Schedule(f.run)
}

// survive handles messages until there are none. After runtime.Goexit the mailbox would go on to believe that somebody handles them: nobody
// would any more, not even a stop. It is taken for a crash on the message that was handled, and whoever runs the actor is asked anew. A
// dispatcher that runs actors on a goroutine of its own still loses that one.
func (f *filter) survive() {
	stack.Reserve4K()
	returned := false
	defer func() {
		if !returned { // a panic does not come this far
			f.EscalateFailure(foreign.ErrGoexit, f.handled)
			f.Dispatcher.Schedule(f.run)
		}
	}()
	f.handle()
	returned = true
}
