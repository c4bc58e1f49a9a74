package gatewaytest_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestVoiceOfAnotherSessionIsTakenOver: who asks for the channel where another session has the bot gets the voice state, under its own session id, and
// a server.
func TestVoiceOfAnotherSessionIsTakenOver(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		join := `{"op":4,"d":{"guild_id":"` + guildA.String() + `","channel_id":"7","self_mute":false,"self_deaf":false}}`
		first, second := listen(t, g, events.IntentGuildVoiceStates, 0, 1), listen(t, g, events.IntentGuildVoiceStates, 0, 1)
		first.send(join)
		id := first.last(t, "VOICE_STATE_UPDATE")["session_id"]
		for range 2 {
			second.send(join)
			synctest.Wait()
		}
		want := []string{"VOICE_STATE_UPDATE", "VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE", "VOICE_STATE_UPDATE"}
		if got := second.events(""); !slices.Equal(got[len(got)-4:], want) {
			t.Errorf("the other session heard %q", got)
		}
		if got := second.last(t, "VOICE_STATE_UPDATE")["session_id"]; got == id || got == nil {
			t.Errorf("the voice state is of session %v, as before", got)
		}
	}, bothGuilds, gatewaytest.WithParallelSessions(), calm)
}

// TestVoiceOfAGuildThatIsAway: it does not answer, and what somebody does to the bot in an outage is heard of when that is over.
func TestVoiceOfAGuildThatIsAway(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		w, one := g.World(), listen(t, g, events.IntentGuilds|events.IntentGuildVoiceStates, 0, 1)
		ask := func(channel int) {
			one.send(fmt.Sprintf(`{"op":4,"d":{"guild_id":"%v","channel_id":"%d","self_mute":false,"self_deaf":false}}`, guildA, channel))
			time.Sleep(time.Second)
		}
		ask(7)
		before := len(one.events(""))
		w.GuildOutage(guildA, true)
		w.Voice(guildA, gatewaytest.BotID, 8, nil)
		ask(9)
		w.GuildOutage(guildA, false)
		states := one.last(t, "GUILD_CREATE")["voice_states"].([]any)
		if len(states) != 1 || states[0].(map[string]any)["channel_id"] != "8" {
			t.Errorf("after the outage: %v", states)
		}
		w.RemoveGuild(guildA)
		ask(9)
		w.AddGuild(guildA, nil)
		if states := one.last(t, "GUILD_CREATE")["voice_states"].([]any); len(states) != 0 {
			t.Errorf("added again: %v", states)
		}
		want := []string{"GUILD_DELETE true", "GUILD_CREATE false", "GUILD_DELETE", "GUILD_CREATE"} // a new guild has none
		if got := one.events("unavailable")[before:]; !slices.Equal(got, want) {
			t.Errorf("heard %q", got)
		}
	}, bothGuilds, calm)
}
