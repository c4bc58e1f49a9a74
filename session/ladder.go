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
	ErrNewSession     = errors.New("session: the gateway began another session by itself")
	ErrBadFrame       = errors.New("session: unreadable frame")
	ErrTooLarge       = errors.New("session: message too large") // as Err of a Lost input: what was to be read exceeds a limit
	// ErrTakenOver joins the cause from the third time in a row on that a connection ends without a reason within a
	// minute of Ready, or, after that, while it resumes. Reconnecting goes on as ever.
	ErrTakenOver = errors.New("session: lost again and again right after Ready, and no reason given: " +
		"if another process runs this shard with this token, stop one of the two; if none does, look at the network")
)

// identifyRefused is the ErrInvalidSession that answers an Identify.
type identifyRefused struct{}

func (identifyRefused) Error() string {
	return "session: the gateway refused the Identify (op 9): it came too soon, or another process identifies with this token at the same time"
}

func (identifyRefused) Unwrap() error { return ErrInvalidSession }

// closeToResume is sent when a connection is given up and its session is not: any code but
// 1000 and 1001 keeps the session.
const closeToResume = events.CloseUnknownError //seam:close-keeps-session

const (
	dialGrace    = time.Second // for a dial that does not end by its time
	maxTooLarge  = 2           // Identifies in a row that came to what is too large to be read, then the shard ends
	maxResumes   = 3           // failed in a row, then the session is given up
	maxReplays   = 3           // Resumes in a row that came to no RESUMED in their time, whatever else they brought
	maxURLDials  = 2           // failed in a row to the resume URL, then the gateway's own URL is dialled
	maxTakeovers = 3           // in a row, then they have a name
	maxRefusals  = 3           // op 9 in a row, then the waits grow
	healthy      = time.Minute

	dialDistance = 1100 * time.Millisecond // between two dials of a shard, whatever they gain: at most 28 in 30 s
	closePause   = 25 * time.Millisecond   // for our close frame to be read before what follows on another connection
	backoffBase  = time.Second
	backoffCap   = 30 * time.Second //seam:longest-pause

	maxRetryAfter = time.Hour // a longer wish of a server's is not believed
)

// ladder remembers what failed, to choose the next step down: the resume URL, then the
// gateway's own URL with the same session, then a new session; and how long to wait before.
type ladder struct {
	since    time.Time // when the first of the attempts failed; zero: the latest gained something
	attempts int32     // in a row that gained nothing
	refusals int32     // op 9 in a row
	resumes  int32     // failed Resumes of this session in a row
	replays  int32     // Resumes of this session in a row that came to no RESUMED in time
	dials    int32     // connections to the resume URL in a row that came to no Hello
	tooLarge int32     // Identifies in a row that came to a READY, or soon after it an event, which could not be read because of its size
	takeover int32     // connections in a row that ended soon after Ready, without a reason
	ours     bool      // the wait in Backoff is our own choice, and not the gateway's wish
	bad      unreadable
	reached  int64     // the sequence when Resume was written, to see progress
	ready    time.Time // since when the session is Ready
	dialled  time.Time // when the latest dial began
}

// live notes that the session is Ready.
func (l *ladder) live(now time.Time) {
	l.ready, l.resumes, l.replays, l.dials = now, 0, 0, 0
}

// url is where to dial: the resume URL only for a session that it belongs to, else empty.
func (m *Machine) url() events.Secret {
	if m.cursor.Resumable() && m.cursor.ResumeURL != "" && m.ladder.dials < maxURLDials {
		return m.cursor.ResumeURL
	}
	return ""
}

