package session_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// voiceChat is a chat about the bot's voice state in guild 5.
type voiceChat struct {
	*chat
	seq int
}

// told has the gateway send an event; what the machine said before is forgotten.
func (c *voiceChat) told(kind events.Type, d string) {
	c.seq++
	c.out.Reset()
	c.do(fmt.Sprintf("answer %s %d %s", kind, c.seq, d))
}

// state is the bot's own voice state, in a channel or, at 0, in none.
func (c *voiceChat) state(channel int) {
	c.told(events.TypeVoiceStateUpdate, voiceIn(channel, `"guild_id":"5",`))
}

func (c *voiceChat) server(endpoint string) {
	c.told(events.TypeVoiceServerUpdate, `{"token":"t","guild_id":"5","endpoint":"`+endpoint+`"}`)
}

// guild is a GUILD_CREATE, with the bot's own voice state and somebody else's, as observed: of no guild.
func (c *voiceChat) guild(states ...string) {
	list := append([]string{`{"member":{"user":{"id":"70"}},"user_id":"70","channel_id":"8","session_id":"s70"}`}, states...)
	c.told(events.TypeGuildCreate, `{"id":"5","name":"\"voice_states\":[{\"user_id\":\"7\"}]","members":[{"user":{"id":"7"}}],"voice_states":[`+strings.Join(list, ",")+`],"unavailable":false}`)
}

// takenOver is a voice state of the bot's by another session.
func (c *voiceChat) takenOver() {
	c.told(events.TypeVoiceStateUpdate, strings.Replace(voiceIn(8, `"guild_id":"5",`), "mine", "another", 1))
}

func (c *voiceChat) outage() { c.told(events.TypeGuildDelete, `{"id":"5","unavailable":true}`) }

// voiceIn is a voice state of the bot's by this session.
func voiceIn(channel int, guild string) string {
	return `{` + guild + `"user_id":"7","session_id":"mine","self_mute":false,"self_deaf":false,"channel_id":` + channelID(channel) + `}`
}

func channelID(channel int) string {
	if channel == 0 {
		return "null"
	}
	return fmt.Sprintf(`"%d"`, channel)
}

// ends requires that what happened has ended the request as wanted; an error is wanted by its text. Empty: that it has not.
func (c *voiceChat) ends(t *testing.T, want string) {
	t.Helper()
	said := c.out.String()
	c.out.Reset()
	_, got, _ := strings.Cut(said, "send 1 ends: ")
	got, _, _ = strings.Cut(got, "\n")
	if want == "" && got != "" || !strings.HasPrefix(got, want) || strings.Contains(got, "session:") != strings.Contains(want, "session:") {
		t.Fatalf("it said %q, want an end %q", said, want)
	}
}

// begin leads a session to Ready: a new one, or one of another process that is resumed, with the events that it has missed.
func begin(t *testing.T, resumed bool, missed func(*voiceChat)) *voiceChat {
	c := &voiceChat{chat: newChat(t, new(sync.Map))}
	if resumed {
		c.do("restored")
		c.seq = 10
	}
	for _, line := range []string{"acks", "start", "connected", "hello"} {
		c.do(line)
	}
	if !resumed {
		c.seq = 1
		c.do("granted")
		c.do("ready 1")
	} else {
		missed(c)
		c.told(events.TypeResumed, "{}")
	}
	return c
}

// inEight is a new session that has joined channel 8.
func inEight(t *testing.T) *voiceChat {
	c := begin(t, false, nil)
	c.guild()
	c.do("send 9 voice 5 8")
	c.state(8)
	c.server("a")
	if !strings.Contains(c.out.String(), "send 9 ends: written, 2 events") {
		t.Fatalf("it did not join: %s", c.out.String())
	}
	return c
}

// resumedIn is a session of another process, which had joined a channel, or not.
func resumedIn(missed func(*voiceChat)) func(t *testing.T) *voiceChat {
	return func(t *testing.T) *voiceChat { return begin(t, true, missed) }
}

func after(what func(*voiceChat)) func(t *testing.T) *voiceChat {
	return func(t *testing.T) *voiceChat {
		c := inEight(t)
		what(c)
		return c
	}
}

// What answers an Update Voice State.
const (
	alone  = "the state alone"
	both   = "the state and a server"
	either = "the state, and a server that follows within 5 s"
)

