package events_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// sender answers each request with the same events and error. It notes what was sent.
type sender struct {
	events []events.Raw
	err    error
	sent   events.Outgoing
}

func (s *sender) Send(_ context.Context, out events.Outgoing) (events.Answer, error) {
	s.sent = out
	return events.Answer{Receipt: receipt, Events: s.events}, s.err
}

// streamer hands them over one by one, and has its error even when the rest was given up.
type streamer struct{ sender }

func (s *streamer) Stream(ctx context.Context, out events.Outgoing, part func(events.Raw) bool) (events.Answer, error) {
	answer, err := s.Send(ctx, out)
	for _, raw := range answer.Events {
		if !part(raw) {
			break
		}
	}
	return events.Answer{Receipt: answer.Receipt}, err
}

var (
	receipt = events.Receipt{Shard: events.ShardID{Index: 3, Total: 8}, Queued: time.Second, RoundTrip: 2 * time.Second}
	errSend = errors.New("lost on the way")
)

func event(name events.Type, data string) events.Raw {
	return events.Raw{Type: name, Data: []byte(data)}
}

// outcome is what matters of any answer.
type outcome struct {
	receipt events.Receipt
	parts   int // that could be read
	err     error
}

// TestAnswerOfWhichAPartCannotBeReadKeepsTheRest: the caller gets one error that says so, beside the one of the sender if there is one, and all
// that can be read.
func TestAnswerOfWhichAPartCannotBeReadKeepsTheRest(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		send      func(events.Sender) outcome
		good, bad []events.Raw
	}{
		"members": {func(s events.Sender) outcome {
			got, err := events.RequestGuildMembers{GuildID: 5, UserIDs: []events.Snowflake{1}}.SendEvent(t.Context(), s)
			if got.GuildID != 5 || len(got.NotFound) != len(got.Members) || len(got.Presences) != len(got.Members) {
				t.Errorf("%+v", got)
			}
			return outcome{got.Receipt, len(got.Members), err}
		}, []events.Raw{
			event(events.TypeGuildMembersChunk, `{"members":[{"nick":"a"}],"not_found":["7"],"presences":[{"user":{"id":"1"}}]}`),
			event(events.TypeGuildMembersChunk, `{"members":[{"nick":"b"}],"not_found":["8"],"presences":[{"user":{"id":"2"}}]}`),
		}, []events.Raw{event(events.TypeGuildMembersChunk, `7`), event(events.TypeGuildMembersChunk, `{"members":[`)}},
		"voice": {func(s events.Sender) outcome {
			got, err := events.UpdateVoiceState{GuildID: 5}.SendEvent(t.Context(), s)
			parts := 0
			if got.State != nil && got.State.GuildID == 5 {
				parts++
			}
			if got.Server != nil && got.Server.GuildID == 5 {
				parts++
			}
			return outcome{got.Receipt, parts, err}
		}, []events.Raw{event(events.TypeVoiceStateUpdate, `{"guild_id":"5"}`)}, []events.Raw{event(events.TypeVoiceServerUpdate, `[{"guild_id":"5"}]`)}},
		"voice server": {func(s events.Sender) outcome {
			got, err := events.UpdateVoiceState{GuildID: 5}.SendEvent(t.Context(), s)
			parts := 0
			if got.Server != nil && got.Server.Endpoint != nil && *got.Server.Endpoint == "e" {
				parts++
			}
			return outcome{got.Receipt, parts, err}
		}, []events.Raw{event(events.TypeVoiceServerUpdate, `{"guild_id":"5","endpoint":"e"}`)}, []events.Raw{event(events.TypeVoiceStateUpdate, `"text"`)}},
		"soundboard": {func(s events.Sender) outcome {
			got, err := events.RequestSoundboardSounds{GuildIDs: []events.Snowflake{5, 6}}.SendEvent(t.Context(), s)
			for guild, sounds := range got.Guilds {
				if len(sounds) != 1 || guild != 5 && guild != 6 {
					t.Errorf("%v: %v", guild, sounds)
				}
			}
			return outcome{got.Receipt, len(got.Guilds), err}
		}, []events.Raw{
			event(events.TypeSoundboardSounds, `{"guild_id":"5","soundboard_sounds":[{}]}`), event(events.TypeSoundboardSounds, `{"guild_id":"6","soundboard_sounds":[{}]}`),
		}, []events.Raw{event(events.TypeSoundboardSounds, `[9]`)}},
		"channel info": {func(s events.Sender) outcome {
			got, err := events.RequestChannelInfo{GuildID: 5, Fields: []string{"status"}}.SendEvent(t.Context(), s)
			return outcome{got.Receipt, len(got.Channels), err}
		}, []events.Raw{event(events.TypeChannelInfo, `{"guild_id":"5","channels":[{"id":"1"}]}`)}, nil},
		"channel info that cannot be read": {func(s events.Sender) outcome {
			got, err := events.RequestChannelInfo{GuildID: 5, Fields: []string{"status"}}.SendEvent(t.Context(), s)
			return outcome{got.Receipt, len(got.Channels), err}
		}, nil, []events.Raw{event(events.TypeChannelInfo, `"channels"`)}},
		"presence": {func(s events.Sender) outcome {
			got, err := events.UpdatePresence{}.SendEvent(t.Context(), s)
			return outcome{got, 0, err}
		}, nil, nil},
		"heartbeat": {func(s events.Sender) outcome {
			got, err := events.Heartbeat{}.SendEvent(t.Context(), s)
			return outcome{got, 0, err}
		}, nil, nil},
	} {
		mixed := append(append([]events.Raw{}, test.bad...), test.good...)
		if got := test.send(&sender{events: test.good}); got != (outcome{receipt, len(test.good), nil}) {
			t.Errorf("%s: %+v", name, got)
		}
		if got := test.send(&sender{events: mixed}); got.parts != len(test.good) || got.receipt != receipt || (got.err != nil) != (len(test.bad) > 0) {
			t.Errorf("%s, a part of which cannot be read: %+v", name, got)
		}
		if got := test.send(&sender{events: mixed, err: errSend}); got.parts != len(test.good) || got.receipt != receipt || !errors.Is(got.err, errSend) {
			t.Errorf("%s, and an error: %+v", name, got)
		}
	}
}