func (m *Machine) connect(change Change) {
	m.conn++
	m.peeker = events.Peeker{}
	m.open = true
	m.beat = heartbeat{}
	m.ladder.dialled, m.last, m.present = m.now, "", false
	m.become(Connecting, m.now.Add(DialTimeout+dialGrace), change) //seam:dial-deadline
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

// reconnect gives up the connection for a reason of ours or of the gateway's, and goes on with the next step of
// the ladder.
func (m *Machine) reconnect(cause error, code events.CloseCode) {
	m.ladder.takeover = 0
	m.retreat(cause, code, 0)
}

// retreat gives up the connection, and connects again at once, or when the ladder says; not before wish has passed,
// which is the gateway's.
func (m *Machine) retreat(cause error, code events.CloseCode, wish time.Duration) {
	m.drop(code)
	lost := m.judge(cause)
	l := &m.ladder
	if l.dialled.After(m.now) {
		l.dialled = m.now // its turn had not come
	}
	wait := m.backoff(l.attempts)
	if errors.Is(cause, ErrInvalidSession) { // it has nothing to do with dials that failed
		l.refusals++
		l.attempts, wait = 0, m.backoff(l.refusals-maxRefusals)
	}
	if m.state == Connecting || m.state == AwaitingHello || m.state == Resuming {
		wait -= m.now.Sub(l.dialled) // an attempt that took long has waited already
	}
	if l.ours = wish == 0; code != events.CloseNone {
		wait = max(wait, closePause)
	}
	at := m.now.Add(max(wait, wish, l.dialled.Add(dialDistance).Sub(m.now), 0))                 //seam:distance-of-dials
	m.become(Backoff, at, Change{Cause: cause, Lost: lost, Retry: at, Failed: int(l.attempts)}) //seam:lost-session-told
	if !at.After(m.now) {
		m.connect(Change{})
	}
}

// judge decides whether the session outlives the cause, and counts what failed and what was gained. It reports
// whether a session was given up.
func (m *Machine) judge(cause error) bool {
	had := m.hasSession()
	l := &m.ladder
	gained := false
	switch m.state {
	case Connecting, AwaitingHello:
		if m.cursor.Resumable() && m.cursor.ResumeURL != "" {
			l.dials++
		}
	case Resuming:
		l.resumes++
		if gained = m.cursor.Seq > l.reached; gained {
			l.resumes = 0 // events came again: the next attempt starts from further on
		}
	case Ready: // without a session that can be resumed it costs an Identify, which is not to be had in haste
		gained = m.cursor.Resumable() || m.now.Sub(l.ready) >= healthy //seam:live-session-gained
		if m.now.Sub(l.ready) >= healthy {
			l.tooLarge = 0
		}
	}
	if l.attempts++; gained {
		l.attempts, l.refusals, l.since = 0, 0, time.Time{}
	} else if l.since.IsZero() {
		l.since = m.now
	}
	var closed *CloseError
	gone := !m.cursor.Resumable() || errors.Is(cause, errSessionGone) || l.resumes >= maxResumes || l.replays >= maxReplays //seam:session-resumed-first
	gone = gone || errors.As(cause, &closed) && closed.Code.Verdict() == events.VerdictNewSession                           //seam:close-code-ends-session
	if gone {
		m.cursor.clear()
		l.resumes, l.replays, l.dials = 0, 0, 0
	}
	return had && gone
}

// hasSession reports whether there is a session to lose: one that is live may lack what it
// takes to resume it.
func (m *Machine) hasSession() bool { return m.cursor.Resumable() || m.state == Ready }

// errSessionGone marks a cause after which the session cannot be resumed.
var errSessionGone = errors.New("the session is gone")

// backoff is the time from one attempt to the next, after so many in a row that gained nothing: a time around a value that doubles, widely
// spread, so that of a fleet some shard soon finds that an outage is over. That Identifies which keep failing do not use up the day's budget is the
// identify queue's concern.
func (m *Machine) backoff(attempts int32) time.Duration {
	if attempts <= 0 {
		return 0
	}
	around := min(backoffBase<<min(attempts-1, 20), backoffCap) //seam:pause-between-attempts
	return min(around/4+jitter(m.random, 3*around/2), 3*backoffCap/2)
}

func jitter(random *rand.Rand, bound time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(bound)))
}

// hurry ends the wait in Backoff, but for the distance between two dials.
func hurry(m *Machine, _ Input) {
	if at := m.ladder.dialled.Add(dialDistance); at.After(m.now) {
		m.deadline = earliest(m.deadline, at)
		return
	}
	m.connect(Change{})
}

// reachable begins anew to count what gained nothing, if no shard gained anything meanwhile: then it was not this
// shard that was the matter. A wait that is the gateway's wish goes on.
func reachable(m *Machine, in Input) {
	l := &m.ladder
	if l.since.IsZero() || l.since.Before(in.At) {
		return
	}
	l.attempts = 0
	if m.state == Backoff && l.ours {
		hurry(m, in)
	}
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
