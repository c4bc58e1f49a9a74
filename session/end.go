package session

import (
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// lost takes the end of a dial or of a connection that the other side brought about.
func lost(m *Machine, in Input) {
	var closed *CloseError
	if errors.As(in.Err, &closed) && closed.Fatal() { //seam:fatal-code-ends-shard
		if optional := m.optional; closed.Code == events.CloseDisallowedIntents && m.intents&optional != 0 {
			m.retreat(fmt.Errorf("%w: %w", in.Err, errSessionGone), events.CloseNone, 0)
			m.SetIntents(m.intents &^ optional)
			return
		}
		m.fail(in.Err)
		return
	}
	m.refusedPresence(in.Err)
	l := &m.ladder
	if errors.Is(in.Err, ErrTooLarge) && m.lastTry() {
		if l.tooLarge++; l.tooLarge >= maxTooLarge { // each has cost an Identify, and the next would as well
			what := "READY"
			if m.state != Identifying {
				what = "an event soon after READY"
			}
			m.fail(fmt.Errorf("session: %s cannot be read, of %d Identifies: use more shards: %w", what, l.tooLarge, in.Err))
			return
		}
	}
	wish := time.Duration(0)
	if in.At.After(m.now) {
		wish = min(in.At.Sub(m.now), maxRetryAfter) + jitter(m.random, 2*backoffBase)
	}
	m.retreat(m.takenOver(in.Err), events.CloseNone, wish)
}

// lastTry reports whether an Identify follows if the connection ends here.
func (m *Machine) lastTry() bool {
	switch m.state {
	case Identifying:
		return true
	case Resuming:
		return m.ladder.resumes+1 >= maxResumes && m.cursor.Seq <= m.ladder.reached
	default:
		return m.state == Ready && !m.cursor.Resumable()
	}
}

// takenOver gives the cause a name when it looks like a session that two processes resume in turn: it ends soon after
// Ready, without a reason, again and again. One that ends while it resumes, since the other was faster, keeps the name.
func (m *Machine) takenOver(cause error) error {
	l := &m.ladder
	silent := unexplained(cause) && !errors.Is(cause, ErrTooLarge)
	switch {
	case m.state == Resuming && silent:
	case m.state != Ready:
		return cause
	case m.now.Sub(l.ready) < healthy && silent:
		l.takeover++
	default:
		l.takeover = 0
	}
	if l.takeover < maxTakeovers {
		return cause
	}
	return fmt.Errorf("%w: %w", ErrTakenOver, cause)
}

// unexplained reports whether an end says nothing of its reason: no close frame, or one that stands for any.
func unexplained(cause error) bool {
	var closed *CloseError
	if !errors.As(cause, &closed) {
		return true
	}
	return closed.Code == events.CloseUnknownError || closed.Code < events.CloseUnknownError && closed.Resumable()
}

// restart gives up the connection because somebody wants it to: a Resume that is under way has not failed by that.
func restart(m *Machine, in Input) {
	if m.state == Resuming {
		m.ladder.resumes--
	}
	m.reconnect(in.Err, closeToResume)
}

// reidentify gives up the session because somebody wants it to, and with it the connection.
func reidentify(m *Machine, in Input) {
	if !m.hasSession() {
		return // it is on its way to a new one
	}
	if m.state != Backoff {
		m.reconnect(fmt.Errorf("%w: %w", in.Err, errSessionGone), closeToResume)
		return
	}
	m.cursor.clear()
	m.become(Backoff, m.deadline, Change{Cause: in.Err, Lost: true, Retry: m.deadline})
}

// stop ends the machine because somebody wants it to.
func stop(m *Machine, in Input) {
	m.drop(in.Code)
	if in.Code.EndsSession() {
		m.cursor.clear()
	}
	m.become(Closed, time.Time{}, Change{Cause: in.Err}) //seam:stop-in-any-state
}
