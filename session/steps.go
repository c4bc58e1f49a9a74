package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

func (m *Machine) stepIdle(in Input) {
	if in.Kind == Start {
		m.connect(nil)
	}
}

func (m *Machine) stepConnecting(in Input) {
	switch in.Kind {
	case Connected:
		m.become(AwaitingHello, m.now.Add(HelloTimeout), Change{}) //seam:hello-deadline
	case Waiting:
		m.deadline = in.At.Add(DialTimeout + dialGrace) //seam:dial-deadline-from-its-turn
	case Tick:
		m.expire("no connection")
	}
}

func (m *Machine) stepAwaitingHello(in Input) {
	switch in.Kind {
	case Frame:
		m.frame(in, func(events.Raw) { m.host.Odd(fmt.Errorf("session: an event came before Hello")) })
	case Tick:
		m.expire("no Hello")
	}
}

func (m *Machine) stepQueued(in Input) {
	switch in.Kind {
	case Frame:
		m.frame(in, func(events.Raw) { m.host.Odd(fmt.Errorf("session: an event came before Identify")) })
	case Granted:
		m.identify()
	case Refused:
		m.refused(in)
	case Tick:
		m.tend()
	}
}

func (m *Machine) stepIdentifying(in Input) {
	switch in.Kind {
	case Frame:
		m.frame(in, m.ready)
	case Tick:
		if m.tend() {
			m.expire("no READY")
		}
	}
}

func (m *Machine) stepResuming(in Input) {
	switch in.Kind {
	case Frame:
		m.frame(in, func(raw events.Raw) {
			m.deliver(raw, in.At, raw.Type != events.TypeResumed)
			if raw.Type == events.TypeResumed {
				m.ladder.resumes, m.ladder.dials, m.ladder.ready = 0, 0, m.now
				m.become(Ready, time.Time{}, Change{})
				if m.cursor.Restored && m.beat.spare(m.now, 0) {
					m.writeHeartbeat() // its ACK ends the replay: this RESUMED may itself be one that came again
				}
				return
			}
			m.deadline = m.now.Add(ReadyTimeout) //seam:resumed-deadline-from-last-event
		})
	case Tick:
		if m.tend() && !m.beat.stalled {
			m.expire("no RESUMED")
		}
	}
}

func (m *Machine) stepReady(in Input) {
	switch in.Kind {
	case Frame:
		m.frame(in, func(raw events.Raw) { m.deliver(raw, in.At, false) })
	case Tick:
		m.tend()
	}
}

func (m *Machine) stepBackoff(in Input) {
	if in.Kind == Start || in.Kind == Tick && !m.now.Before(m.deadline) {
		m.connect(nil)
	}
}

func (m *Machine) stepClosed(Input) {}

// frame takes one payload. What an opcode means is the same in all connected states, but for
// dispatches and Hello.
func (m *Machine) frame(in Input, dispatch func(events.Raw)) {
	m.beat.heard(in.At)
	raw, err := m.peeker.Peek(in.Data)
	if err != nil {
		m.reconnect(fmt.Errorf("%w: %w", ErrBadFrame, err), closeToResume)
		return
	}
	switch raw.Op {
	case events.OpDispatch:
		dispatch(raw)
	case events.OpHello:
		//seam:second-hello-changes-nothing
		if m.state == AwaitingHello { // a second one changes nothing
			m.hello(raw)
		}
	case events.OpHeartbeatACK:
		m.acknowledged()
	case events.OpHeartbeat:
		m.answerHeartbeat()
	case events.OpReconnect:
		m.reconnect(ErrReconnect, closeToResume)
	case events.OpInvalidSession:
		m.invalid(raw)
	}
}

