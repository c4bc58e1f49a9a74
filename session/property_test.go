package session_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

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
	seq      int64
	wake     time.Time
}

func newJudge(fail func(string, ...any)) *judge {
	return &judge{fail: fail, now: time.Unix(1_000_000, 0), closed: map[uint64]bool{}, greeted: map[uint64]bool{}, started: map[uint64]bool{}, interval: 41250 * time.Millisecond}
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
}

func (j *judge) Write(conn uint64, op events.Opcode, payload []byte) {
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
func (j *judge) Dequeue(uint64)         { j.queued = false }
func (j *judge) Wake(at time.Time)      { j.wake = at }
func (j *judge) Latency(time.Duration)  {}
func (j *judge) Odd(error)              {}
func (j *judge) Changed(session.Change) {}

func (j *judge) Deliver(raw events.Raw, meta events.Meta) {
	if meta.Session == j.session && raw.Seq > 0 && raw.Seq <= j.seq {
		j.fail("sequence %d of session %d is delivered after %d", raw.Seq, meta.Session, j.seq)
	}
	if meta.Session < j.session {
		j.fail("an event of session %d after one of session %d", meta.Session, j.session)
	}
	if meta.Session != j.session {
		j.seq = 0
	}
	j.session, j.seq = meta.Session, max(j.seq, raw.Seq)
}

func newMachine(j *judge, seed uint64) (*session.Machine, error) {
	return session.NewMachine(session.Config{
		Shard:    events.ShardID{Index: 0, Total: 1},
		Identify: events.Identify{Token: "token"}, Rand: rand.New(rand.NewPCG(seed, seed)), Cursor: &j.cursor,
	}, j)
}

const ready = `{"op":0,"t":"READY","s":1,"d":{"session_id":"a","resume_gateway_url":"wss://resume"}}`

// frames are what a gateway may send, sensible or not. The first is the usual Hello.
var frames = []string{
	`{"op":10,"d":{"heartbeat_interval":41250}}`, `{"op":10,"d":{"heartbeat_interval":10000}}`, `{"op":10,"d":{"heartbeat_interval":0}}`,
	`{"op":11}`, `{"op":1}`, `{"op":7}`, `{"op":9,"d":true}`, `{"op":9,"d":false}`, ready,
	`{"op":0,"t":"READY","s":1,"d":{}}`, `{"op":0,"t":"RESUMED","s":5,"d":{}}`, `{"op":0,"t":"X","s":2,"d":{}}`,
	`{"op":0,"t":"X","s":3,"d":{}}`, `{"op":0,"t":"X","d":{}}`, `{"op":99}`, `{`, ``,
}

// hellos are the frames that are a Hello with an interval that can be kept.
var hellos = map[string]int{frames[0]: 41250, frames[1]: 10000}

// feed gives the machine a frame, and notes a Hello that it takes.
func (j *judge) feed(m *session.Machine, data string, age time.Duration) {
	if ms, ok := hellos[data]; ok && m.State() == session.AwaitingHello {
		j.greeted[m.Conn()], j.interval = true, time.Duration(ms)*time.Millisecond
	}
	m.Step(j.now, session.Input{Kind: session.Frame, Conn: m.Conn(), Data: []byte(data), At: j.now.Add(-age)})
}

// expected is the input with which the session gets on.
func (j *judge) expected(m *session.Machine) {
	switch m.State() {
	case session.Idle:
		m.Step(j.now, session.Input{Kind: session.Start})
	case session.Connecting:
		m.Step(j.now, session.Input{Kind: session.Connected, Conn: m.Conn()})
	case session.AwaitingHello:
		j.feed(m, frames[0], 0)
	case session.Queued:
		j.queued = false
		m.Step(j.now, session.Input{Kind: session.Granted, Conn: m.Conn()})
	case session.Identifying:
		j.feed(m, ready, 0)
	case session.Resuming:
		j.feed(m, fmt.Sprintf(`{"op":0,"t":"RESUMED","s":%d,"d":{}}`, j.cursor.Seq+1), 0)
	case session.Ready:
		j.feed(m, fmt.Sprintf(`{"op":0,"t":"X","s":%d,"d":{}}`, j.cursor.Seq+1), 0)
	case session.Backoff:
		j.tick(m, 0)
	}
}

// tick lets time pass until the machine wants to be woken, and wakes it so much too late.
func (j *judge) tick(m *session.Machine, late time.Duration) {
	if j.wake.IsZero() {
		return
	}
	if at := j.wake.Add(late); at.After(j.now) {
		j.now = at
	}
	m.Step(j.now, session.Input{Kind: session.Tick})
	if !j.wake.IsZero() && !j.wake.After(j.now) {
		j.fail("a tick at %v in %v wants another one at once", j.now, m.State())
	}
}

// TestMachineKeepsTheLaws tries inputs in any order; the judge fails it.
//
// Failures: F20, F40, F61, F63.
func TestMachineKeepsTheLaws(t *testing.T) {
	t.Parallel()
	var reached sync.Map
	rapid.Check(t, func(t *rapid.T) {
		j := newJudge(func(format string, args ...any) { t.Fatalf(format, args...) })
		m, err := newMachine(j, rapid.Uint64().Draw(t, "seed"))
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			reached.Store(m.State(), true)
			conn := m.Conn()
			switch rapid.IntRange(0, 24).Draw(t, "input") {
			case 0:
				m.Step(j.now, session.Input{Kind: session.Start})
			case 1:
				m.Step(j.now, session.Input{Kind: session.Connected, Conn: conn})
			case 2, 3:
				age := time.Duration(rapid.IntRange(0, 100).Draw(t, "age")) * time.Second
				j.feed(m, rapid.SampledFrom(frames).Draw(t, "frame"), age)
			case 4:
				for range rapid.IntRange(1, 6).Draw(t, "flood") {
					j.feed(m, `{"op":1}`, 0)
				}
			case 5:
				code := events.CloseCode(rapid.IntRange(3999, 4009).Draw(t, "code"))
				if lost := (&session.CloseError{Code: code}); !lost.Fatal() || rapid.IntRange(0, 9).Draw(t, "fatal") == 0 {
					m.Step(j.now, session.Input{Kind: session.Lost, Conn: conn, Err: lost})
				}
			case 6:
				if m.State() == session.Queued {
					until := j.now.Add(time.Duration(rapid.IntRange(-1, 100).Draw(t, "until")) * time.Hour)
					m.Step(j.now, session.Input{Kind: session.Refused, Conn: conn, At: until, Err: errors.New("refused")})
				}
			case 7:
				m.Step(j.now, session.Input{Kind: session.Stalled})
			case 8, 9:
				m.Step(j.now, session.Input{Kind: session.Flowing})
			case 10: // from the connection before
				if conn > 1 {
					for kind := session.Connected; kind <= session.Refused; kind++ {
						m.Step(j.now, session.Input{Kind: kind, Conn: conn - 1, Data: []byte(`{"op":7}`), Err: errors.New("old"), At: j.now})
					}
				}
			case 11:
				m.Step(j.now, session.Input{Kind: session.Restart, Err: errors.New("restart")})
			case 12:
				if rapid.IntRange(0, 19).Draw(t, "end") == 0 {
					m.Step(j.now, session.Input{Kind: session.Stop, Code: events.CloseUnknownError})
				}
			case 13:
				j.now = j.now.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "seconds")) * time.Second)
			case 14, 15:
				j.tick(m, time.Duration(rapid.IntRange(0, 60).Draw(t, "late"))*time.Second)
			case 16, 17, 18:
				j.tick(m, 0)
			default:
				j.expected(m)
			}
		}
	})
	for _, state := range session.States() {
		if _, ok := reached.Load(state); !ok {
			t.Errorf("the inputs never lead to %v", state)
		}
	}
}

// FuzzStep gives one frame to a machine in each state with a connection, and lets it go on from there.
func FuzzStep(f *testing.F) {
	for _, frame := range frames {
		f.Add([]byte(frame))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, resumable := range []bool{false, true} {
			for _, state := range []session.State{session.AwaitingHello, session.Queued, session.Identifying, session.Resuming, session.Ready} {
				j := newJudge(t.Fatalf)
				if resumable {
					j.cursor = session.Cursor{SessionID: "a", ResumeURL: "wss://resume", Seq: 1, Session: 1}
				}
				m, err := newMachine(j, 1)
				if err != nil {
					t.Fatal(err)
				}
				for n := 0; n < 5 && m.State() != state; n++ {
					j.expected(m)
				}
				if m.State() != state {
					continue // not on this way
				}
				j.greeted[1], j.interval = true, time.Second // what the data may say
				m.Step(j.now, session.Input{Kind: session.Frame, Conn: 1, Data: data, At: j.now})
				for range 3 {
					j.tick(m, 0)
				}
			}
		}
	})
}