// before are what may have happened before a request, and what answers one for channel 8, where the bot once was, and one for channel 9.
// To leave is always answered by the state alone.
var before = map[string]struct {
	begin       func(*testing.T) *voiceChat
	eight, nine string
}{
	"nothing":                       {func(t *testing.T) *voiceChat { return begin(t, false, nil) }, both, both},
	"it joined 8":                   {inEight, alone, both},
	"it left":                       {after(func(c *voiceChat) { c.do("send 8 voice 5"); c.state(0) }), both, both},
	"it was disconnected":           {after(func(c *voiceChat) { c.state(0) }), both, both},
	"it was moved to 9":             {after(func(c *voiceChat) { c.state(9); c.server("b") }), both, alone},
	"it was muted by others":        {after(func(c *voiceChat) { c.state(8) }), alone, both},
	"its server changed":            {after(func(c *voiceChat) { c.server("b") }), alone, both},
	"it was removed":                {after(func(c *voiceChat) { c.told(events.TypeGuildDelete, `{"id":"5"}`) }), both, both},
	"it was removed and added":      {after(func(c *voiceChat) { c.told(events.TypeGuildDelete, `{"id":"5"}`); c.guild() }), both, both},
	"an outage goes on":             {after(func(c *voiceChat) { c.outage() }), either, either},
	"an outage":                     {after(func(c *voiceChat) { c.outage(); c.guild(voiceIn(8, "")) }), alone, both},
	"an outage, disconnected in it": {after(func(c *voiceChat) { c.outage(); c.guild() }), both, both},
	"an outage, disconnected in it as were all": {after(func(c *voiceChat) { c.outage(); c.told(events.TypeGuildCreate, `{"id":"5","voice_states":[]}`) }), both, both},
	"an outage, moved in it":                    {after(func(c *voiceChat) { c.outage(); c.guild(voiceIn(9, "")) }), both, alone},
	"an outage, taken over by another process":  {after(func(c *voiceChat) { c.outage(); c.guild(strings.Replace(voiceIn(8, ""), "mine", "another", 1)) }), either, either},
	"taken over by another process":             {after(func(c *voiceChat) { c.takenOver() }), either, either},
	"taken over by another process, and an outage": {after(func(c *voiceChat) {
		c.takenOver()
		c.outage()
		c.guild(strings.Replace(voiceIn(8, ""), "mine", "another", 1))
	}), either, either},
	"taken over by another process, which said not as whom, and an outage": {after(func(c *voiceChat) {
		c.told(events.TypeVoiceStateUpdate, `{"guild_id":"5","user_id":"7","channel_id":"8"}`)
		c.outage()
		c.guild(strings.Replace(voiceIn(8, ""), "mine", "another", 1))
	}), either, either},
	"an outage, then nothing but an id": {after(func(c *voiceChat) { c.outage(); c.told(events.TypeGuildCreate, `{"id":"5"}`) }), either, either},
	"an outage of another guild":        {after(func(c *voiceChat) { c.told(events.TypeGuildDelete, `{"id":"6","unavailable":true}`) }), alone, both},
	"an outage while it was in no channel": {func(t *testing.T) *voiceChat {
		c := begin(t, false, nil)
		c.outage()
		c.guild()
		return c
	}, both, both},
	"an earlier session is still in 8": {func(t *testing.T) *voiceChat {
		c := begin(t, false, nil)
		c.guild(voiceIn(8, ""))
		return c
	}, either, either},
	"a Resume in this process": {after(func(c *voiceChat) {
		for _, line := range []string{"lost gone", "wait", "connected", "hello"} {
			c.do(line)
		}
		c.told(events.TypeResumed, "{}")
	}), alone, both},
	"a Resume in this process, moved meanwhile": {after(func(c *voiceChat) {
		for _, line := range []string{"lost gone", "wait", "connected", "hello"} {
			c.do(line)
		}
		c.state(9)
		c.told(events.TypeResumed, "{}")
	}), both, alone},
	"a new session in this process": {after(func(c *voiceChat) {
		for _, line := range []string{`recv {"op":9,"d":false}`, "wait", "connected", "hello", "granted", "ready 1"} {
			c.do(line)
		}
		c.seq = 1
	}), both, both},
	"a restart":                     {resumedIn(func(*voiceChat) {}), either, either},
	"a restart, moved to 9 in it":   {resumedIn(func(c *voiceChat) { c.state(9) }), both, alone},
	"a restart, moved to 8 and 9":   {resumedIn(func(c *voiceChat) { c.state(8); c.state(9) }), both, alone},
	"a restart, disconnected in it": {resumedIn(func(c *voiceChat) { c.state(0) }), both, both},
	"a restart, removed and added":  {resumedIn(func(c *voiceChat) { c.told(events.TypeGuildDelete, `{"id":"5"}`); c.guild() }), both, both},
	"a restart, moved to 8 in it, and an outage": {func(t *testing.T) *voiceChat {
		c := begin(t, true, func(c *voiceChat) { c.state(8) })
		c.outage()
		c.guild(voiceIn(8, ""))
		return c
	}, alone, both},
	"a restart, moved to 8 in it, and taken over in an outage": {func(t *testing.T) *voiceChat {
		c := begin(t, true, func(c *voiceChat) { c.state(8) })
		c.outage()
		c.guild(strings.Replace(voiceIn(8, ""), "mine", "another", 1))
		return c
	}, either, either},
	"a restart and an outage": {func(t *testing.T) *voiceChat {
		c := begin(t, true, func(*voiceChat) {})
		c.outage()
		c.guild(voiceIn(8, ""))
		return c
	}, either, either},
	"a restart and an outage, disconnected in it": {func(t *testing.T) *voiceChat {
		c := begin(t, true, func(*voiceChat) {})
		c.outage()
		c.guild()
		return c
	}, both, both},
	"a restart, and an answer since": {func(t *testing.T) *voiceChat {
		c := begin(t, true, func(*voiceChat) {})
		c.do("send 9 voice 5 8")
		c.state(8)
		c.after(5 * time.Second)
		return c
	}, alone, both},
	"a frame that could not be read": {after(func(c *voiceChat) {
		for { // at one place, on one connection after the other, until it is skipped
			if c.do("recv {"); strings.Contains(c.out.String(), "skipped") {
				break
			}
			for _, line := range []string{"wait", "connected", "hello", `recv {"op":0,"t":"RESUMED","d":{}}`} {
				c.do(line)
			}
		}
	}), either, either},
}

