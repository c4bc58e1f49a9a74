package session_test

import (
	"sync"
	"testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// TestOptionalIntentsThatAreRefused: after 4014 the session is over, and the next begins without them, in every state in which there is a
// connection; with what is left refused as well, the machine ends.
func TestOptionalIntentsThatAreRefused(t *testing.T) {
	t.Parallel()
	const optional = events.IntentGuildMembers
	for name, before := range map[string][]string{
		"as it begins": {"start", "connected", "hello", "granted"},
		"Ready":        {"start", "connected", "hello", "granted", "ready 1"},
		"Resuming":     {"resumable", "start", "connected", "hello"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newChat(t, new(sync.Map))
			machine, err := session.NewMachine(session.Config{
				Shard: events.ShardID{Index: 3, Total: 16}, Cursor: &c.cursor,
				Identify: events.Identify{Token: "token", Intents: events.IntentGuilds | optional}, OptionalIntents: optional,
			}, c)
			if err != nil {
				t.Fatal(err)
			}
			c.machine = machine
			for _, line := range before {
				c.do(line)
			}
			refused := session.Input{Kind: session.Lost, Err: &session.CloseError{Code: events.CloseDisallowedIntents}}
			c.step(refused)
			if machine.State() != session.Backoff && machine.State() != session.Connecting || c.cursor.Resumable() {
				t.Fatalf("after 4014 it is %v", machine.State())
			}
			if machine.State() == session.Backoff {
				c.do("wait")
			}
			c.do("connected")
			c.do("hello")
			c.do("granted")
			if terms := machine.Terms(); machine.State() != session.Identifying || terms.Intents != events.IntentGuilds {
				t.Errorf("it is %v, with %v\n%s", machine.State(), terms.Intents, c.out.String())
			}
			c.step(refused)
			if machine.State() != session.Closed {
				t.Errorf("after another it is %v", machine.State())
			}
		})
	}
}
