package shardmanager

import (
	"errors"
	"fmt"
	"strings"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
	"github.com/signalbox-go/signalbox/session"
)

// Errors of a Manager as a whole. They are found by errors.Is, also in an actors.SendError.
var (
	ErrNotStarted = errors.New("shardmanager: not started: call Start first")
	ErrStarted    = errors.New("shardmanager: started before: a Manager starts once")
	// ErrClosed: the Manager was closed, or cannot go on. In the second case the error has the cause as well, which Manager.Err tells.
	ErrClosed = errors.New("shardmanager: closed")

	errNilContext = actors.ErrNilContext
)

// PanicError says that code of the user's, such as a session store or a NetDial, has panicked or has called runtime.Goexit, and
// that it cost that call. It is an [actors.PanicError].
//
//	type PanicError struct {
//		What   string // was called, such as "the session store's Save"
//		Reason string // the text of a runtime error; of anything else the type, because a text may quote a secret
//	}
type PanicError = actors.PanicError

// closedError is what comes of whatever is asked of a Manager that has ended, or is about to.
type closedError struct{ cause error } // nil: it was asked to

func (e *closedError) Error() string {
	if e.cause == nil {
		return ErrClosed.Error()
	}
	return ErrClosed.Error() + ": " + strings.TrimPrefix(e.cause.Error(), "shardmanager: ")
}

// Is knows it by the names of both packages.
func (e *closedError) Is(target error) bool { return target == ErrClosed || target == actors.ErrClosed }

// Unwrap is the cause.
func (e *closedError) Unwrap() error { return e.cause }

// whyEnded is what has ended a shard for good, by the name that it has elsewhere.
func whyEnded(key actors.Key, cause error) error {
	var closed *session.CloseError
	if errors.As(cause, &closed) && closed.Code == events.CloseAuthenticationFailed {
		return fmt.Errorf("%w (shard %v: %w)", ErrAuthentication, key, cause)
	}
	return fmt.Errorf("shardmanager: shard %v: %w", key, cause)
}

// CutOff is what one handler had not done when Close waited for it no longer:
//
//	type CutOff struct {
//		Handler string // its WithName, or its event and function, such as "MESSAGE_CREATE (main.onMessage)"; of an actor that subscribed, its id
//		Running int    // events that it had in hand: its calls had not returned, and go on
//		Waiting int    // events that waited for it, and are not handled any more
//	}
//
// Where there is a session store, these events come again, to the process that resumes the sessions.
type CutOff = bus.CutOff

// CutOffError is what Close and Logout return when something had not ended in order by the time that there was for it.
type CutOffError struct {
	Handlers []CutOff      // by name; nil: all events were handled
	Unsaved  *UnsavedError // nil: the session store has what it should have
	Err      error         // why Close did not wait for the end: the cause of its context's. nil: the Manager has ended
}

// maxNamed is how many handlers an error's text names.
const maxNamed = 5

// Error names and counts what was cut off, and says what to do.
func (e *CutOffError) Error() string {
	text, events := "shardmanager: closed", 0
	var named []string
	for i, of := range e.Handlers {
		events += of.Running + of.Waiting
		if i < maxNamed {
			named = append(named, fmt.Sprintf("%s (%d in hand, %d waited)", of.Handler, of.Running, of.Waiting))
		}
	}
	if more := len(e.Handlers) - maxNamed; more > 0 {
		named = append(named, fmt.Sprintf("%d others", more))
	}
	if named != nil {
		what := fmt.Sprintf("%d events were", events)
		if events == 1 {
			what = "1 event was"
		}
		text += fmt.Sprintf("; %s not handled, of %s: let handlers return when their context ends, or give them more time (WithDrain)", what, strings.Join(named, ", "))
	}
	if e.Unsaved != nil {
		text += "; " + e.Unsaved.Error()
	}
	if e.Err != nil {
		text += "; the rest goes on in the background, since the context of Close has ended (give it one of its own): " + e.Err.Error()
	}
	return text
}

// Unwrap are the causes.
func (e *CutOffError) Unwrap() (causes []error) {
	if e.Unsaved != nil {
		causes = append(causes, e.Unsaved)
	}
	if e.Err != nil {
		causes = append(causes, e.Err)
	}
	return causes
}

// RollingError says where a RollingRestart has stopped.
type RollingError struct {
	Shard int // that did not come back; or, when ctx has ended, one that was not done
	Done  int // shards that are back
	Of    int
	Err   error // what its state says, or the cause of ctx's end
}

// Error names the shard, counts, and says why.
func (e *RollingError) Error() string {
	return fmt.Sprintf("shardmanager: rolling restart stopped at shard %d, with %d of %d done: %v", e.Shard, e.Done, e.Of, e.Err)
}

// Unwrap is the cause.
func (e *RollingError) Unwrap() error { return e.Err }
