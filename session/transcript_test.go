package session_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

var update = flag.Bool("update", false, "write transcripts and generated pages anew; read the difference before you commit it")

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
//	stop | logout | stall | flow | restart | heartbeat
type chat struct {
	t       *testing.T
	now     time.Time
	begin   time.Time
	cursor  session.Cursor
	machine *session.Machine
	wake    time.Time
	acks    bool
	beats   int // that were not answered
	out     strings.Builder
	moves   *sync.Map
}

func newChat(t *testing.T, moves *sync.Map) *chat {
	begin := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	c := &chat{t: t, now: begin, begin: begin, moves: moves}
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
func (c *chat) Write(conn uint64, op events.Opcode, payload []byte) {
	text := strings.ReplaceAll(string(payload), `"token":"token"`, `"token":"…"`)
	if op == events.OpIdentify {
		text = "…"
	}
	c.say("write #%d %v %s", conn, op, text)
	if op == events.OpHeartbeat {
		c.beats++
	}
}
func (c *chat) Close(conn uint64, code events.CloseCode) { c.say("close #%d %d", conn, int(code)) }
func (c *chat) Enqueue(conn uint64)                      { c.say("enqueue #%d", conn) }
func (c *chat) Dequeue(conn uint64)                      { c.say("dequeue #%d", conn) }
func (c *chat) Wake(at time.Time)                        { c.wake = at }
func (c *chat) Latency(d time.Duration)                  { c.say("latency %v", d) }
func (c *chat) Odd(err error)                            { c.say("odd: %v", err) }
func (c *chat) Deliver(raw events.Raw, meta events.Meta) {
	replayed := ""
	if meta.Replayed {
		replayed = " replayed"
	}
	if meta.Redelivered {
		replayed += " redelivered"
	}
	c.say("deliver %s %d of session %d%s", raw.Type, raw.Seq, meta.Session, replayed)
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
	case "heartbeat":
		c.say("heartbeat: %v", c.machine.Heartbeat(c.now))
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
	case "stall":
		c.step(session.Input{Kind: session.Stalled})
	case "flow":
		c.step(session.Input{Kind: session.Flowing})
	case "restart":
		c.step(session.Input{Kind: session.Restart, Err: errors.New("asked for")})
	case "stop":
		c.step(session.Input{Kind: session.Stop, Code: events.CloseUnknownError})
	case "logout":
		c.step(session.Input{Kind: session.Stop, Code: events.CloseNormal})
	default:
		c.t.Fatalf("no such input: %q", line)
	}
}

// Failures: F16, F17, F18, F20, F43, F45, F46, F59, F61, F97, F98, F101, F102.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	var moves sync.Map
	t.Run("files", func(t *testing.T) {
		for _, name := range files {
			t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
				t.Parallel()
				want, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				got := replay(t, string(want), &moves)
				if *update {
					if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				} else if got != string(want) {
					t.Errorf("%s differs (see -update):\n%s", name, difference(string(want), got))
				}
			})
		}
	})
	for _, from := range session.States() {
		for _, to := range from.Next() {
			if _, ok := moves.Load([2]session.State{from, to}); !ok {
				t.Errorf("no transcript shows the move %v → %v", from, to)
			}
		}
	}
}

// replay runs the inputs of a transcript. "---" begins with a new machine.
func replay(t *testing.T, text string, moves *sync.Map) string {
	var out strings.Builder
	c := newChat(t, moves)
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "  "):
			continue
		case line == "---":
			c = newChat(t, moves)
		case line != "" && !strings.HasPrefix(line, "#"):
			c.do(line)
		}
		out.WriteString(line + "\n" + c.out.String())
		c.out.Reset()
	}
	return out.String()
}

func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d:\nwant %s\ngot  %s", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("want %d lines, got %d", len(a), len(b))
}
