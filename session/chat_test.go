package session_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
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
//	send ID WHAT …     members GUILD NONCE, info GUILD, sounds GUILD…, voice GUILD [CHANNEL], presence or heartbeat; "in DURATION"
//	                   at the end is its deadline
//	streamed ID        parts of that answer are taken as they come
//	old-send ID WHAT … the same, for the connection before
//	answer TYPE SEQ D  an event with that data
//	reachable [AGO]    another shard has become Ready; the last one before did so long ago, or none did
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
		text = "…"
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

// after lets time pass, with the ticks that were asked for.
func (c *chat) after(d time.Duration) {
	end := c.now.Add(d)
	for n := 0; !c.wake.IsZero() && !c.wake.After(end); n++ {
		if n > 10_000 {
			c.t.Fatal("the machine wakes without end")
		}
		if c.wake.After(c.now) {
			c.now = c.wake
			fmt.Fprintf(&c.out, "  +%v\n", c.now.Sub(c.begin).Round(time.Millisecond))
		}
		c.beats = 0
		c.step(session.Input{Kind: session.Tick})
		if c.acks && c.beats > 0 {
			c.step(session.Input{Kind: session.Frame, Data: []byte(`{"op":11}`)})
		}
	}
	c.now = end
}

func (c *chat) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		c.t.Fatal(err)
	}
	return d
}

func (c *chat) number(text string) events.Snowflake {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		c.t.Fatal(err)
	}
	return events.Snowflake(n)
}

// send asks for something, as in "1 members 5 a in 10s".
func (c *chat) send(conn uint64, text string) {
	words := strings.Fields(text)
	in := session.Input{Kind: session.Send, Conn: conn, ID: uint64(c.number(words[0]))}
	if n := len(words); words[n-2] == "in" {
		in.Deadline, words = c.now.Add(c.duration(words[n-1])), words[:n-2]
	}
	var numbers []events.Snowflake
	for _, word := range words[2:] {
		if n, err := strconv.Atoi(word); err == nil {
			numbers = append(numbers, events.Snowflake(n))
		}
	}
	var out events.Outgoing
	switch words[1] {
	case "members":
		out = members(numbers[0], words[3])
	case "info":
		out = events.RequestChannelInfo{GuildID: numbers[0], Fields: []string{"status"}}
	case "sounds":
		out = events.RequestSoundboardSounds{GuildIDs: numbers}
	case "voice":
		voice := events.UpdateVoiceState{GuildID: numbers[0]}
		if len(numbers) > 1 {
			voice.ChannelID = &numbers[1]
		}
		out = voice
	case "presence":
		out = events.UpdatePresence{Status: events.StatusIdle}
	case "heartbeat":
		out = events.Heartbeat{}
	default:
		c.t.Fatalf("nothing such can be sent: %q", text)
	}
	asked, err := out.Request()
	if err == nil {
		in.Payload, err = asked.Payload()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	in.Request = &asked
	c.machine.Step(c.now, in)
}

func (c *chat) do(line string) {
	verb, rest, _ := strings.Cut(line, " ")
	frame := func(text string) { c.step(session.Input{Kind: session.Frame, Data: []byte(text)}) }
	switch verb {
	case "resumable":
		c.cursor = session.Cursor{SessionID: "old", ResumeURL: "wss://resume.discord.gg", Seq: 10, Session: 1}
	case "restored":
		c.cursor = session.Snapshot{SessionID: "old", ResumeURL: "wss://resume.discord.gg", Seq: 10}.Cursor()
	case "waiting":
		c.machine.Step(c.now, session.Input{Kind: session.Waiting, Conn: c.machine.Conn(), At: c.now.Add(c.duration(rest))})
	case "send":
		c.send(c.machine.Conn(), rest)
	case "old-send":
		c.send(c.machine.Conn()-1, rest)
	case "streamed":
		c.taken[uint64(c.number(rest))] = true
	case "answer":
		name, rest, _ := strings.Cut(rest, " ")
		seq, d, _ := strings.Cut(rest, " ")
		frame(`{"op":0,"t":"` + name + `","s":` + seq + `,"d":` + d + `}`)
	case "reachable":
		var at time.Time
		if rest != "" {
			at = c.now.Add(-c.duration(rest))
		}
		c.machine.Step(c.now, session.Input{Kind: session.Reachable, At: at})
	case "start":
		c.step(session.Input{Kind: session.Start})
	case "connected":
		c.step(session.Input{Kind: session.Connected})
	case "hello":
		if rest == "" {
			rest = "41250"
		}
		frame(`{"op":10,"d":{"heartbeat_interval":` + rest + `}}`)
	case "recv":
		frame(rest)
	case "dispatch":
		name, seq, _ := strings.Cut(rest, " ")
		frame(`{"op":0,"t":"` + name + `","s":` + seq + `,"d":{}}`)
	case "ready":
		frame(`{"op":0,"t":"READY","s":` + rest + `,"d":{"session_id":"new","resume_gateway_url":"wss://resume.discord.gg","user":{"id":"7"}}}`)
	case "granted":
		c.step(session.Input{Kind: session.Granted})
	case "refused":
		var at time.Time
		if rest != "" {
			at = c.now.Add(c.duration(rest))
		}
		c.machine.Step(c.now, session.Input{Kind: session.Refused, Conn: c.machine.Conn(), At: at, Err: errors.New("no budget")})
	case "old":
		age, text, _ := strings.Cut(rest, " ")
		c.machine.Step(c.now, session.Input{Kind: session.Frame, Conn: c.machine.Conn(), At: c.now.Add(-c.duration(age)), Data: []byte(text)})
	case "lost":
		var err error = errors.New(rest)
		if code, bad := strconv.Atoi(rest); bad == nil {
			err = &session.CloseError{Code: events.CloseCode(code)}
		}
		c.step(session.Input{Kind: session.Lost, Err: err})
	case "stale":
		for _, kind := range []session.InputKind{session.Connected, session.Lost, session.Granted, session.Refused, session.Frame} {
			c.machine.Step(c.now, session.Input{Kind: kind, Conn: c.machine.Conn() - 1, Data: []byte(`{"op":7}`), Err: errors.New("old")})
		}
	case "after":
		c.after(c.duration(rest))
	case "wait":
		for before, n := c.machine.Conn(), 0; c.machine.Conn() == before; n++ {
			if n > 1000 || c.wake.IsZero() {
				c.t.Fatal("it does not connect again")
			}
			c.after(max(c.wake.Sub(c.now), 0))
		}
	case "sleep":
		c.now = c.now.Add(c.duration(rest))
	case "acks":
		c.acks = true
	case "full":
		c.full = true
	case "broken":
		c.broken = true
	case "flow":
		c.step(session.Input{Kind: session.Flowing})
	case "restart":
		c.step(session.Input{Kind: session.Restart, Err: errors.New("asked for")})
	case "reidentify":
		c.machine.Step(c.now, session.Input{Kind: session.Reidentify, Err: errors.New("asked for")})
	case "stop":
		c.step(session.Input{Kind: session.Stop, Code: events.CloseUnknownError})
	case "logout":
		c.step(session.Input{Kind: session.Stop, Code: events.CloseNormal})
	default:
		c.t.Fatalf("no such input: %q", line)
	}
}
