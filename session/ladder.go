package session

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// Causes of a reconnect that do not come from outside.
var (
	ErrZombie         = errors.New("session: zombied connection")
	ErrPhaseTimeout   = errors.New("session: the gateway took too long")
	ErrReconnect      = errors.New("session: the gateway asked to reconnect (op 7)")
	ErrInvalidSession = errors.New("session: the gateway declared the session invalid (op 9)")
	ErrBadFrame       = errors.New("session: unreadable frame")
	ErrTooLarge       = errors.New("session: message too large") // as Err of a Lost input: what was to be read exceeds a limit
)

// closeToResume is sent when a connection is given up and its session is not: any code but
// 1000 and 1001 keeps the session.
const closeToResume = events.CloseUnknownError //seam:close-keeps-session

const (
	dialGrace   = time.Second // for a dial that does not end by its time
	maxTooLarge = 2           // READYs in a row that are too large to be read, then the shard ends
	maxResumes  = 3           // failed in a row, then the session is given up
	maxURLDials = 2           // failed in a row to the resume URL, then the gateway's own URL is dialled
	healthy     = time.Minute
	backoffBase = 2 * time.Second
	backoffCap  = 30 * time.Second //seam:longest-pause

	maxRetryAfter = time.Hour // a longer wish of a server's is not believed
)

// ladder remembers what failed, to choose the next step down: the resume URL, then the
// gateway's own URL with the same session, then a new session.
type ladder struct {
	attempts int       // connections in a row without a healthy minute
	resumes  int       // failed Resumes of this session in a row
	dials    int       // connections to the resume URL in a row that came to no Hello
	tooLarge int       // READYs in a row that could not be read
	reached  int64     // the sequence when Resume was written, to see progress
	ready    time.Time // since when the session is Ready; zero: it is not
}

// url is where to dial: the resume URL only for a session that it belongs to, else empty.
func (m *Machine) url() events.Secret {
	if m.cursor.Resumable() && m.cursor.ResumeURL != "" && m.ladder.dials < maxURLDials {
		return m.cursor.ResumeURL
	}
	return ""
}

func (m *Machine) connect(cause error) {
	m.conn++
	m.peeker = events.Peeker{}
	m.open = true
	m.beat = heartbeat{}
	m.become(Connecting, m.now.Add(DialTimeout+dialGrace), Change{Cause: cause}) //seam:dial-deadline
	m.host.Connect(m.conn, m.url())
}

// drop ends the connection, and with it all that belongs to it.
func (m *Machine) drop(code events.CloseCode) {
	if !m.open {
		return
	}
	m.open = false
	if m.state == Queued {
		m.host.Dequeue(m.conn)
	}
	m.host.Close(m.conn, code)
}

// reconnect gives up the connection, chooses the next step of the ladder and waits.
func (m *Machine) reconnect(cause error, code events.CloseCode) { m.retreat(cause, code, 0) }

// retreat is reconnect with a least time to wait.
func (m *Machine) retreat(cause error, code events.CloseCode, least time.Duration) {
	m.drop(code)
	lost := m.judge(cause)
	at := m.now.Add(max(least, m.backoff()))
	m.become(Backoff, at, Change{Cause: cause, Lost: lost, Retry: at}) //seam:lost-session-told
}

// judge decides whether the session outlives the cause, and counts what failed. It reports
// whether a session was given up.
func (m *Machine) judge(cause error) bool {
	had := m.hasSession()
	l := &m.ladder
	if !l.ready.IsZero() && m.now.Sub(l.ready) >= healthy {
		*l = ladder{}
	}
	l.ready = time.Time{}
	switch m.state {
	case Connecting, AwaitingHello:
		if m.cursor.Resumable() && m.cursor.ResumeURL != "" {
			l.dials++
		}
	case Resuming:
		if l.resumes++; m.cursor.Seq > l.reached {
			l.resumes = 1 // events came again: the next attempt starts from further on
		}
	}
	var closed *CloseError
	gone := !m.cursor.Resumable() || errors.Is(cause, errSessionGone) || l.resumes >= maxResumes  //seam:session-resumed-first
	gone = gone || errors.As(cause, &closed) && closed.Code.Verdict() == events.VerdictNewSession //seam:close-code-ends-session
	if gone {
		m.cursor.clear()
		l.resumes, l.dials = 0, 0
	}
	return had && gone
}

// hasSession reports whether there is a session to lose: one that is live may lack what it
// takes to resume it.
func (m *Machine) hasSession() bool { return m.cursor.Resumable() || m.state == Ready }

// errSessionGone marks a cause after which the session cannot be resumed.
var errSessionGone = errors.New("the session is gone")

// backoff is full jitter below a bound that doubles: it spreads a fleet that lost its
// connections at one instant. The bound falls back only after a healthy minute. That Identifies
// which keep failing do not use up the day's budget is the identify queue's concern.
func (m *Machine) backoff() time.Duration {
	bound := min(backoffBase<<min(m.ladder.attempts, 20), backoffCap) //seam:pause-between-attempts
	m.ladder.attempts++
	return jitter(m.cfg.Rand, bound)
}

func jitter(random *rand.Rand, bound time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(bound)))
}

// lost takes the end of a dial or of a connection that the other side brought about.
func (m *Machine) lost(in Input) {
	if !m.open {
		return
	}
	var closed *CloseError
	if errors.As(in.Err, &closed) && closed.Fatal() { //seam:fatal-code-ends-shard
		m.fail(in.Err)
		return
	}
	if m.state == Identifying && errors.Is(in.Err, ErrTooLarge) {
		if m.ladder.tooLarge++; m.ladder.tooLarge >= maxTooLarge { // each has cost an Identify, and the next would as well
			m.fail(fmt.Errorf("session: READY cannot be read, of %d Identifies: use more shards: %w", m.ladder.tooLarge, in.Err))
			return
		}
	}
	least := time.Duration(0)
	if in.At.After(m.now) {
		least = min(in.At.Sub(m.now), maxRetryAfter) + jitter(m.cfg.Rand, backoffBase)
	}
	m.retreat(in.Err, events.CloseNone, least)
}

// expire takes the end of a phase that had a deadline.
func (m *Machine) expire(phase string) {
	if m.deadline.IsZero() || m.now.Before(m.deadline) {
		return
	}
	m.reconnect(fmt.Errorf("%w: %s", ErrPhaseTimeout, phase), events.CloseNone)
}

// fail ends the machine because connecting again would end the same way.
func (m *Machine) fail(cause error) {
	m.drop(events.CloseNone)
	m.err = cause
	had := m.hasSession()
	m.cursor.clear()
	m.become(Closed, time.Time{}, Change{Cause: cause, Lost: had})
}

// stop ends the machine because somebody wants it to.
func (m *Machine) stop(in Input) {
	if m.state == Closed { //seam:stop-in-any-state
		return
	}
	m.drop(in.Code)
	if in.Code.EndsSession() {
		m.cursor.clear()
	}
	m.become(Closed, time.Time{}, Change{Cause: in.Err})
}
