package session_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// left says that the bot is in no channel of the guild any more.
func left(guild string) events.Raw {
	return raw(events.TypeVoiceStateUpdate, `{"guild_id":"`+guild+`","user_id":"7","channel_id":null}`)
}

// ends gives an event to what waits, and requires that it ends the request id with so many events; 0: that it ends nothing.
func ends(t *testing.T, r *session.Replies, event events.Raw, id uint64, parts int) {
	t.Helper()
	ended := r.Observe(noon, event, bot)
	if id == 0 {
		if len(ended) != 0 {
			t.Fatalf("%s %s ended %+v", event.Type, event.Data, ended)
		}
		return
	}
	if len(ended) != 1 || ended[0].ID != id || ended[0].Err != nil || len(ended[0].Events) != parts {
		t.Fatalf("%s %s ended %+v, want %d with %d events", event.Type, event.Data, ended, id, parts)
	}
}

// TestRejoiningAChannelWaitsForItsServer: a channel that the bot has left, by itself or because somebody disconnected or moved it, is joined
// like any other: there is a new server to connect to.
func TestRejoiningAChannelWaitsForItsServer(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*testing.T, *session.Replies){
		"it left": func(t *testing.T, r *session.Replies) {
			r.Add(noon, 2, request(t, events.UpdateVoiceState{GuildID: 5}), time.Time{})
			ends(t, r, left("5"), 2, 1)
		},
		"it was disconnected": func(t *testing.T, r *session.Replies) { ends(t, r, left("5"), 0, 0) },
		"it was moved":        func(t *testing.T, r *session.Replies) { ends(t, r, voiceState(5, 9), 0, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r session.Replies
			r.Add(noon, 1, request(t, join(5, 8)), time.Time{})
			ends(t, &r, voiceState(5, 8), 0, 0)
			ends(t, &r, voiceServer(5, `"a"`), 1, 2)
			leave(t, &r)
			r.Add(noon, 3, request(t, join(5, 8)), time.Time{})
			ends(t, &r, voiceState(5, 8), 0, 0)
			ends(t, &r, voiceServer(5, `"b"`), 3, 2)
			// Where it is now only the state is answered.
			r.Add(noon, 4, request(t, join(5, 8)), time.Time{})
			ends(t, &r, voiceState(5, 8), 4, 1)
		})
	}
}

// TestRejoiningBeforeTheLeaveIsAnsweredWaitsForItsServer: what counts is where the bot is when all that was asked for before is done.
func TestRejoiningBeforeTheLeaveIsAnsweredWaitsForItsServer(t *testing.T) {
	t.Parallel()
	var r session.Replies
	ends(t, &r, voiceState(5, 8), 0, 0)
	r.Add(noon, 1, request(t, events.UpdateVoiceState{GuildID: 5}), time.Time{})
	r.Add(noon, 2, request(t, join(5, 8)), time.Time{})
	r.Add(noon, 3, request(t, events.UpdateVoiceState{GuildID: 5, ChannelID: events.Ptr(events.Snowflake(8)), SelfMute: true}), time.Time{})
	ends(t, &r, left("5"), 1, 1)
	ends(t, &r, voiceState(5, 8), 0, 0)
	ends(t, &r, voiceServer(5, `"b"`), 2, 2)
	ends(t, &r, voiceState(5, 8), 3, 1) // muted where it is: no server comes
}

// TestVoiceOfOneGuildSaysNothingOfAnother: neither where the bot is nor what was asked for, and what was asked for on a connection that is lost
// may never have been read.
func TestVoiceOfOneGuildSaysNothingOfAnother(t *testing.T) {
	t.Parallel()
	var r session.Replies
	ends(t, &r, voiceState(5, 8), 0, 0)
	r.Add(noon, 1, request(t, join(5, 8)), time.Time{})
	r.Add(noon, 2, request(t, join(6, 8)), time.Time{})
	ends(t, &r, voiceState(6, 8), 0, 0)
	ends(t, &r, voiceState(5, 8), 1, 1)
	ends(t, &r, voiceServer(6, `"a"`), 2, 2)
	r.Add(noon, 3, request(t, join(5, 9)), time.Time{})
	r.Disconnected()
	r.Resumed(noon)
	r.Add(noon, 4, request(t, join(5, 9)), time.Time{})
	ends(t, &r, voiceState(5, 9), 0, 0)
	ends(t, &r, voiceServer(5, `"b"`), 4, 2)
}

