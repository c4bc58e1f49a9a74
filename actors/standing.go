package actors

import (
	"errors"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/session"
)

// standing is what of a shard's status changes with the plan, a move of its session or a heartbeat, and not with each event. See ShardStatus. There are
// many shards: what can be told of the rest of a record is not in it.
type standing struct {
	mode        Mode
	role        Role
	fence       uint64
	state       session.State
	since       time.Time
	away        time.Time
	conn        uint64
	session     uint64
	cause       error
	causeSince  time.Time
	retry       time.Time
	latency     time.Duration
	latencyAt   time.Time
	beat        time.Duration
	identifies  int32
	resumes     int32
	crashes     int32
	quarantined bool
	refused     bool // Backoff, because the day's budget of Identifies refuses to go on
}

// copyTo fills a status in, as far as it goes.
func (s *standing) copyTo(status *ShardStatus) {
	status.Mode, status.Role, status.Fence, status.State = s.mode, s.role, s.fence, s.state
	status.Since, status.Away, status.Conn, status.Session = s.since, s.away, s.conn, s.session
	status.Cause, status.CauseSince, status.Retry = s.cause, s.causeSince, s.retry
	status.Latency, status.LatencyAt, status.beat = s.latency, s.latencyAt, s.beat
	status.Identifies, status.Resumes, status.Crashes = int(s.identifies), int(s.resumes), int(s.crashes)
	status.Quarantined = s.quarantined
}

// ended is as ShardStatus.Ended.
func (s *standing) ended() bool { return s.state == session.Closed && isFatal(s.cause) }

const sound = time.Minute // Ready for so long, a session is not taken over any more; as in package session

// went takes a move.
func (s *standing) went(c session.Change) {
	switch {
	case c.To == session.Ready:
		s.away = time.Time{}
	case s.away.IsZero():
		s.away = c.At
	}
	s.because(c)
}

// begins has the shard begin again, if it is not in the midst of something: what comes is another time away, unless it had ended by itself.
func (s *standing) begins(now time.Time) {
	if s.state != session.Idle && s.state != session.Closed {
		return
	}
	if !s.ended() {
		s.away = now
	}
	s.state, s.cause, s.causeSince = session.Idle, nil, time.Time{} // the one before has closed
}

// because takes the cause of a move. One that goes on keeps its time, and one that is over leaves: to be Ready ends all but a session that
// is taken over, in which two processes are Ready by turns.
func (s *standing) because(c session.Change) {
	switch {
	case c.To == session.Ready && errors.Is(s.cause, session.ErrTakenOver):
	case c.To == session.Ready || c.To == session.Closed && c.Cause == nil:
		s.cause, s.causeSince = nil, time.Time{}
	case c.Cause == nil:
	case s.cause == nil || likeness(s.cause) != likeness(c.Cause):
		s.causeSince = c.At
		fallthrough
	default:
		s.cause = c.Cause
	}
}

// likeness is a cause's text without durations, times and other numbers, which differ from one time to the next.
func likeness(cause error) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, cause.Error())
}
