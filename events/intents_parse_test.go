package events_test

import (
	"errors"
	"testing"

	"github.com/signalbox-go/signalbox/events"
)

// TestParseIntentsIsTheInverseOfString, and takes what people write.
func TestParseIntentsIsTheInverseOfString(t *testing.T) {
	t.Parallel()
	for _, all := range []events.Intents{0, events.IntentGuilds, events.IntentsAll, events.IntentsPrivileged, 1<<17 | events.IntentGuilds, 1 << 63, ^events.Intents(0)} {
		if got, err := events.ParseIntents(all.String()); err != nil || got != all {
			t.Errorf("%v is read as %v, %v", all, got, err)
		}
	}
	want := events.IntentGuilds | events.IntentGuildMessages
	for _, text := range []string{"GUILDS,GUILD_MESSAGES", " guilds , Guild_Messages ", "GUILD_MESSAGES|GUILDS", "GUILDS,GUILDS|GUILD_MESSAGES"} {
		if got, err := events.ParseIntents(text); err != nil || got != want {
			t.Errorf("%q is read as %v, %v", text, got, err)
		}
	}
	for text, name := range map[string]string{"GUILDS,GILDS": "GILDS", "": "", "GUILDS,": "", "513": "513", "1<<64": "1<<64", "1<<-1": "1<<-1", "1<<": "1<<"} {
		got, err := events.ParseIntents(text)
		var unknown *events.IntentNameError
		if !errors.As(err, &unknown) || unknown.Name != name || got&^events.IntentGuilds != 0 {
			t.Errorf("%q is read as %v, %v", text, got, err)
		}
	}
}
