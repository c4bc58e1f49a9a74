package session_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

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
		voice.SelfMute, voice.SelfDeaf = slices.Contains(words, "muted"), slices.Contains(words, "deafened")
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
		c.cursor = session.Cursor{SessionID: "old", ResumeURL: "wss://resume.discord.gg", Seq: 10, Session: 1, User: bot}
	case "restored":
		c.cursor = session.Snapshot{SessionID: "old", ResumeURL: "wss://resume.discord.gg", Seq: 10, Bot: bot}.Cursor()
	case "outdated":
		c.cursor = session.Snapshot{SessionID: "old", Seq: 10, Terms: session.Terms{Known: true, Intents: events.IntentsAll, LargeThreshold: 250}}.Cursor()
	case "aged":
		c.cursor = session.Snapshot{SessionID: "old", ResumeURL: "wss://resume.discord.gg", Seq: 10, Bot: bot, SavedAt: c.now.Add(-c.duration(rest)).Round(0)}.Cursor()
	case "presented":
		c.cursor = session.Snapshot{
			SessionID: "old", Seq: 10, Presence: `{"since":null,"activities":[],"status":"dnd","afk":false}`, PresenceUpdated: true,
		}.Cursor()
	case "presence":
		if presence, due := c.machine.Presence(); due {
			c.say("due: %s", presence)
		}
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
	case "busy":
		c.machine.Step(c.now, session.Input{Kind: session.Lost, Conn: c.machine.Conn(), At: c.now.Add(c.duration(rest)), Err: errors.New("busy")})
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
