package session_test

import (
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

const (
	noAnswer = ": session: the gateway did not answer in time"
	minute   = time.Minute
)

func steps(lines ...string) func(*voiceChat) {
	return func(c *voiceChat) {
		for _, line := range lines {
			c.do(line)
		}
	}
}

func wait(d time.Duration) func(*voiceChat) { return func(c *voiceChat) { c.after(d) } }

func state(channel int) func(*voiceChat) { return func(c *voiceChat) { c.state(channel) } }

func resumes(missed ...func(*voiceChat)) func(*voiceChat) {
	return func(c *voiceChat) {
		steps("wait", "connected", "hello")(c)
		for _, event := range missed {
			event(c)
		}
		c.told(events.TypeResumed, "{}")
	}
}

// TestVoiceWhile: what happens to the bot between a request and its answer. The last step is the one that ends it.
func TestVoiceWhile(t *testing.T) {
	t.Parallel()
	nowhere := func(t *testing.T) *voiceChat { return begin(t, false, nil) }
	restarted := func(t *testing.T) *voiceChat { return begin(t, true, func(*voiceChat) {}) }
	server := func(c *voiceChat) { c.server("c") }
	outage := func(c *voiceChat) { c.outage() }
	removed := func(c *voiceChat) { c.told(events.TypeGuildDelete, `{"id":"5"}`) }
	elsewhere := func(c *voiceChat) { c.told(events.TypeGuildDelete, `{"id":"6"}`) }
	back := func(c *voiceChat) { c.guild() }
	lost := steps("lost gone")
	type then = []func(*voiceChat)
	for name, test := range map[string]struct {
		begin func(*testing.T) *voiceChat
		ask   string
		then  then
		want  string
	}{
		"join, removed":                    {nowhere, "8", then{elsewhere, removed}, "0 events after 0s" + noAnswer + ": the bot was removed"},
		"join, removed before the server":  {nowhere, "8", then{state(8), removed}, "1 events after 0s" + noAnswer + ": the bot was removed"},
		"leave, removed":                   {inEight, "", then{removed}, "0 events after 0s" + noAnswer + ": the bot was removed"},
		"move, outage, answered after it":  {inEight, "9", then{outage, wait(30 * time.Second), back, state(9), server}, "2 events after 30s"},
		"move, lost in an outage":          {inEight, "9", then{outage, wait(30 * time.Second), back, wait(minute)}, "0 events after 1m0s" + noAnswer},
		"join, moved by others":            {inEight, "8 muted", then{state(9), server, steps(`answer VOICE_STATE_UPDATE 90 {"guild_id":"5","user_id":"7","channel_id":"8"}`), server}, "2 events"},
		"join, moved before the server":    {nowhere, "8", then{state(8), state(9), server}, "3 events"},
		"join, muted before the server":    {nowhere, "8", then{state(8), state(8), server}, "2 events"},
		"move, disconnected, and answered": {inEight, "9", then{state(0), state(9), server}, "2 events"},
		"join, disconnected":               {nowhere, "8", then{state(8), wait(time.Second), state(0)}, "1 events after 1s" + noAnswer + ": the bot was disconnected"},
		"leave, disconnected":              {inEight, "", then{state(0)}, "1 events"},
		"leave, moved":                     {inEight, "", then{state(9), server, state(0)}, "1 events"},
		"mute, moved and back":             {inEight, "8", then{state(9), server, state(8), server}, "2 events"},
		"join, the server first":           {nowhere, "8", then{server, state(8)}, "2 events"},
		"join, answered by the replay":     {nowhere, "8", then{lost, resumes(state(8)), server}, "2 events"},
		"join, not answered by the replay": {nowhere, "8", then{lost, resumes(), wait(5 * time.Second)}, "0 events after 6.1s: session: the connection was lost"},
		"join, the session lost":           {nowhere, "8", then{state(8), steps(`recv {"op":9,"d":false}`)}, "1 events after 0s: session: the session was lost"},

		"not known: the server first":                  {restarted, "8", then{server, state(8)}, "2 events after 0s"},
		"not known: disconnected within the bound":     {restarted, "8", then{state(8), wait(time.Second), state(0)}, "1 events after 1s" + noAnswer + ": the bot was disconnected"},
		"not known: moved within the bound":            {restarted, "8", then{state(8), state(9), server}, "3 events"},
		"not known: no server within the bound":        {restarted, "8", then{state(8), wait(5*time.Second - 1), wait(1)}, "1 events after 5s"},
		"not known: half of the time that is left":     {restarted, "8 in 4s", then{wait(time.Second), state(8), wait(1500 * time.Millisecond)}, "1 events after 2.5s"},
		"not known: no state":                          {restarted, "8 in 4s", then{wait(4 * time.Second)}, "0 events after 4s" + noAnswer},
		"not known: the server in the replay":          {restarted, "8", then{state(8), lost, resumes(), server}, "2 events"},
		"not known: no server in the replay":           {restarted, "8", then{state(8), lost, wait(time.Second), resumes(), wait(5 * time.Second)}, "1 events after"},
		"not known: the connection does not come back": {restarted, "8", then{state(8), lost, steps("wait"), wait(30 * time.Second), wait(30 * time.Second)}, "1 events after 1m0s: session: the connection was lost"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := test.begin(t)
			c.do(strings.TrimSpace("send 1 voice 5 " + test.ask))
			for i, happens := range test.then {
				if c.ends(t, ""); i == len(test.then)-1 {
					happens(c)
					c.ends(t, "written, "+test.want)
					return
				}
				happens(c)
			}
		})
	}
}
