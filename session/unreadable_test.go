package session_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// TestAnswersThatCannotBeReadEndNothing: data that is no object, is cut off, has fields of the wrong types, or comes with an event of another type
// answers no request, and takes nothing from its answer. Each request ends once: with the answer that comes after it, or when its time is up.
func TestAnswersThatCannotBeReadEndNothing(t *testing.T) {
	t.Parallel()
	const state = `{"guild_id":"5","user_id":"7","channel_id":"8"}`
	for _, test := range []struct {
		name  string
		out   events.Outgoing
		first []events.Raw // of the answer, and that ends nothing
		last  events.Raw   // and what ends it
		other []string     // data of the last event's type that cannot be read
	}{
		{"members", members(5, "a"), []events.Raw{chunk("a", 5, 0, 2)}, chunk("a", 5, 1, 2), []string{
			`{"guild_id":{},"chunk_index":1,"chunk_count":2,"nonce":"a"}`, `{"guild_id":"5","chunk_index":"1","chunk_count":2,"nonce":"a"}`,
			`{"guild_id":"5","chunk_index":1,"chunk_count":[2],"nonce":"a"}`, `{"guild_id":"5","chunk_index":1,"chunk_count":2,"nonce":7}`,
			`{"guild_id":"five","chunk_index":1,"chunk_count":2,"nonce":"a"}`, `{"guild_id":"5","chunk_index":1.5,"chunk_count":2,"nonce":"a"}`,
			`{"guild_id":"5","chunk_index":1,"chunk_count":1048577,"nonce":"a"}`, `{"guild_id":"5","chunk_index":1,"chunk_count":99999999999999999999,"nonce":"a"}`,
			`{"guild_id":"5","chunk_index":1,"chunk_count":0,"nonce":"a"}`, `{"guild_id":"5","chunk_index":-1,"chunk_count":-2,"nonce":"a"}`,
			`{"guild_id":"5","chunk_index":-1,"chunk_count":2,"nonce":"a"}`, `{"guild_id":"5","chunk_index":2,"chunk_count":2,"nonce":"a"}`, `{"guild_id":"5","nonce":"a"}`,
		}},
		{"soundboard", events.RequestSoundboardSounds{GuildIDs: []events.Snowflake{5, 6}}, []events.Raw{raw(events.TypeSoundboardSounds, `{"guild_id":"6"}`)},
			raw(events.TypeSoundboardSounds, `{"guild_id":"5","soundboard_sounds":[]}`),
			[]string{`{"guild_id":["5"]}`, `{"guild_id":true}`, `{"guild_id":"-5"}`, `{"soundboard_sounds":[]}`, `{"guild_id":null}`}},
		{"channel info", events.RequestChannelInfo{GuildID: 5, Fields: []string{"status"}}, nil, raw(events.TypeChannelInfo, `{"guild_id":"5","channels":[]}`),
			[]string{`{"guild_id":["5"]}`, `{"guild_id":{"id":"5"}}`, `{"channels":[]}`, `{"guild_id":"5","channels":[}`}},
		{"voice server", join(5, 8), []events.Raw{voiceState(5, 8)}, voiceServer(5, `"a"`),
			[]string{`{"guild_id":["5"],"endpoint":"a"}`, `{"endpoint":"a"}`, `{"guild_id":"5"}`, `{"guild_id":"5","endpoint":null}`, `{"guild_id":"5","endpoint":}`}},
		{"voice state", join(5, 8), []events.Raw{voiceServer(5, `"a"`)}, raw(events.TypeVoiceStateUpdate, state), []string{
			`{"guild_id":{},"user_id":"7","channel_id":"8"}`, `{"guild_id":"5","user_id":["7"],"channel_id":"8"}`, `{"guild_id":"5","user_id":"7","channel_id":[]}`,
			`{"guild_id":"5","user_id":"7","channel_id":true}`, `{"user_id":"7","channel_id":"8"}`, `{"guild_id":"5","channel_id":"7"}`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			whole := string(test.last.Data)
			var unreadable []events.Raw
			for _, data := range append(test.other, "", "null", "7", "[]", `"`+"7"+`"`, "{", whole+"x", "["+whole+"]") {
				unreadable = append(unreadable, raw(test.last.Type, data))
			}
			for cut := 1; cut < len(whole); cut++ {
				unreadable = append(unreadable, raw(test.last.Type, whole[:cut]))
			}
			for _, other := range []events.Type{
				"", "MESSAGE_CREATE", "STREAM_SERVER_UPDATE", events.TypeReady, events.TypeResumed, events.TypeRateLimited, events.TypeGuildMembersChunk,
				events.TypeSoundboardSounds, events.TypeChannelInfo, events.TypeVoiceServerUpdate, events.TypeVoiceStateUpdate,
			} {
				if other != test.last.Type {
					unreadable = append(unreadable, raw(other, whole))
				}
			}
			for _, data := range []string{
				"", "null", "[]", `{"opcode":8,"retry_after":1,"meta":`, `{"opcode":"8","retry_after":1,"meta":{"guild_id":"5","nonce":"a"}}`, `{"opcode":8,"retry_after":1}`,
				`{"opcode":8,"retry_after":1,"meta":{"guild_id":[],"nonce":"a"}}`,
				`{"opcode":8,"retry_after":1,"meta":[]}`, `{"opcode":4,"retry_after":1,"meta":{"guild_id":"5","nonce":"a"}}`,
			} {
				unreadable = append(unreadable, raw(events.TypeRateLimited, data))
			}
			for _, inTime := range []bool{true, false} {
				var r session.Replies
				r.Add(noon, 1, request(t, test.out), noon.Add(time.Second))
				flood := func() {
					for _, event := range unreadable {
						if ended := r.Observe(noon, event, bot); len(ended) != 0 {
							t.Fatalf("%s %s ended %+v", event.Type, event.Data, ended)
						}
					}
				}
				flood()
				for _, event := range test.first {
					ends(t, &r, event, 0, 0)
				}
				flood()
				if inTime {
					ends(t, &r, test.last, 1, len(test.first)+1)
				} else if ended := r.Expire(noon.Add(time.Second)); len(ended) != 1 || !errors.Is(ended[0].Err, session.ErrNoAnswer) || len(ended[0].Events) != len(test.first) {
					t.Fatalf("at the deadline: %+v", ended)
				}
				if ended := append(r.Observe(noon, test.last, bot), r.Reset(noon, session.ErrSessionLost)...); len(ended) != 0 || r.Len() != 0 {
					t.Fatalf("it ended twice: %+v", ended)
				}
			}
		})
	}
}

