package session_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

const ready = `{"op":0,"t":"READY","s":1,"d":{"session_id":"a","resume_gateway_url":"wss://resume"}}`

// frames are what a gateway may send, sensible or not. The first is the usual Hello.
var frames = []string{
	`{"op":10,"d":{"heartbeat_interval":41250}}`, `{"op":10,"d":{"heartbeat_interval":10000}}`, `{"op":10,"d":{"heartbeat_interval":0}}`,
	`{"op":11}`, `{"op":1}`, `{"op":7}`, `{"op":9,"d":true}`, `{"op":9,"d":false}`, ready,
	`{"op":0,"t":"READY","s":1,"d":{}}`, `{"op":0,"t":"RESUMED","s":5,"d":{}}`, `{"op":0,"t":"X","s":2,"d":{}}`,
	`{"op":0,"t":"X","s":3,"d":{}}`, `{"op":0,"t":"X","d":{}}`, `{"op":99}`, `{`, ``,
	`{"op":0,"t":"READY","s":1,"d":{"session_id":"b","resume_gateway_url":"wss://resume"}}`, `{"op":0,"t":"X","s":9007199254740992,"d":{}}`,
	`{"op":0,"t":"X","s":-4,"d":{}}`, `{"op":0,"t":"X","s":9,"d":{}}`, `{"op":0,"t":"RESUMED","s":1,"d":{}}`, `{"op":10,"d":{"heartbeat_interval":41250.0}}`,
	`{"op":0,"t":"CHANNEL_INFO","s":4,"d":{"guild_id":"5"}}`,
}

// hellos are the frames that are a Hello with an interval that can be kept.
var hellos = map[string]int{frames[0]: 41250, frames[1]: 10000, `{"op":10,"d":{"heartbeat_interval":41250.0}}`: 41250}

// feed gives the machine a frame, and notes a Hello that it takes.
func (j *judge) feed(m *session.Machine, data string, age time.Duration) {
	if ms, ok := hellos[data]; ok && m.State() == session.AwaitingHello {
		j.greeted[m.Conn()], j.interval = true, time.Duration(ms)*time.Millisecond
	} else if strings.HasPrefix(data, `{"op":10,`) && m.State() == session.AwaitingHello { // it may be taken for the usual one
		j.greeted[m.Conn()], j.interval = true, 41250*time.Millisecond
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
			switch rapid.IntRange(0, 28).Draw(t, "input") {
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
				j.full = true
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
			case 19:
				until := time.Time{}
				if rapid.Bool().Draw(t, "deadline") {
					until = j.now.Add(time.Duration(rapid.IntRange(-1, 100).Draw(t, "until")) * time.Second)
				}
				out := rapid.SampledFrom([]events.Outgoing{
					events.Heartbeat{}, events.UpdatePresence{Status: events.StatusIdle}, events.RequestChannelInfo{GuildID: 5, Fields: []string{"status"}},
				}).Draw(t, "send")
				j.send(m, conn-uint64(rapid.IntRange(0, 1).Draw(t, "old")), out, until)
			case 20:
				since := j.now.Add(-time.Duration(rapid.IntRange(0, 100).Draw(t, "since")) * time.Second)
				m.Step(j.now, session.Input{Kind: session.Reachable, At: since})
			case 21:
				m.Step(j.now, session.Input{Kind: session.Reidentify, Err: errors.New("reidentify")})
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
					j.session, j.given[1] = 1, true
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
