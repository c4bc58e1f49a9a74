package actors

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/events"
)

// request is a send event under way. It ends exactly once: by finish, fail or cancel. Between
// them stands a claim: a shard claims the request right before the write, and a caller that
// gives up can tell from it whether the frame may still go out.
type request struct {
	id       uint64 // the asker's
	key      Key
	event    events.Request
	payload  []byte
	deadline time.Time // zero: none
	priority Priority
	asked    time.Time
	serial   uint64 // names the request to the session, and orders the queue
	child    *child // that it was forwarded to
	conn     uint64 // whose permits it has; written by the supervisor before it forwards the request
	again    bool   // a presence that is sent again, for as long as no other was sent
	state    atomic.Int32

	// Who is told how it ends: one of these.
	done  chan result // a Go caller
	asker *actor.PID  // an actor
	join  *join       // those who share it, by way of the supervisor

	system *actor.ActorSystem // of asker, or of supervisor
	owner  *actor.PID         // of join: the supervisor
	parts  *parts             // where a Go caller wants the answer as it comes

	observers []told[ObserverSend]
}

const (
	waiting int32 = iota
	claimed
	finished
)

// result is what a Go caller waits for.
type result struct {
	answer events.Answer
	err    error
}

// before reports whether the request goes before another that waits: by priority, then by who asked first.
func (r *request) before(other *request) bool {
	if r.priority != other.priority {
		return r.priority > other.priority
	}
	return r.serial < other.serial //seam:sends-in-order
}

// claim reports whether the request may be written: nobody has ended it.
func (r *request) claim() bool { return r.state.CompareAndSwap(waiting, claimed) } //seam:withdrawn-send-not-claimed

// stage is how far a request has come that waits for an answer which it shares.
func (r *request) stage() Stage {
	if r.state.Load() == claimed {
		return Written
	}
	return Queued
}

// over reports whether the request has ended.
func (r *request) over() bool { return r.state.Load() == finished } //seam:withdrawn-send-over

// cancel ends the request on behalf of its caller, who gives up. It returns what it ends in, and whether this call
// ended it.
func (r *request) cancel(why error) (failure *SendError, won bool) {
	before := r.state.Swap(finished)
	if before == finished {
		return nil, false
	}
	failure = &SendError{Shard: r.key.Shard, Op: r.event.Op, Stage: Queued, Err: why}
	if before == claimed {
		failure.Stage = Written
	}
	r.tell(r.observers, SendMoved{Stage: SendEnded, Err: failure, Sent: failure.Sent(), GivenUp: true})
	return failure, true
}

// finish ends the request with its answer.
func (r *request) finish(answer events.Answer) { r.end(answer, nil) }

// fail ends the request with an error; answer is what came before it.
func (r *request) fail(stage Stage, err error, answer events.Answer) {
	r.end(answer, &SendError{Shard: r.key.Shard, Op: r.event.Op, Stage: stage, Err: err})
}

func (r *request) end(answer events.Answer, failure *SendError) {
	if r.state.Swap(finished) == finished {
		return
	}
	var err error
	if failure != nil {
		err = failure
	}
	r.tell(r.observers, SendMoved{Stage: SendEnded, RoundTrip: answer.RoundTrip, Err: err, Sent: failure == nil || failure.Sent()})
	switch {
	case r.join != nil:
		r.system.Root.Send(r.owner, joined{r.join, answer, failure})
	case r.done != nil:
		r.done <- result{answer, err}
	case r.asker == nil: // nobody is to be told
	case failure != nil:
		r.system.Root.Send(r.asker, &SendFailed{ID: r.id, Err: failure, Answer: answer})
	default:
		r.system.Root.Send(r.asker, &EventSent{r.id, answer.Shard, answer.Queued, answer.RoundTrip, answer})
	}
}

// tell tells how the request comes along.
func (r *request) tell(to []told[ObserverSend], moved SendMoved) {
	moved.Key, moved.Op, moved.Serial = r.key, r.event.Op, r.serial
	tell(to, ObserverSend.OnSend, moved)
}

// expired ends the request if its deadline has passed, and reports whether it has ended.
func (r *request) expired(now time.Time, stage Stage) bool {
	if !r.deadline.IsZero() && !now.Before(r.deadline) {
		r.fail(stage, context.DeadlineExceeded, events.Answer{})
		return true
	}
	return r.over()
}