// hello begins to heartbeat, and to resume or to wait for a permit to Identify.
//
// Source: events/gateway#hello-event
func (m *Machine) hello(raw events.Raw) {
	var hello events.Hello
	err := json.Unmarshal(raw.Data, &hello)
	interval := time.Duration(hello.HeartbeatInterval) * time.Millisecond
	if err == nil && (hello.HeartbeatInterval < minInterval.Milliseconds() || hello.HeartbeatInterval > maxInterval.Milliseconds()) {
		err = fmt.Errorf("heartbeat interval of %d ms", hello.HeartbeatInterval)
	}
	if err != nil {
		m.reconnect(fmt.Errorf("%w: Hello: %w", ErrBadFrame, err), closeToResume)
		return
	}
	m.beat.start(m.now, interval, m.cfg.Rand)
	if !m.cursor.Resumable() {
		m.become(Queued, time.Time{}, Change{})
		m.host.Enqueue(m.conn)
		return
	}
	m.ladder.reached = m.cursor.Seq
	m.beat.spare(m.now, 0)
	m.become(Resuming, m.now.Add(ReadyTimeout), Change{}) //seam:resumed-deadline
	//seam:resume-from-last-sequence
	request, err := events.Resume{Token: m.cfg.Identify.Token, SessionID: m.cursor.SessionID, Seq: m.cursor.Seq}.Request()
	if err != nil {
		m.fail(err)
		return
	}
	m.host.Write(m.conn, events.OpResume, events.EncodePayload(request.Op, request.Data))
}

func (m *Machine) identify() {
	payload, err := identifyPayload(m.cfg.Identify)
	if err != nil {
		m.fail(err)
		return
	}
	m.beat.spare(m.now, 0)
	m.become(Identifying, m.now.Add(ReadyTimeout), Change{}) //seam:ready-deadline
	m.host.Write(m.conn, events.OpIdentify, payload)
}

// refused waits until a permit may be had. There is no loop: one request, one refusal, one wait.
func (m *Machine) refused(in Input) {
	m.drop(closeToResume)
	at := in.At
	if most := m.now.Add(24 * time.Hour); at.After(most) {
		at = most
	}
	if minimum := m.now.Add(jitter(m.cfg.Rand, backoffCap) + backoffBase); at.Before(minimum) {
		at = minimum
	}
	m.become(Backoff, at, Change{Cause: in.Err, Retry: at})
}

// ready takes the first event of a new session.
//
// Source: events/gateway#ready-event
func (m *Machine) ready(raw events.Raw) {
	if raw.Type != events.TypeReady {
		m.host.Odd(fmt.Errorf("session: %.32q came before READY", raw.Type))
		return
	}
	ready, ok := events.PartOf(raw.Data)
	if !ok || ready.SessionID == "" {
		m.host.Odd(errors.New("session: READY names no session: it works, but cannot be resumed"))
		ready.SessionID, ready.ResumeURL = "", ""
	}
	m.cursor.clear()
	m.cursor.SessionID, m.cursor.ResumeURL = ready.SessionID, ready.ResumeURL
	m.cursor.User = ready.User
	m.cursor.Session++
	m.ladder.resumes, m.ladder.dials, m.ladder.tooLarge, m.ladder.ready = 0, 0, 0, m.now
	m.become(Ready, time.Time{}, Change{})
	m.deliver(raw, m.now, false)
}

// deliver hands an event over once, in order. The cursor moves after that, so that an event
// whose delivery crashed is asked for again.
func (m *Machine) deliver(raw events.Raw, at time.Time, replayed bool) {
	if raw.Seq > 0 && raw.Seq <= m.cursor.Seq { //seam:sequence-once
		m.host.Odd(fmt.Errorf("session: sequence %d came twice", raw.Seq))
		return
	}
	if raw.Seq > m.cursor.Seq+1 {
		m.host.Odd(fmt.Errorf("session: sequence %d follows %d", raw.Seq, m.cursor.Seq))
	}
	m.host.Deliver(raw, events.Meta{ //seam:event-delivered
		Shard: m.cfg.Shard, Session: m.cursor.Session, Seq: raw.Seq, Received: at, Replayed: replayed,
		Redelivered: m.cursor.Restored,
	})
	m.cursor.Seq = max(m.cursor.Seq, raw.Seq)
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
	// One to five seconds at the least, as the gateway used to ask for.
	m.retreat(cause, closeToResume, time.Second+jitter(m.cfg.Rand, 4*time.Second))
}
