package actors

import (
	"context"
	"errors"
	"fmt"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/session"
)

// What a send event can end in without an answer. They are found in a SendError by errors.Is.
var (
	ErrQueueFull       = errors.New("actors: too many send events wait for this shard: send fewer, or raise the queue's size")
	ErrNotReady        = errors.New("actors: the shard is not ready")
	ErrClosed          = errors.New("actors: the shard is closed")
	ErrSuperseded      = errors.New("actors: a newer presence was asked for before this one was sent")
	ErrUnknownShard    = errors.New("actors: no such shard runs here")
	ErrWrongShard      = errors.New("actors: the guild belongs to another shard: see events.ShardFor")
	ErrMissingIntent   = errors.New("actors: an intent is missing without which the gateway would not answer")
	ErrCrashed         = errors.New("actors: the shard's actor crashed while it had this event in hand")
	ErrPaused          = errors.New("actors: the shard is paused: have it run again, by a plan")
	ErrDraining        = errors.New("actors: the shard takes no more send events: it is about to stop")
	ErrMoving          = errors.New("actors: the shard is handed over, and this one takes no more send events: send it where the shard runs next, or here when it was adopted")
	ErrStoppedByOthers = errors.New("actors: somebody else has stopped the shard's actor")
	ErrSupervisorEnded = errors.New("actors: the supervisor's actor has ended")
	ErrQuarantined     = errors.New("actors: the shard's actor kept crashing and was stopped")

	// Why a shard is not adopted, or not released: in an AdoptError, or a Refusal.
	ErrRunsHere    = errors.New("actors: the shard runs here, with a session of its own: release or stop it first")
	ErrOtherTotal  = errors.New("actors: the session is of another number of shards than those here")
	ErrOtherBot    = errors.New("actors: the session is another bot's")
	ErrNotReleased = errors.New("actors: the shard was not released")

	// ErrRestart is the cause of a move that a restart or a new session has made which was asked for: Change.Cause, and ShardStatus.Cause until the shard is Ready again.
	ErrRestart = errors.New("actors: restart asked for")

	// ErrOpaqueLimiter: the limiter tells nothing of its identify queue, so there is no forecast.
	ErrOpaqueLimiter = errors.New("actors: the limiter tells nothing of its identify queue: have that implement ratelimit.Cloner")

	// ErrNilContext: a context is nil, and nothing was done.
	ErrNilContext = errors.New("actors: the context is nil: pass context.Background() if there is none")

	ErrTooLarge      = events.ErrTooLarge
	ErrReservedEvent = events.ErrReservedEvent
)

// Stage is how far a send event came before it failed.
type Stage int

// The stages. Up to Admitted the gateway has seen nothing and never will.
const (
	Refused  Stage = iota // not accepted: no permit was spent
	Queued                // waited for a permit
	Admitted              // had a permit, was not written
	Written               // written; the answer did not come, so whether it was carried out is not known
	Denied                // written; the gateway said no
	Lost                  // written; the session ended before the answer
)

// String is the stage in a word.
func (s Stage) String() string {
	return [...]string{"refused", "queued", "admitted", "written", "denied", "lost"}[s]
}

// SendError is how a send event failed.
type SendError struct {
	Shard events.ShardID // the zero value: none could be chosen
	Op    events.Opcode  // 0: there was no event
	Stage Stage
	Err   error
}

// Error names the event, the shard and the stage, and then the cause.
func (e *SendError) Error() string {
	what := e.Op.String()
	if e.Op == 0 { // there was no event to tell it from
		what = "a send event"
	}
	if e.Shard != (events.ShardID{}) {
		what += fmt.Sprintf(" on shard %v", e.Shard)
	}
	return fmt.Sprintf("actors: %s, %v: %v", what, e.Stage, e.Err)
}

// Unwrap is the cause.
func (e *SendError) Unwrap() error { return e.Err }

// Sent reports whether the event was written to the gateway.
func (e *SendError) Sent() bool { return e.Stage >= Written }

// Retryable reports whether the same event may be sent again as it is: it was not carried out,
// and what stood in its way passes.
func (e *SendError) Retryable() bool {
	var limited *events.RateLimitedError
	switch {
	case errors.As(e.Err, &limited):
		return true
	case e.Sent(), errors.Is(e.Err, ErrClosed), errors.Is(e.Err, ErrSuperseded), errors.Is(e.Err, context.Canceled):
		return false
	}
	return e.Stage != Refused || errors.Is(e.Err, ErrQueueFull) || errors.Is(e.Err, ErrNotReady) || errors.Is(e.Err, ErrPaused) || errors.Is(e.Err, ErrMoving)
}

// AdoptError says why a shard was not adopted: nothing has changed. Err is ErrRunsHere, ErrOtherTotal, ErrOtherBot, ErrUnknownShard,
// session.ErrFenced, or what is wrong with the snapshot.
type AdoptError struct {
	Shard events.ShardID
	Err   error
}

// Error names the shard and the reason.
func (e *AdoptError) Error() string {
	return fmt.Sprintf("actors: shard %v not adopted: %v", e.Shard, e.Err)
}

// Unwrap is the reason.
func (e *AdoptError) Unwrap() error { return e.Err }

// stageOf is the stage that the outcome of a written request amounts to.
func stageOf(err error) Stage {
	var limited *events.RateLimitedError
	var closed *session.CloseError
	switch {
	case errors.As(err, &limited), errors.As(err, &closed) && !closed.Fatal():
		return Denied
	case errors.Is(err, session.ErrSessionLost):
		return Lost
	}
	return Written
}

// PanicError says that code of the user's, such as a NetDial, has panicked or has called runtime.Goexit, and that it cost that call:
//
//	type PanicError struct {
//		What   string // was called, such as "the session store's Save"
//		Reason string // the text of a runtime error; of anything else the type, because a text may quote a secret
//	}
//
//	func (e *PanicError) Error() string // is both
type PanicError = foreign.PanicError
