package session_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// The transcripts in testdata read like a chat: a line at the margin is an input, the indented
// lines below it are what the machine asked of its host.
//
//	resumable          begin with a session to resume
//	restored           the same, from a store that may be behind
//	outdated           the same, of a session that began with other terms
//	aged DURATION      the same, of one that was saved so long ago
//	presented          the same, of one that was sent a presence after it began
//	start              Start
//	connected          the dial has succeeded
//	hello [ms]         Hello, with an interval
//	recv JSON          a frame
//	dispatch TYPE SEQ  an event with that sequence
//	ready SEQ          READY
//	after DURATION     time passes; ticks come when they were asked for
//	sleep DURATION     time passes; ticks do not come
//	wait               time passes until the machine dials again
//	granted            the permit is here
//	refused [DURATION] no permit until then, if it is known when
//	waiting DURATION   the dial begins only then
//	old DURATION JSON  a frame that was read so long ago
//	lost TEXT|CODE     the connection fails
//	acks               from here on heartbeats that a tick brings are answered
//	stale              inputs of a connection that has ended
//	full               the subscribers are behind, says the next delivery
//	broken             the next write fails
//	send ID WHAT …     members GUILD NONCE, info GUILD, sounds GUILD…, voice GUILD [CHANNEL] [muted] [deafened], presence or heartbeat; "in DURATION"
//	                   at the end is its deadline
//	streamed ID        parts of that answer are taken as they come
//	old-send ID WHAT … the same, for the connection before
//	answer TYPE SEQ D  an event with that data
//	reachable [AGO]    another shard has become Ready; the last one before did so long ago, or none did
//	presence           which presence the session is to be sent
//	stop | logout | flow | restart | reidentify
type chat struct {
	t       *testing.T
	now     time.Time
	begin   time.Time
	cursor  session.Cursor
	machine *session.Machine
	wake    time.Time
	acks    bool
	beats   int // that were not answered
	full    bool
	broken  bool
	taken   map[uint64]bool // streamed
	out     strings.Builder
	moves   *sync.Map
}

func newChat(t *testing.T, moves *sync.Map) *chat {
	begin := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	c := &chat{t: t, now: begin, begin: begin, moves: moves, taken: make(map[uint64]bool)}
	machine, err := session.NewMachine(session.Config{
		Shard:    events.ShardID{Index: 3, Total: 16},
		Identify: events.Identify{Token: "token", Intents: events.IntentGuilds},
		Rand:     rand.New(rand.NewPCG(1, 2)), Cursor: &c.cursor,
	}, c)
	if err != nil {
		t.Fatal(err)
	}
	c.machine = machine
	return c
}

func (c *chat) say(format string, args ...any) { fmt.Fprintf(&c.out, "  "+format+"\n", args...) }

func (c *chat) Connect(conn uint64, url events.Secret) {
	name := "the resume URL"
	if url == "" {
		name = "the gateway's URL"
	}
	c.say("connect #%d to %s", conn, name)
}
func (c *chat) Write(conn uint64, op events.Opcode, payload []byte) error {
	text := strings.ReplaceAll(string(payload), `"token":"token"`, `"token":"…"`)
	if op == events.OpIdentify {
		_, presence, shown := strings.Cut(text, `,"presence":`)
		if text = "…"; shown {
			text = "… with presence " + strings.TrimSuffix(presence, "}}")
		}
	}
	c.say("write #%d %v %s", conn, op, text)
	if op == events.OpHeartbeat {
		c.beats++
	}
	if c.broken {
		c.broken = false
		return errors.New("broken pipe")
	}
	return nil
}
func (c *chat) Close(conn uint64, code events.CloseCode) { c.say("close #%d %d", conn, int(code)) }
func (c *chat) Enqueue(conn uint64)                      { c.say("enqueue #%d", conn) }
func (c *chat) Dequeue(conn uint64)                      { c.say("dequeue #%d", conn) }
func (c *chat) Wake(at time.Time)                        { c.wake = at }
func (c *chat) Latency(d, _ time.Duration)               { c.say("latency %v", d) }
func (c *chat) Odd(err error)                            { c.say("odd: %v", err) }
func (c *chat) Part(id uint64, raw events.Raw) bool {
	if c.taken[id] {
		c.say("part of %d: %s", id, raw.Type)
	}
	return c.taken[id]
}
func (c *chat) Ended(o session.Outcome) {
	text := "not written"
	if !o.Written.IsZero() {
		text = fmt.Sprintf("written, %d events after %v", len(o.Events), o.RoundTrip)
	}
	if o.Err != nil {
		text += ": " + o.Err.Error()
	}
	c.say("send %d ends: %s", o.ID, text)
}
func (c *chat) Deliver(raw events.Raw, meta events.Meta) (full bool) {
	replayed := ""
	if meta.Replayed {
		replayed = " replayed"
	}
	if meta.Redelivered {
		replayed += " redelivered"
	}
	if meta.Seq != raw.Seq {
		replayed += fmt.Sprintf(", told as %d", meta.Seq)
	}
	full, c.full = c.full, false
	if full {
		replayed += ": full"
	}
	c.say("deliver %s %d of session %d%s", raw.Type, raw.Seq, meta.Session, replayed)
	return full
}
func (c *chat) Changed(m session.Change) {
	c.moves.Store([2]session.State{m.From, m.To}, true)
	text := fmt.Sprintf("%v → %v", m.From, m.To)
	if m.Lost {
		text += ", session lost"
	}
	if !m.Retry.IsZero() {
		text += fmt.Sprintf(", again in %v", m.Retry.Sub(m.At).Round(time.Millisecond))
	}
	if m.Cause != nil {
		text += ": " + m.Cause.Error()
	}
	c.say("%s", text)
}

func (c *chat) step(in session.Input) {
	if in.Conn == 0 && in.Kind != session.Start && in.Kind != session.Stop && in.Kind != session.Tick {
		in.Conn = c.machine.Conn()
	}
	in.At = c.now
	c.machine.Step(c.now, in)
}
