package actors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/events"
)

// askTime is how long an Ask waits whose context has no deadline.
const askTime = time.Minute

// The supervisor ends the event by the same deadline: askWord is how much longer an Ask waits for its word of that, and askGrace how long the
// future does.
const (
	askWord  = 50 * time.Millisecond
	askGrace = time.Second
)

var errNoSupervisor = errors.New("actors: Ask has no supervisor: a Manager has one when it has started")

// Ask has a supervisor carry out a send event, and reads its answer: for Go code that has the supervisor's PID alone. An actor sends
// SendEvent itself. It ends by ctx's deadline, or in a minute if there is none. The error is a *SendError, or joins one with
// what could not be read of the answer; when ctx is cancelled the event may be written all the same, and the error says so.
func Ask[R any](ctx context.Context, system *actor.ActorSystem, supervisor *actor.PID, e events.Asking[R]) (read R, err error) {
	failed := func(stage Stage, err error) (R, error) {
		var r request
		_ = r.read(e) // what is wrong with it matters less
		return read, &SendError{Op: r.event.Op, Stage: stage, Err: err}
	}
	if ctx == nil {
		return failed(Refused, ErrNilContext)
	}
	if system == nil || supervisor == nil {
		return failed(Refused, errNoSupervisor)
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(askTime)
	}
	if ctx.Err() != nil {
		return failed(Refused, context.Cause(ctx))
	}
	future := system.Root.RequestFuture(supervisor, &SendEvent{Event: e, Deadline: deadline}, time.Until(deadline)+askGrace)
	answered := make(chan struct{})
	var answer any
	var broken error
	go func() { // it ends with the future
		defer close(answered)
		answer, broken = future.Result()
	}()
	select {
	case <-answered:
	case <-ctx.Done():
		word := time.Duration(0)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			word = askWord
		}
		select {
		case <-answered:
		case <-time.After(word):
			return failed(Written, context.Cause(ctx))
		}
	}
	switch m := answer.(type) {
	case *EventSent:
		return e.From(m.Answer)
	case *SendFailed:
		read, bad := e.From(m.Answer)
		return read, errors.Join(m.Err, bad)
	case *Refusal:
		return failed(Refused, m.Err)
	}
	switch {
	case errors.Is(broken, actor.ErrDeadLetter):
		return failed(Refused, closedBy(ErrSupervisorEnded))
	case broken != nil:
		return failed(Written, broken)
	}
	return failed(Written, fmt.Errorf("actors: a %T is no answer", answer))
}