// TestRefusalWithOddFields: which request was refused can be read, in every notation of its numbers. Where it does not say how long to wait, that is
// what Discord documents.
func TestRefusalWithOddFields(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]time.Duration{
		`{"opcode":8.0,"retry_after":15e-1,"meta":{"guild_id":5.0,"nonce":"a"}}`:       1500 * time.Millisecond,
		`{"opcode":8,"retry_after":"soon","meta":{"guild_id":"5","nonce":"a","x":[]}}`: 30 * time.Second,
		`{"opcode":0.8e1,"meta":{"guild_id":"5","nonce":"a"}}`:                         30 * time.Second,
	} {
		var r session.Replies
		r.Add(noon, 1, request(t, members(5, "a")), time.Time{})
		ended := r.Observe(noon, raw(events.TypeRateLimited, data), bot)
		var refused *events.RateLimitedError
		if len(ended) != 1 || !errors.As(ended[0].Err, &refused) || refused.RetryAfter != want || refused.GuildID != 5 {
			t.Errorf("%s: %+v", data, ended)
		}
	}
}

// TestPartsInEveryNotation: an answer in parts is counted, however its numbers are written.
func TestPartsInEveryNotation(t *testing.T) {
	t.Parallel()
	var r session.Replies
	r.Add(noon, 1, request(t, members(5, "a")), time.Time{})
	ends(t, &r, raw(events.TypeGuildMembersChunk, `{"guild_id":"5","chunk_index":0.0,"chunk_count":0.2e1,"nonce":"a","user":7}`), 0, 0)
	ends(t, &r, raw(events.TypeGuildMembersChunk, `{"guild_id":5,"chunk_index":10E-1,"chunk_count":2.0,"nonce":"a"}`), 1, 2)
}

