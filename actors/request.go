package actors

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/events"
)

// request is a send event under way. It ends exactly once: by finish, or by cancel. Between
// them stands a claim: a shard claims the request right before the write, and a caller that
// gives up can tell from it whether the frame may still go out.
type request struct {
	SendEvent
	event   events.Request
	payload []byte
	asked   time.Time
	serial  uint64 // names the request among the replies, and orders the queue
	system  *actor.ActorSystem
	asker   *actor.PID  // an actor, or
	done    chan result // a Go caller
	parts   *parts      // where that caller wants the answer as it comes
	state   atomic.Int32
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

// cancel ends the request on behalf of its caller. It reports whether it was written, and
// whether this call ended it.
func (r *request) cancel() (written, won bool) {
	before := r.state.Swap(finished)
	return before == claimed, before != finished
}

// finish ends the request with its answer.
func (r *request) finish(answer events.Answer) {
	if r.state.Swap(finished) == finished {
		return
	}
	if r.done != nil {
		r.done <- result{answer: answer}
		return
	}
	if r.asker != nil {
		r.system.Root.Send(r.asker, &EventSent{
			ID: r.ID, Shard: answer.Shard, Queued: answer.Queued, RoundTrip: answer.RoundTrip, Answer: answer.Events,
		})
	}
}

// fail ends the request with an error; answer is what came before it.
func (r *request) fail(stage Stage, err error, answer events.Answer) {
	if r.state.Swap(finished) == finished {
		return
	}
	failure := &SendError{Shard: r.Shard, Op: r.Op, Stage: stage, Err: err}
	if r.done != nil {
		r.done <- result{answer: answer, err: failure}
		return
	}
	if r.asker != nil {
		r.system.Root.Send(r.asker, &SendFailed{ID: r.ID, Err: failure, Answer: answer.Events})
	}
}

// expired ends the request if its deadline has passed, and reports whether it has ended.
func (r *request) expired(now time.Time, stage Stage) bool {
	if !r.Deadline.IsZero() && !now.Before(r.Deadline) {
		r.fail(stage, context.DeadlineExceeded, events.Answer{})
		return true
	}
	return r.over()
}