// TestVoiceStatesThatAnswerNothing: of others, of an unknown bot, of a user whose id is in the text alone, and a second one for the same request.
func TestVoiceStatesThatAnswerNothing(t *testing.T) {
	t.Parallel()
	var r session.Replies
	r.Add(noon, 1, request(t, join(5, 8)), time.Time{})
	if ended := r.Observe(noon, raw(events.TypeVoiceStateUpdate, `{"guild_id":"5","user_id":"0","channel_id":"8"}`), 0); len(ended) != 0 {
		t.Fatalf("without a bot: %+v", ended)
	}
	ends(t, &r, voiceServer(5, `"a"`), 0, 0)
	for _, data := range []string{
		`{"guild_id":"5","user_id":"77","channel_id":"8"}`, `{"guild_id":"5","user_id":"9","channel_id":"8","session_id":"7"}`,
		`{"guild_id":"6","user_id":"7","channel_id":"8"}`, `{"guild_id":"5","user_id":"7","channel_id":"9"}`, `{"guild_id":"5","user_id":"7","channel_id":null}`,
	} {
		ends(t, &r, raw(events.TypeVoiceStateUpdate, data), 0, 0)
	}
	ends(t, &r, voiceState(5, 8), 1, 2)
	r.Add(noon, 2, request(t, join(5, 10)), time.Time{})
	r.Add(noon, 3, request(t, join(5, 10)), time.Time{})
	ends(t, &r, voiceState(5, 10), 0, 0)
	ends(t, &r, voiceState(5, 10), 3, 1) // the second state is the second request's
	ends(t, &r, voiceServer(5, `"b"`), 2, 2)
	r.Add(noon, 4, request(t, join(5, 10)), time.Time{})
	ends(t, &r, voiceServer(5, `"c"`), 0, 0) // one that comes of its own accord is no part of the answer
	ends(t, &r, voiceState(5, 10), 4, 1)
}

// TestUnreadableVoiceStateDoesNotMoveTheBot: where it is known to be, it is muted without a new server.
func TestUnreadableVoiceStateDoesNotMoveTheBot(t *testing.T) {
	t.Parallel()
	var r session.Replies
	ends(t, &r, voiceState(5, 8), 0, 0)
	for _, data := range []string{
		`{"guild_id":"5","user_id":"7","channel_id":[]}`, `{"guild_id":"5","user_id":"7","channel_id":"x"}`, `{"guild_id":"5","user_id":"7","channel_id":null`,
	} {
		ends(t, &r, raw(events.TypeVoiceStateUpdate, data), 0, 0)
	}
	r.Add(noon, 1, request(t, events.UpdateVoiceState{GuildID: 5, ChannelID: events.Ptr(events.Snowflake(8)), SelfMute: true}), time.Time{})
	ends(t, &r, voiceState(5, 8), 1, 1)
}

// TestVoiceStateWithOddFieldsAnswers: an odd field costs itself.
func TestVoiceStateWithOddFieldsAnswers(t *testing.T) {
	t.Parallel()
	var r session.Replies
	r.Add(noon, 1, request(t, join(5, 8)), time.Time{})
	ends(t, &r, raw(events.TypeVoiceStateUpdate, `{"session_id":[],"self_mute":"no","self_deaf":{},"guild_id":"5","user_id":7,"channel_id":"8"}`), 0, 0)
	ends(t, &r, voiceServer(5, `"a"`), 1, 2)
}

// TestJoinThatIsOvertakenIsAnsweredByWhereTheBotIs: a server is that of the last state, also for who asked for another channel before.
func TestJoinThatIsOvertakenIsAnsweredByWhereTheBotIs(t *testing.T) {
	t.Parallel()
	var r session.Replies
	r.Add(noon, 1, request(t, join(5, 8)), time.Time{})
	ends(t, &r, voiceState(5, 8), 0, 0)
	r.Add(noon, 2, request(t, join(5, 9)), time.Time{})
	ends(t, &r, voiceState(5, 9), 0, 0)
	ended := r.Observe(noon, voiceServer(5, `"a"`), bot)
	if len(ended) != 2 || ended[0].ID != 1 || len(ended[0].Events) != 3 || ended[1].ID != 2 || len(ended[1].Events) != 2 {
		t.Fatalf("%+v", ended)
	}
	// Nothing is left that would take the next one's.
	r.Add(noon, 3, request(t, join(5, 10)), time.Time{})
	ends(t, &r, voiceState(5, 10), 0, 0)
	ends(t, &r, voiceServer(5, `"b"`), 3, 2)
}