// TestChunksEndWithTheirError: each part comes once, one that cannot be read as an error in its place, and the sender's error last; and who has enough
// is given no more.
func TestChunksEndWithTheirError(t *testing.T) {
	t.Parallel()
	good, bad := event(events.TypeGuildMembersChunk, `{"chunk_index":1}`), event(events.TypeGuildMembersChunk, `[1]`)
	request := events.RequestGuildMembers{GuildID: 5, UserIDs: []events.Snowflake{1}}
	for _, test := range []struct {
		events []events.Raw
		err    error
		want   string // g: a chunk, b: one that cannot be read, e: the error
	}{
		{nil, nil, ""}, {nil, errSend, "e"}, {[]events.Raw{good, good}, nil, "gg"}, {[]events.Raw{good, bad, good}, nil, "gbg"},
		{[]events.Raw{good, bad}, errSend, "gbe"},
	} {
		for _, s := range []events.Sender{&sender{events: test.events, err: test.err}, &streamer{sender{events: test.events, err: test.err}}} {
			for enough := 1; enough <= len(test.want)+1; enough++ {
				got := ""
				for chunk, err := range request.Chunks(t.Context(), s) {
					switch {
					case errors.Is(err, errSend) && chunk == nil:
						got += "e"
					case err != nil && chunk == nil:
						got += "b"
					case err == nil && chunk != nil && chunk.ChunkIndex == 1:
						got += "g"
					default:
						t.Errorf("%+v, %v", chunk, err)
					}
					if len(got) == enough {
						break
					}
				}
				if want := test.want[:min(enough, len(test.want))]; got != want {
					t.Errorf("%T, %q, of which %d are enough: %q", s, test.want, enough, got)
				}
			}
		}
	}
}

// TestRateLimitedErrorSaysForHowLong, and of which guild, if it is one's.
func TestRateLimitedErrorSaysForHowLong(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]*events.RateLimitedError{
		"events: Request Guild Members (8) is rate limited for guild 5: retry after 3s": {Opcode: 8, RetryAfter: 3 * time.Second, GuildID: 5},
		"events: opcode 50 is rate limited: retry after 1m0s":                           {Opcode: 50, RetryAfter: time.Minute},
	} {
		if err.Error() != want {
			t.Error(err)
		}
	}
}
