package session

import (
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// What a Send can end in, if not in an answer.
var (
	// ErrNoAnswer: the time was up. For Update Voice State this is how Discord says no.
	ErrNoAnswer = errors.New("session: the gateway did not answer in time")
	// ErrConnectionLost: the connection ended after the write and before the answer, and the
	// answer was not among what the gateway sent again. Whether the request was carried out is
	// not known.
	ErrConnectionLost = errors.New("session: the connection was lost before the answer; whether the request was carried out is not known")
	// ErrSessionLost: the session ended before the answer, which will not come any more.
	ErrSessionLost = errors.New("session: the session was lost before the answer")
	// ErrStopped: the machine was stopped before the answer. It stands where Stop had no Err.
	ErrStopped = errors.New("session: stopped before the answer")
	// ErrNotReady: the session was not Ready, or no longer on that connection. Nothing was written.
	ErrNotReady = errors.New("session: not ready, nothing was written")
)

// Outcome is how one Send ended. Events holds what came of the answer, even after an error.
type Outcome struct {
	ID        uint64
	Written   time.Time // zero: nothing was written, and nothing will be
	Events    []events.Raw
	Err       error         // nil: answered, or written if nothing answers it
	RoundTrip time.Duration // from the write to the end
}

// write carries out a Send.
func write(m *Machine, in Input) {
	if !m.Sendable(in.Conn) {
		refuse(m, in)
		return
	}
	op := in.Request.Op
	var err error
	if op == events.OpHeartbeat {
		err = m.writeHeartbeat()
	} else {
		err = m.host.Write(m.conn, op, in.Payload) //seam:send-written-once
		if m.last = ""; err == nil && op == events.OpPresenceUpdate {
			m.showed(string(in.Request.Data))
		}
	}
	switch {
	case err != nil:
		m.host.Ended(Outcome{ID: in.ID, Written: m.now, Err: fmt.Errorf("%w: %w", ErrConnectionLost, err)})
	case !answered(op):
		m.host.Ended(Outcome{ID: in.ID, Written: m.now})
	default:
		m.replies.Add(m.now, in.ID, in.Request, in.Deadline)
	}
}

// refuse ends a Send that cannot be written.
func refuse(m *Machine, in Input) {
	m.host.Ended(Outcome{ID: in.ID, Err: ErrNotReady})
}

// moved returns the Sends that a move of the machine ends, and prepares the others for what comes of it.
func (r *replies) moved(c Change) []Outcome {
	switch c.To {
	case Ready:
		if c.From == Resuming && !c.Lost {
			r.Resumed(c.At)
			return nil
		}
		return r.Reset(c.At, ErrSessionLost)
	case Closed:
		reason := c.Cause
		if reason == nil {
			reason = ErrStopped
		}
		return r.Reset(c.At, reason)
	case Backoff:
		var ended []Outcome
		var closed *CloseError
		if errors.As(c.Cause, &closed) && (closed.Code == events.CloseUnknownOpcode || closed.Code == events.CloseDecodeError) {
			ended = r.Rejected(c.At, closed)
		}
		r.Disconnected()
		if c.Lost {
			ended = append(ended, r.Reset(c.At, ErrSessionLost)...)
		}
		return ended
	default:
		return nil
	}
}