// TestHowTheBotLeftIsNotHowItIsBack: muted as it left a channel, it is not in the one that its guild lists it in after an outage.
func TestHowTheBotLeftIsNotHowItIsBack(t *testing.T) {
	t.Parallel()
	muted := func(channel int) string {
		return strings.Replace(voiceIn(channel, `"guild_id":"5",`), `"self_mute":false`, `"self_mute":true`, 1)
	}
	for name, left := range map[string]func(c *voiceChat){
		"it left":                        func(c *voiceChat) { c.told(events.TypeVoiceStateUpdate, muted(0)) },
		"it was in none after an outage": func(c *voiceChat) { c.outage(); c.guild() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := begin(t, false, nil)
			c.do("send 1 voice 5 8 muted")
			c.told(events.TypeVoiceStateUpdate, muted(8))
			if voices := c.machine.Voices(); len(voices) != 1 || !voices[0].SelfMute {
				t.Fatalf("it joined muted, and is in %+v", voices)
			}
			left(c)
			c.outage()
			c.guild(voiceIn(9, ""))
			if voices := c.machine.Voices(); len(voices) != 1 || *voices[0].ChannelID != 9 || voices[0].SelfMute {
				t.Errorf("it is in %+v", voices)
			}
		})
	}
}

// TestVoicesAreTheChannelsOfThisSessionAlone: not those that the bot has left, and not those that another session has it in, since a join there would move the audio.
func TestVoicesAreTheChannelsOfThisSessionAlone(t *testing.T) {
	t.Parallel()
	restarted := func(missed ...func(*voiceChat)) func(t *testing.T) *voiceChat {
		return resumedIn(func(c *voiceChat) {
			for _, event := range missed {
				event(c)
			}
		})
	}
	for name, test := range map[string]struct {
		begin    func(*testing.T) *voiceChat
		channels []events.Snowflake
	}{
		"nothing":                          {func(t *testing.T) *voiceChat { return begin(t, false, nil) }, nil},
		"joined":                           {inEight, []events.Snowflake{8}},
		"moved":                            {after(state(9)), []events.Snowflake{9}},
		"left":                             {after(state(0)), nil},
		"taken over by another session":    {after((*voiceChat).takenOver), nil},
		"removed from the guild":           {after(func(c *voiceChat) { c.told(events.TypeGuildDelete, `{"id":"5"}`) }), nil},
		"in an outage":                     {after((*voiceChat).outage), nil},
		"restarted":                        {restarted(), nil},
		"restarted, and joined":            {restarted(state(8)), []events.Snowflake{8}},
		"restarted, joined and left":       {restarted(state(8), state(0)), nil},
		"restarted, and left what was not": {restarted(state(0)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var channels []events.Snowflake
			for _, voice := range test.begin(t).machine.Voices() {
				channels = append(channels, *voice.ChannelID)
			}
			if !slices.Equal(channels, test.channels) {
				t.Errorf("it is in the channels %v, want %v", channels, test.channels)
			}
		})
	}
}

// TestServerOfAMoveComesOnce: the one behind it is that of what was asked for since, also if it comes before its state.
func TestServerOfAMoveComesOnce(t *testing.T) {
	t.Parallel()
	var r session.Replies
	r.Add(noon, 1, request(t, join(5, 8)), time.Time{})
	ends(t, &r, voiceState(5, 8), 0, 0)
	ends(t, &r, voiceServer(5, `"a"`), 1, 2)
	ends(t, &r, voiceState(5, 9), 0, 0)
	r.Add(noon, 2, request(t, join(5, 10)), time.Time{})
	ends(t, &r, voiceServer(5, `"b"`), 0, 0)
	ends(t, &r, voiceServer(5, `"c"`), 0, 0)
	ends(t, &r, voiceState(5, 10), 2, 2)
}