// TestVoiceAfter: what answers a request depends on where the bot was before, and on whether that is known.
func TestVoiceAfter(t *testing.T) {
	t.Parallel()
	for name, test := range before {
		for channel, want := range map[int]string{8: test.eight, 9: test.nine, 0: alone} {
			for _, manner := range []string{"", " muted", " deafened"} {
				if channel == 0 && manner != "" {
					continue
				}
				t.Run(fmt.Sprintf("%s/%d%s", name, channel, manner), func(t *testing.T) {
					t.Parallel()
					for _, comes := range []bool{true, false} {
						c := test.begin(t)
						c.answered(t, channel, manner, want, comes)
					}
				})
			}
		}
	}
}

// answered asks for a channel, and requires that want is what answers it. comes: a server does, if it may or must.
func (c *voiceChat) answered(t *testing.T, channel int, manner, want string, comes bool) {
	t.Helper()
	ask := "send 1 voice 5"
	if channel != 0 {
		ask += fmt.Sprintf(" %d", channel)
	}
	c.out.Reset()
	c.do(ask + manner)
	c.after(time.Second)
	state := voiceIn(channel, `"guild_id":"5",`)
	switch manner {
	case " muted":
		state = strings.Replace(state, `"self_mute":false`, `"self_mute":true`, 1)
	case " deafened":
		state = strings.Replace(state, `"self_deaf":false`, `"self_deaf":true`, 1)
	}
	if manner != "" && want == alone { // somebody else mutes the bot at the same time
		c.told(events.TypeVoiceStateUpdate, voiceIn(channel, `"guild_id":"5",`))
		c.ends(t, "")
	}
	c.told(events.TypeVoiceStateUpdate, state)
	if want == alone {
		c.ends(t, "written, 1 events after 1s")
		return
	}
	c.after(4 * time.Second)
	c.ends(t, "")
	if comes {
		c.server("c")
		c.ends(t, "written, 2 events after 5s")
		return
	}
	if c.after(time.Second); want == either {
		c.ends(t, "written, 1 events after 6s")
		return
	}
	c.after(2 * time.Minute)
	c.ends(t, "written, 1 events after 1m1s: session: the gateway did not answer in time")
}
