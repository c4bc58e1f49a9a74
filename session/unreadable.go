package session

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

const (
	maxUnreadable = 2 // new connections because of what cannot be read at one place of a session; then it is skipped
	maxSkipped    = 8 // frames at one place; then the session is given up

	usualInterval = 41250 * time.Millisecond // what Discord says in Hello, if a Hello cannot be read again and again
)

// unreadable counts what cannot be read.
type unreadable struct {
	session uint64 // the place:
	seq     int64  // behind this event
	count   int32  // frames there
	hellos  int32  // Hellos in a row
	readys  int32  // frames in a row in the place of READY
}

// unreadable takes a frame that cannot be read. On a new connection it may be whole, so that is tried first; but what
// cannot be read at the same place again and again would hold up the session for ever.
func (m *Machine) unreadable(err error) {
	err = fmt.Errorf("%w: %w", ErrBadFrame, err)
	b := &m.ladder.bad
	if b.session != m.cursor.Session || b.seq != m.cursor.Seq {
		b.session, b.seq, b.count = m.cursor.Session, m.cursor.Seq, 0
	}
	b.count++
	switch {
	case m.state == Identifying:
		// Each new connection costs an Identify. The second such frame stands for a READY that names no session; if it was
		// another one, READY comes yet, and begins its session.
		if b.readys++; b.readys < maxUnreadable {
			m.reconnect(err, closeToResume)
			return
		}
		m.host.Odd(err)
		m.newSession(events.Part{}, nil)
	case b.count <= maxUnreadable:
		m.reconnect(err, closeToResume) //seam:unreadable-frame-keeps-session
	case b.count <= maxUnreadable+maxSkipped:
		m.replies.voice = voices{missed: true} // it may have told where the bot is
		m.host.Odd(fmt.Errorf("skipped, after %d new connections: %w", maxUnreadable, err))
	case m.state == Resuming || m.state == Ready:
		m.reconnect(fmt.Errorf("%w: %w", err, errSessionGone), closeToResume)
	default:
		m.reconnect(err, closeToResume)
	}
}

// intervalOf reads Hello.
//
// Source: events/gateway#hello-event
func intervalOf(raw events.Raw) (time.Duration, error) {
	var hello struct {
		Interval float64 `json:"heartbeat_interval"` // in milliseconds, in any notation of a number
	}
	if err := json.Unmarshal(raw.Data, &hello); err != nil {
		return 0, err
	}
	if ms := hello.Interval; ms < float64(minInterval.Milliseconds()) || ms > float64(maxInterval.Milliseconds()) {
		return 0, fmt.Errorf("heartbeat interval of %g ms", ms)
	}
	return time.Duration(hello.Interval * float64(time.Millisecond)), nil
}

// interval is what Hello says; false: it cannot be read, and the connection is given up.
func (m *Machine) interval(raw events.Raw) (time.Duration, bool) {
	interval, err := intervalOf(raw)
	b := &m.ladder.bad
	if err == nil {
		b.hellos = 0
		return interval, true
	}
	err = fmt.Errorf("%w: Hello: %w", ErrBadFrame, err)
	if b.hellos++; b.hellos <= maxUnreadable {
		m.reconnect(err, closeToResume) //seam:unreadable-hello-keeps-session
		return 0, false
	}
	m.host.Odd(fmt.Errorf("heartbeats every %v, after %d new connections: %w", usualInterval, maxUnreadable, err))
	return usualInterval, true
}
