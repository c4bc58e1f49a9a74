package session_test

import (
	"errors"
	"math/rand/v2"
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
	if url.Reveal() != "wss://gateway" && !j.cursor.Resumable() {
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
	j.session, j.seq = meta.Session, raw.Seq
}

func newMachine(j *judge, seed uint64) (*session.Machine, error) {
	return session.NewMachine(session.Config{
		Shard: events.ShardID{Index: 0, Total: 1}, URL: "wss://gateway",
		Identify: events.Identify{Token: "token"}, Rand: rand.New(rand.NewPCG(seed, seed)), Cursor: &j.cursor,
	}, j)
}

var frames = []string{
	`{"op":10,"d":{"heartbeat_interval":41250}}`, `{"op":10,"d":{"heartbeat_interval":0}}`, `{"op":11}`, `{"op":1}`, `{"op":7}`,
	`{"op":9,"d":true}`, `{"op":9,"d":false}`, `{"op":0,"t":"READY","s":1,"d":{"session_id":"a","resume_gateway_url":"wss://resume"}}`,
	`{"op":0,"t":"READY","s":1,"d":{}}`, `{"op":0,"t":"RESUMED","s":5,"d":{}}`, `{"op":0,"t":"X","s":2,"d":{}}`,
	`{"op":0,"t":"X","s":3,"d":{}}`, `{"op":0,"t":"X","s":2,"d":{}}`, `{"op":99}`, `{`, ``,
}

func TestMachineKeepsTheLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		j := newJudge(func(format string, args ...any) { t.Fatalf(format, args...) })
		m, err := newMachine(j, rapid.Uint64().Draw(t, "seed"))
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			in := session.Input{Conn: m.Conn(), Err: errors.New("lost"), At: j.now}
			switch rapid.IntRange(0, 12).Draw(t, "input") {
			case 0:
				in.Kind, in.Conn = session.Start, 0
			case 1:
				in.Kind = session.Connected
			case 2, 3, 4, 5:
				in.Kind, in.Data = session.Frame, []byte(rapid.SampledFrom(frames).Draw(t, "frame"))
				if m.State() == session.AwaitingHello && string(in.Data) == frames[0] {
					j.greeted[m.Conn()] = true
				}
			case 6:
				in.Kind, in.Err = session.Lost, &session.CloseError{Code: events.CloseCode(rapid.IntRange(3999, 4009).Draw(t, "code"))}
				if in.Err.(*session.CloseError).Fatal() {
					continue
				}
			case 7:
				in.Kind = session.Granted
				if m.State() != session.Queued {
					continue
				}
				j.queued = false
			case 8:
				in.Kind, in.At = session.Refused, j.now.Add(time.Hour)
				if m.State() != session.Queued {
					continue
				}
			case 9:
				in.Kind = session.Stalled
			case 10:
				in.Kind = session.Flowing
			case 11:
				in.Conn-- // of the connection before
				in.Kind, in.Data = session.Frame, []byte(frames[4])
				if in.Conn == 0 {
					continue
				}
			default: // time passes to the next tick
				for n := 0; n < 5 && !j.wake.IsZero(); n++ {
					if j.wake.After(j.now) {
						j.now = j.wake
					}
					m.Step(j.now, session.Input{Kind: session.Tick})
					if !j.wake.IsZero() && !j.wake.After(j.now) {
						t.Fatalf("a tick at %v in %v wants another one at once", j.now, m.State())
					}
				}
				continue
			}
			m.Step(j.now, in)
		}
	})
}

func FuzzStep(f *testing.F) {
	for _, frame := range frames {
		f.Add([]byte(frame))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, state := range []session.State{session.AwaitingHello, session.Identifying, session.Ready} {
			j := newJudge(t.Fatalf)
			m, err := newMachine(j, 1)
			if err != nil {
				t.Fatal(err)
			}
			m.Step(j.now, session.Input{Kind: session.Start})
			m.Step(j.now, session.Input{Kind: session.Connected, Conn: 1})
			j.greeted[1] = true
			if state != session.AwaitingHello {
				m.Step(j.now, session.Input{Kind: session.Frame, Conn: 1, Data: []byte(frames[0]), At: j.now})
				m.Step(j.now, session.Input{Kind: session.Granted, Conn: 1})
			}
			if state == session.Ready {
				m.Step(j.now, session.Input{Kind: session.Frame, Conn: 1, Data: []byte(frames[7]), At: j.now})
			}
			j.interval = time.Second // what the data may say
			m.Step(j.now, session.Input{Kind: session.Frame, Conn: 1, Data: data, At: j.now})
		}
	})
}