// TestRejectedIsWhatWasWrittenJustNow: the gateway does not say which payload it could not read. What is older, and what was written
// on another connection, waits on.
func TestRejectedIsWhatWasWrittenJustNow(t *testing.T) {
	t.Parallel()
	reason := errors.New("4002")
	var r session.Replies
	r.Add(noon.Add(4*time.Second), 1, request(t, members(5, "a")), time.Time{})
	r.Disconnected()
	r.Add(noon, 2, request(t, members(5, "b")), time.Time{})
	for i, ago := range []time.Duration{2*time.Second + 1, 2 * time.Second, 2*time.Second - 1, 0} {
		r.Add(noon.Add(5*time.Second-ago), uint64(3+i), request(t, members(5, fmt.Sprint(i))), time.Time{})
	}
	ended := r.Rejected(noon.Add(5*time.Second), reason)
	if len(ended) != 2 || ended[0].ID != 5 || ended[1].ID != 6 || !errors.Is(ended[0].Err, reason) || ended[0].RoundTrip != 2*time.Second-1 || r.Len() != 4 {
		t.Errorf("%+v, and %d wait", ended, r.Len())
	}
}

// TestOnlyAPresenceIsNotAnswered of what a bot sends itself.
func TestOnlyAPresenceIsNotAnswered(t *testing.T) {
	t.Parallel()
	for op, want := range map[events.Opcode]bool{
		events.OpHeartbeat: true, events.OpPresenceUpdate: false, events.OpVoiceStateUpdate: true, events.OpRequestGuildMembers: true,
		events.OpRequestSoundboardSounds: true, events.OpRequestChannelInfo: true,
	} {
		if got := session.Answered(op); got != want {
			t.Errorf("%v: %v", op, got)
		}
	}
}

// TestPartsThatAreTakenAreNotKept: what Part takes as it comes is no part of the outcome, and what it does not take is.
func TestPartsThatAreTakenAreNotKept(t *testing.T) {
	t.Parallel()
	var parts []uint64
	r := session.Replies{Part: func(id uint64, _ events.Raw) bool {
		parts = append(parts, id)
		return id == 1
	}}
	r.Add(noon, 1, request(t, members(5, "a")), time.Time{})
	r.Add(noon, 2, request(t, members(5, "b")), time.Time{})
	for index := range 2 {
		r.Observe(noon, chunk("b", 5, index, 3), bot)
		ends(t, &r, chunk("a", 5, index, 3), 0, 0)
	}
	ends(t, &r, chunk("b", 5, 2, 3), 2, 3)
	ends(t, &r, chunk("a", 5, 2, 3), 1, 0)
	if fmt.Sprint(parts) != "[2 1 2 1 2 1]" {
		t.Errorf("parts of %v", parts)
	}
}

// TestEachPartProlongsTheWait: an answer in parts may take long, as long as they come.
func TestEachPartProlongsTheWait(t *testing.T) {
	t.Parallel()
	var r session.Replies
	r.Add(noon, 1, request(t, members(5, "a")), time.Time{})
	now := noon
	for index := range 5 {
		now = now.Add(time.Minute - 1)
		if ended := r.Expire(now); len(ended) != 0 {
			t.Fatalf("after %v: %+v", now.Sub(noon), ended)
		}
		r.Observe(now, chunk("a", 5, index, 9), bot)
	}
	if ended := r.Expire(now.Add(time.Minute - 1)); len(ended) != 0 {
		t.Errorf("just before: %+v", ended)
	}
	ended := r.Expire(now.Add(time.Minute))
	if len(ended) != 1 || !errors.Is(ended[0].Err, session.ErrNoAnswer) || len(ended[0].Events) != 5 {
		t.Errorf("a minute after the last part: %+v", ended)
	}
}
