package session_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// judge is a host that checks the laws of the protocol at every call.
type judge struct {
	fail     func(format string, args ...any)
	cursor   session.Cursor
	now      time.Time
	open     uint64 // the connection, if there is one
	closed   map[uint64]bool
	greeted  map[uint64]bool // those on which Hello was given
	started  map[uint64]bool // Identify or Resume was written
	queued   bool
	own      []time.Time // frames on the connection
	interval time.Duration
	session  uint64
	given    map[int64]bool // sequences of the session that were delivered
	wake     time.Time
	full     bool            // what the next delivery reports
	sending  bool            // what is written now is a Send's
	sends    map[uint64]bool // those under way
	asked    uint64          // so many Sends there were
	dials    []time.Time
}

func newJudge(fail func(string, ...any)) *judge {
	return &judge{fail: fail, now: time.Unix(1_000_000, 0), closed: map[uint64]bool{}, greeted: map[uint64]bool{}, started: map[uint64]bool{}, interval: 41250 * time.Millisecond, given: map[int64]bool{}, sends: map[uint64]bool{}}
}

func (j *judge) Connect(conn uint64, url events.Secret) {
	if j.open != 0 {
		j.fail("connection %d is dialled while %d is open", conn, j.open)
	}
	if j.closed[conn] {
		j.fail("connection number %d is used twice", conn)
	}
	if url != "" && !j.cursor.Resumable() {
		j.fail("a resume URL is dialled without a session")
	}
	j.open, j.own = conn, nil
	j.dials = append(j.dials, j.now)
	if n := len(j.dials); n > 30 && j.now.Sub(j.dials[n-31]) <= 30*time.Second {
		j.fail("31 dials within %v", j.now.Sub(j.dials[n-31]))
	}
}

func (j *judge) Write(conn uint64, op events.Opcode, payload []byte) error {
	if conn != j.open {
		j.fail("%v is written on connection %d, open is %d", op, conn, j.open)
	}
	if !j.greeted[conn] {
		j.fail("%v is written before Hello", op)
	}
	if op == events.OpIdentify || op == events.OpResume {
		if j.started[conn] {
			j.fail("%v is the second start on connection %d", op, conn)
		}
		j.started[conn] = true
	}
	if op == events.OpIdentify && j.cursor.Resumable() {
		j.fail("Identify, though there is a session to resume")
	}
	if op == events.OpResume {
		var resume struct {
			D struct {
				Seq int64 `json:"seq"`
			} `json:"d"`
		}
		if err := json.Unmarshal(payload, &resume); err != nil || resume.D.Seq != 0 && !j.given[resume.D.Seq] {
			j.fail("a Resume from %d, which was not delivered (%v)", resume.D.Seq, err)
		}
	}
	if j.sending {
		return nil
	}
	j.own = append(j.own, j.now)
	recent := 0
	for _, at := range j.own {
		if j.now.Sub(at) < time.Minute {
			recent++
		}
	}
	if most := 3 + int((time.Minute+j.interval-1)/j.interval); recent > most {
		j.fail("%d frames of the session's own in 60 s, with an interval of %v", recent, j.interval)
	}
	return nil
}

func (j *judge) Close(conn uint64, code events.CloseCode) {
	if conn != j.open {
		j.fail("connection %d is closed, open is %d", conn, j.open)
	}
	if j.queued {
		j.fail("connection %d is closed, and its permit is still asked for", conn)
	}
	if code.EndsSession() {
		j.fail("connection %d is closed with %d", conn, code)
	}
	j.closed[conn], j.open = true, 0
}

func (j *judge) Enqueue(uint64) {
	if j.queued {
		j.fail("two permits are asked for")
	}
	j.queued = true
}
func (j *judge) Dequeue(uint64)             { j.queued = false }
func (j *judge) Wake(at time.Time)          { j.wake = at }
func (j *judge) Latency(_, _ time.Duration) {}
func (j *judge) Odd(error)                  {}

func (j *judge) Changed(c session.Change) {
	if c.Lost && len(j.sends) > 0 || c.To == session.Closed && len(j.sends) > 0 {
		j.fail("%d sends survive %v → %v", len(j.sends), c.From, c.To)
	}
}

func (j *judge) Part(id uint64, _ events.Raw) bool {
	if !j.sends[id] {
		j.fail("a part for send %d, which is not under way", id)
	}
	return false
}

func (j *judge) Ended(o session.Outcome) {
	if !j.sends[o.ID] {
		j.fail("send %d ends twice, or never was", o.ID)
	}
	if o.Written.IsZero() != errors.Is(o.Err, session.ErrNotReady) {
		j.fail("send %d was written at %v and ends in %v", o.ID, o.Written, o.Err)
	}
	delete(j.sends, o.ID)
}

func (j *judge) Deliver(raw events.Raw, meta events.Meta) (full bool) {
	if meta.Session < j.session {
		j.fail("an event of session %d after one of session %d", meta.Session, j.session)
	}
	if meta.Session != j.session {
		j.session, j.given = meta.Session, map[int64]bool{}
	}
	if raw.Seq > 0 && j.given[raw.Seq] && raw.Type != events.TypeResumed {
		j.fail("sequence %d of session %d is delivered twice", raw.Seq, meta.Session)
	}
	if j.given[raw.Seq] = true; meta.Seq != 0 && meta.Seq != raw.Seq {
		j.fail("sequence %d is told as %d", raw.Seq, meta.Seq)
	}
	full, j.full = j.full, false
	return full
}

// send asks for something on a connection.
func (j *judge) send(m *session.Machine, conn uint64, out events.Outgoing, deadline time.Time) {
	request, err := out.Request()
	if err != nil {
		j.fail("%v", err)
	}
	before := m.Sendable(conn)
	j.asked++
	j.sends[j.asked], j.sending = true, true
	m.Step(j.now, session.Input{Kind: session.Send, Conn: conn, ID: j.asked, Request: &request, Payload: []byte("{}"), Deadline: deadline})
	if j.sending = false; !before && j.sends[j.asked] {
		j.fail("a send that could not be written waits for an answer")
	}
}

func newMachine(j *judge, seed uint64) (*session.Machine, error) {
	return session.NewMachine(session.Config{
		Shard:    events.ShardID{Index: 0, Total: 1},
		Identify: events.Identify{Token: "token"}, Rand: rand.New(rand.NewPCG(seed, seed)), Cursor: &j.cursor,
	}, j)
}
