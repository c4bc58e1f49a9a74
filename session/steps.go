package session

import (
	"fmt"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// begin connects, to resume the session if there is one that is still wanted as it is.
func begin(m *Machine, _ Input) {
	var change Change
	if err := m.cursor.outdated(m.now, m.Terms()); err != nil {
		m.cursor.clear()
		change = Change{Cause: err, Lost: true}
	}
	m.connect(change)
}

func greet(m *Machine, _ Input) {
	m.become(AwaitingHello, m.now.Add(HelloTimeout), Change{}) //seam:hello-deadline
}

// turn takes when the dial begins.
func turn(m *Machine, in Input) {
	m.ladder.dialled = in.At
	m.deadline = in.At.Add(DialTimeout + dialGrace) //seam:dial-deadline-from-its-turn
}

var phases = map[State]string{Connecting: "no connection", AwaitingHello: "no Hello", Identifying: "no READY"}

func tickPhase(m *Machine, _ Input) {
	if m.tend() {
		m.expire(phases[m.state])
	}
}

func tickBeat(m *Machine, _ Input) { m.tend() }

func tickReplay(m *Machine, _ Input) {
	if !m.tend() || m.beat.stalled() {
		return
	}
	if !m.now.Before(m.replay) || !m.now.Before(m.deadline) {
		m.ladder.replays++
		m.reconnect(fmt.Errorf("%w: no RESUMED", ErrPhaseTimeout), events.CloseNone)
	}
}

func tickBackoff(m *Machine, _ Input) {
	if !m.now.Before(m.deadline) {
		m.connect(Change{})
	}
}

// flow ends a time in which frames were not read by our own choice.
func flow(m *Machine, _ Input) {
	took := m.beat.flow(m.now)
	if m.state == Resuming && took > 0 {
		m.deadline = m.now.Add(ReadyTimeout) //seam:resumed-deadline-after-a-pause
		m.replay = m.replay.Add(took)
	}
}

// frame takes one payload. What an opcode means is the same in all connected states, but for
// dispatches and Hello.
func frame(m *Machine, in Input) {
	m.beat.heard(in.At)
	raw, err := m.peeker.Peek(in.Data)
	if err != nil {
		m.unreadable(err)
		return
	}
	switch raw.Op {
	case events.OpDispatch:
		m.dispatch(raw, in.At)
	case events.OpHello:
		//seam:second-hello-changes-nothing
		if m.state == AwaitingHello {
			m.hello(raw)
		} else {
			m.oddly("a second Hello on one connection")
		}
	case events.OpHeartbeatACK:
		m.acknowledged()
	case events.OpHeartbeat:
		m.answerHeartbeat()
	case events.OpReconnect:
		m.reconnect(ErrReconnect, closeToResume)
	case events.OpInvalidSession:
		m.invalid(raw)
	default:
		m.oddly("%v, which the gateway should not send", raw.Op)
	}
}

// dispatch takes an event.
func (m *Machine) dispatch(raw events.Raw, at time.Time) {
	switch m.state {
	case AwaitingHello:
		m.oddly("an event came before Hello")
	case Queued:
		m.oddly("an event came before Identify")
	case Identifying:
		if raw.Type != events.TypeReady {
			m.oddly("%.32q came before READY", raw.Type)
			return
		}
		m.ready(raw, at, nil)
	case Resuming:
		if raw.Type == events.TypeReady && m.another(raw) {
			m.ready(raw, at, ErrNewSession)
			return
		}
		m.deliver(raw, at, raw.Type != events.TypeResumed)
		if raw.Type == events.TypeResumed {
			m.resumed()
			return
		}
		m.deadline = m.now.Add(ReadyTimeout) //seam:resumed-deadline-from-last-event
	case Ready:
		if raw.Type == events.TypeReady && m.another(raw) {
			m.ready(raw, at, ErrNewSession)
			return
		}
		m.deliver(raw, at, false)
	}
}

// hello begins to heartbeat, and to resume or to wait for a permit to Identify.
func (m *Machine) hello(raw events.Raw) {
	interval, ok := m.interval(raw)
	if !ok {
		return
	}
	m.beat.start(m.now, interval, m.random)
	if !m.cursor.Resumable() {
		m.become(Queued, time.Time{}, Change{})
		m.host.Enqueue(m.conn)
		return
	}
	//seam:resume-from-last-sequence
	payload, err := payloadOf(events.Resume{Token: m.others.Value().Token, SessionID: m.cursor.SessionID, Seq: m.cursor.Seq})
	if err != nil { // it will not be written, now or later
		m.reconnect(fmt.Errorf("%w: %w", err, errSessionGone), closeToResume)
		return
	}
	m.ladder.reached = m.cursor.Seq
	m.beat.spare(m.now, 0)
	m.replay = m.now.Add(ReplayTimeout)                   //seam:replay-has-an-end
	m.become(Resuming, m.now.Add(ReadyTimeout), Change{}) //seam:resumed-deadline
	_ = m.host.Write(m.conn, events.OpResume, payload)    // Lost follows an error
}

func identify(m *Machine, _ Input) {
	payload, presence, err := m.identification()
	if err != nil {
		m.fail(err)
		return
	}
	m.last = presence
	m.beat.spare(m.now, 0)
	m.become(Identifying, m.now.Add(ReadyTimeout), Change{}) //seam:ready-deadline
	_ = m.host.Write(m.conn, events.OpIdentify, payload)     // Lost follows an error
}

// refused waits until a permit may be had. There is no loop: one request, one refusal, one wait.
func refused(m *Machine, in Input) {
	m.drop(closeToResume)
	at := in.At
	if most := m.now.Add(24 * time.Hour); at.After(most) {
		at = most
	}
	if minimum := m.now.Add(jitter(m.random, backoffCap) + 2*backoffBase); at.Before(minimum) {
		at = minimum
	}
	m.ladder.ours = false
	m.become(Backoff, at, Change{Cause: in.Err, Retry: at})
}

// another reports whether a READY begins another session than the one that there is. One that names no session
// does, unless it stands where an event of this session is expected.
func (m *Machine) another(raw events.Raw) bool {
	ready, ok := events.PartOf(raw.Data)
	if !ok || ready.SessionID == "" {
		return m.cursor.seen(raw.Seq)
	}
	return ready.SessionID != m.cursor.SessionID
}

// ready takes the first event of a new session.
//
// Source: events/gateway#ready-event
func (m *Machine) ready(raw events.Raw, at time.Time, cause error) {
	ready, ok := events.PartOf(raw.Data)
	if !ok || ready.SessionID == "" {
		m.oddly("READY names no session: it works, but cannot be resumed")
		ready.SessionID, ready.ResumeURL = "", ""
	}
	if url := ready.ResumeURL.Reveal(); !usable(url) { // a Snapshot that had it would not be resumed
		m.oddly("READY's resume URL, of %d bytes, is none: the gateway's own is dialled", len(url))
		ready.ResumeURL = ""
	}
	m.newSession(ready, cause)
	m.deliver(raw, at, false)
}

// newSession begins a session, in place of the one that there is.
func (m *Machine) newSession(ready events.Part, cause error) {
	lost, presence := m.hasSession(), ""
	if m.state == Identifying {
		presence = m.last
	}
	m.cursor.clear()
	m.cursor.guilds.begin(ready.Guilds, m.Terms().Intents)
	m.cursor.Terms, m.cursor.shown = m.Terms(), presence
	m.present = presence != m.cursor.Presence
	m.cursor.SessionID, m.cursor.ResumeURL = ready.SessionID, ready.ResumeURL
	if ready.User != 0 {
		m.cursor.User = ready.User
	}
	m.cursor.Session++
	m.cursor.measure(m.now)
	if m.ladder.live(m.now); ready.SessionID != "" {
		m.ladder.bad.readys = 0
	}
	m.become(Ready, time.Time{}, Change{Lost: lost, Cause: cause})
}

// resumed takes the end of a replay.
func (m *Machine) resumed() {
	m.ladder.live(m.now)
	m.cursor.measure(m.now)
	m.present = m.cursor.again || m.cursor.shown != m.cursor.Presence
	m.become(Ready, time.Time{}, Change{})
	if m.cursor.Restored && m.beat.spare(m.now, 0) {
		_ = m.writeHeartbeat() // its ACK ends the replay: this RESUMED may itself be one that came again
	}
}

// deliver hands an event over once, in order. The cursor moves after that, so that an event
// whose delivery crashed is asked for again. Meta has a sequence only if events lead to it, so that what is stored of
// a session goes no further; RESUMED comes through whatever its own is.
func (m *Machine) deliver(raw events.Raw, at time.Time, replayed bool) {
	seq, moves := raw.Seq, raw.Seq > 0
	switch {
	case raw.Seq < 0:
		m.oddly("sequence %d", raw.Seq)
		seq = 0
	case moves && m.cursor.seen(raw.Seq): //seam:sequence-once
		m.oddly("sequence %d came twice", raw.Seq)
		if raw.Type != events.TypeResumed {
			return
		}
		seq, moves = 0, false
	case moves && !m.cursor.follows(raw.Seq):
		m.oddly("sequence %d follows %d", raw.Seq, m.cursor.Seq)
		seq = 0
	}
	m.cursor.count(&raw, seq)
	m.ended(m.replies.Observe(m.now, raw, m.cursor.User))
	//seam:event-delivered
	if m.host.Deliver(raw, events.Meta{
		Shard: m.shard, Session: m.cursor.Session, Seq: seq, Received: at, Replayed: replayed,
		Redelivered: m.cursor.Restored,
	}) {
		m.beat.stall(m.now)
	}
	if moves {
		m.cursor.take(raw.Seq)
	}
}

// oddly tells the host of something that the gateway should not have sent.
func (m *Machine) oddly(format string, args ...any) {
	m.host.Odd(fmt.Errorf("session: "+format, args...))
}

// invalid takes op 9: the Identify or the Resume was refused, or a live session revoked. True
// leaves the session; the wait before the next attempt is jittered either way.
//
// Source: events/gateway#invalid-session
func (m *Machine) invalid(raw events.Raw) {
	cause := ErrInvalidSession
	if string(raw.Data) != "true" { //seam:invalid-true-keeps-session
		cause = fmt.Errorf("%w: %w", ErrInvalidSession, errSessionGone)
	}
	if m.state == Identifying { // there is no session
		cause = identifyRefused{}
	}
	m.ladder.takeover = 0
	// One to five seconds, as the gateway used to ask for.
	m.retreat(cause, closeToResume, time.Second+jitter(m.random, 4*time.Second))
}
