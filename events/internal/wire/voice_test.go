package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/events/internal/wire"
)

// TestGuildVoiceOf: of a guild only the user's own voice state is read, whatever else there is.
func TestGuildVoiceOf(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]wire.GuildVoice{
		`{"id":"5"}`:                    {GuildID: 5},
		`{"id":"5","unavailable":true}`: {GuildID: 5, Unavailable: true},
		`{"id":"5","unavailable":null,"voice_states":null}`: {GuildID: 5},
		`{"voice_states":[],"id":5}`:                        {GuildID: 5, Listed: true},
		`{"id":"5","voice_states":[{"channel_id":"8","member":{"user":{"id":"9"},"roles":["7"]},"user_id":"9","session_id":"a"}]}`:                         {GuildID: 5, Listed: true},
		`{"id":"5","voice_states":[{"user_id":"9","channel_id":"6"},{"channel_id":"8","user_id":"7","session_id":"b"},{"user_id":"10","channel_id":"6"}]}`: {GuildID: 5, Listed: true, ChannelID: 8, SessionID: "b"},
		` { "id" : "5" , "voice_states" : [ { "user_id" : "7" , "channel_id" : "8" } ] , "roles" : [ { "id" : "4" } ] } `:                                  {GuildID: 5, Listed: true, ChannelID: 8},
		`{"id":"5","channels":[{"id":"1","voice_states":[{"user_id":"7","channel_id":"8"}]}],"name":"\"voice_states\":[{\"user_id\":\"7\"}]"}`:             {GuildID: 5},
		// What is odd costs itself.
		`{"id":"5","unavailable":"yes","voice_states":{}}`:                                                               {GuildID: 5},
		`{"voice_states":[7,null,{"user_id":[]},{"user_id":7,"channel_id":"8","session_id":{}}],"id":"5","channels":{}}`: {GuildID: 5, Listed: true, ChannelID: 8},
	} {
		got, ok := wire.GuildVoiceOf([]byte(data), 7)
		if !ok || got != want {
			t.Errorf("%s: %+v, %v", data, got, ok)
		}
		if in := wire.InVoice([]byte(data), 7); got.ChannelID != 0 && !in {
			t.Errorf("%s: the user is in voice, and is not seen", data)
		}
	}
	for _, data := range []string{"", "7", "null", "[]", `{"id":"5"`, `{"id":"5","voice_states":[`, `{"id":"5","voice_states":[{"user_id":[`} {
		if got, ok := wire.GuildVoiceOf([]byte(data), 7); ok || strings.HasPrefix(data, `{"id":"5",`) && got.GuildID != 5 {
			t.Errorf("%s: %+v, %v", data, got, ok)
		}
	}
}

// TestInVoiceLooksAtTheListAlone: who is a member, or is named in a text, is not in voice.
func TestInVoiceLooksAtTheListAlone(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]bool{
		"": false, `{"voice_states`: false, `{"voice_states"`: false, `{"voice_states":`: false, `{"voice_states":7}`: false, `{"voice_states":null,"x":"7"}`: false,
		`{"voice_states":[],"members":[{"user":{"id":"7"}}]}`:                          false,
		`{"members":[{"user":{"id":"7"}}],"voice_states":[{"user_id":"9"}],"id":"7"}`:  false,
		`{"name":"voice_states","voice_states":[{"user_id":"7"}]}`:                     true,
		`{"name":"\"voice_states\":[7]","voice_states":[]}`:                            false,
		`{"name":"voice_states","id":"7"}`:                                             false,
		"{\"voice_states\" :\t[\n{\"user_id\":\"9\"},{\"user_id\":\"7\"}]}":            true,
		`{"voice_states":[{"member":{"nick":"]"},"user_id":"9"},{"user_id":"7"}]}`:     true,
		`{"voice_states":[{"member":{"nick":"]"},"user_id":"9"},{"user_id":"7"`:        true,
		`{"voice_states":[{"member":{"roles":["7"]},"user_id":"9"}],"channels":["1"]}`: true, // it may
	} {
		if got := wire.InVoice([]byte(data), 7); got != want {
			t.Errorf("%s: %v", data, got)
		}
	}
}

// BenchmarkInVoice is what a guild of 5,000 members costs whose voice states say nothing of the bot.
func BenchmarkInVoice(b *testing.B) {
	var members []string
	for i := range 5000 {
		members = append(members, fmt.Sprintf(`{"user":{"username":"bob","id":"%d","discriminator":"0","avatar":null},"roles":[],"mute":false,"joined_at":"2021-01-01T00:00:00+00:00","deaf":false}`, 1<<60+i))
	}
	data := []byte(`{"id":"1","members":[` + strings.Join(members, ",") + `],"voice_states":[{"user_id":"9","channel_id":"8"}]}`)
	for name, read := range map[string]func(){
		"InVoice":      func() { wire.InVoice(data, 7) },
		"GuildVoiceOf": func() { wire.GuildVoiceOf(data, 7) },
		"PartOf":       func() { wire.PartOf(data) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				read()
			}
		})
	}
}
