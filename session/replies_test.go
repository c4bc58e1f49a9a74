package session_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

const bot events.Snowflake = 7

var noon = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func raw(t events.Type, d string) events.Raw {
	return events.Raw{Op: events.OpDispatch, Type: t, Data: []byte(d)}
}

func request(t *testing.T, out events.Outgoing) *events.Request {
	t.Helper()
	r, err := out.Request()
	if err != nil {
		t.Fatal(err)
	}
	return &r
}

func chunk(nonce string, guild, index, count int) events.Raw {
	return raw(events.TypeGuildMembersChunk, fmt.Sprintf(`{"guild_id":"%d","chunk_index":%d,"chunk_count":%d,"nonce":%q,"members":[]}`, guild, index, count, nonce))
}

func members(guild events.Snowflake, nonce string) events.RequestGuildMembers {
	return events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}, Nonce: nonce}
}

// Failures: F73, F74.
func TestRepliesCollectChunks(t *testing.T) {
	t.Parallel()
	var r session.Replies
	r.Add(noon, 1, request(t, members(5, "a")), time.Time{})
	r.Add(noon, 2, request(t, members(5, "b")), time.Time{})
	for _, stray := range []events.Raw{
		chunk("", 5, 0, 1), chunk("c", 5, 0, 1), chunk("a", 6, 0, 1), chunk("a", 5, 3, 3), chunk("a", 5, -1, 3),
		raw(events.TypeGuildMembersChunk, `{"guild_id":[]}`), raw("MESSAGE_CREATE", `{"nonce":"a"}`),
		chunk("a", 5, 2, 3), chunk("a", 5, 0, 3), chunk("a", 5, 2, 3),
	} {
		if ended := r.Observe(noon, stray, bot); len(ended) != 0 {
			t.Fatalf("%s ended %v", stray.Data, ended)
		}
	}
	ended := r.Observe(noon.Add(time.Second), chunk("a", 5, 1, 3), bot)
	if len(ended) != 1 || ended[0].ID != 1 || len(ended[0].Events) != 3 || ended[0].RoundTrip != time.Second || r.Len() != 1 {
		t.Errorf("ended: %+v, %d wait", ended, r.Len())
	}
	ended = r.Observe(noon, chunk("b", 5, 0, 1), bot)
	if len(ended) != 1 || ended[0].ID != 2 || len(ended[0].Events) != 1 {
		t.Errorf("ended: %+v", ended)
	}
}

// TestRepliesOfOneNonceAreToldApart: two ask with the same one, and what answers the first, which has that part already, answers the other.
func TestRepliesOfOneNonceAreToldApart(t *testing.T) {
	t.Parallel()
	for _, count := range []int{1, 2} { // of the second answer
		var r session.Replies
		r.Add(noon, 1, request(t, members(5, "a")), time.Time{})
		r.Add(noon, 2, request(t, members(5, "a")), time.Time{})
		for _, index := range []int{0, 1} {
			if ended := r.Observe(noon, chunk("a", 5, index, 3), bot); len(ended) != 0 {
				t.Fatalf("part %d of 3 ended %+v", index, ended)
			}
		}
		var ended []session.Outcome
		for index := range count {
			ended = append(ended, r.Observe(noon, chunk("a", 5, index, count), bot)...)
		}
		if len(ended) != 1 || ended[0].ID != 2 || len(ended[0].Events) != count {
			t.Errorf("an answer of %d parts ended %+v, want the second request", count, ended)
		}
		if ended := r.Observe(noon, chunk("a", 5, 2, 3), bot); len(ended) != 1 || ended[0].ID != 1 || len(ended[0].Events) != 3 {
			t.Errorf("the last of three parts ended %+v, want the first request", ended)
		}
	}
}

func TestRepliesToTheOtherRequests(t *testing.T) {
	t.Parallel()
	state := func(user, channel string) events.Raw {
		return raw(events.TypeVoiceStateUpdate, fmt.Sprintf(`{"guild_id":"5","user_id":%q,"channel_id":%s}`, user, channel))
	}
	server := raw(events.TypeVoiceServerUpdate, `{"guild_id":"5","token":"x","endpoint":"voice.example"}`)
	for _, test := range []struct {
		name    string
		out     events.Outgoing
		arrive  []events.Raw // the last one completes the answer
		collect int
	}{
		{"soundboard", events.RequestSoundboardSounds{GuildIDs: []events.Snowflake{5, 6}}, []events.Raw{
			raw(events.TypeSoundboardSounds, `{"guild_id":"9"}`), raw(events.TypeSoundboardSounds, `{"guild_id":"6"}`),
			raw(events.TypeSoundboardSounds, `{"guild_id":"6"}`), raw(events.TypeSoundboardSounds, `{"guild_id":"5"}`)}, 2},
		{"channel info", events.RequestChannelInfo{GuildID: 5, Fields: []string{"status"}}, []events.Raw{
			raw(events.TypeChannelInfo, `{"guild_id":"6"}`), raw(events.TypeChannelInfo, `{"guild_id":"5"}`)}, 1},
		{"join", events.UpdateVoiceState{GuildID: 5, ChannelID: events.Ptr(events.Snowflake(8))}, []events.Raw{
			state("9", `"8"`), state("7", `"4"`), server, state("7", `"8"`)}, 2},
		{"leave", events.UpdateVoiceState{GuildID: 5}, []events.Raw{state("7", `"8"`), state("7", "null")}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var r session.Replies
			r.Add(noon, 1, request(t, test.out), time.Time{})
			for i, event := range test.arrive {
				ended := r.Observe(noon, event, bot)
				if last := i == len(test.arrive)-1; last != (len(ended) == 1) {
					t.Fatalf("%s %s ended %v", event.Type, event.Data, ended)
				} else if last && (len(ended[0].Events) != test.collect || ended[0].Err != nil) {
					t.Errorf("ended: %+v", ended[0])
				}
			}
		})
	}
	t.Run("mute where the bot is", func(t *testing.T) {
		t.Parallel()
		var r session.Replies
		r.Observe(noon, state("7", `"8"`), bot)
		r.Add(noon, 1, request(t, events.UpdateVoiceState{GuildID: 5, ChannelID: events.Ptr(events.Snowflake(8)), SelfMute: true}), time.Time{})
		if ended := r.Observe(noon, state("7", `"8"`), bot); len(ended) != 1 {
			t.Error("no voice server is sent when the channel stays the same, but one was waited for")
		}
	})
	t.Run("heartbeat", func(t *testing.T) {
		t.Parallel()
		var r session.Replies
		r.Add(noon, 1, request(t, events.Heartbeat{}), time.Time{})
		if ended := r.Acknowledged(noon); len(ended) != 1 {
			t.Error("an ACK answers a heartbeat")
		}
	})
}

func TestRepliesThatDoNotCome(t *testing.T) {
	t.Parallel()
	only := func(t *testing.T, ended []session.Outcome, want error) {
		t.Helper()
		if len(ended) != 1 || !errors.Is(ended[0].Err, want) {
			t.Errorf("ended: %+v, want %v", ended, want)
		}
	}
	t.Run("rate limited", func(t *testing.T) {
		t.Parallel()
		var r session.Replies
		r.Add(noon, 1, request(t, members(5, "a")), time.Time{})
		r.Add(noon, 2, request(t, members(5, "b")), time.Time{})
		ended := r.Observe(noon, raw(events.TypeRateLimited, `{"opcode":8,"retry_after":29.457,"meta":{"guild_id":"5","nonce":"b"}}`), bot)
		var limited *events.RateLimitedError
		if len(ended) != 1 || ended[0].ID != 2 || !errors.As(ended[0].Err, &limited) || limited.RetryAfter != 29457*time.Millisecond {
			t.Errorf("ended: %+v", ended)
		}
	})
	t.Run("silence, and the asker's deadline", func(t *testing.T) {
		t.Parallel()
		var r session.Replies
		r.Add(noon, 1, request(t, members(5, "a")), time.Time{})
		r.Add(noon, 2, request(t, members(5, "b")), noon.Add(time.Second))
		if !r.Next().Equal(noon.Add(time.Second)) || r.Expire(noon) != nil {
			t.Errorf("next: %v", r.Next())
		}
		only(t, r.Expire(noon.Add(time.Second)), session.ErrNoAnswer)
		only(t, r.Expire(r.Next()), session.ErrNoAnswer)
		if r.Len() != 0 || !r.Next().IsZero() {
			t.Error("something is left")
		}
	})
	t.Run("a lost connection", func(t *testing.T) {
		t.Parallel()
		var r session.Replies
		r.Add(noon, 1, request(t, members(5, "a")), time.Time{})
		r.Add(noon, 2, request(t, members(5, "b")), time.Time{})
		r.Disconnected()
		if ended := r.Observe(noon, chunk("a", 5, 0, 1), bot); len(ended) != 1 || ended[0].Err != nil {
			t.Errorf("an answer that is replayed is one: %+v", ended)
		}
		r.Resumed(noon)
		only(t, r.Expire(noon.Add(5*time.Second)), session.ErrConnectionLost)
	})
	t.Run("a lost session", func(t *testing.T) {
		t.Parallel()
		var r session.Replies
		r.Add(noon, 1, request(t, members(5, "a")), time.Time{})
		only(t, r.Reset(noon, session.ErrSessionLost), session.ErrSessionLost)
	})
	t.Run("a hundred thousand that nobody waits for", func(t *testing.T) {
		t.Parallel()
		var r session.Replies
		now := noon
		for i := range 100_000 {
			now = now.Add(500 * time.Millisecond)
			r.Add(now, uint64(i), request(t, members(5, "")), now.Add(time.Second))
			r.Expire(now)
		}
		if r.Len() > 3 {
			t.Errorf("%d are left", r.Len())
		}
	})
}

func BenchmarkStepDispatch(b *testing.B) {
	j := newJudge(b.Fatalf)
	m, err := newMachine(j, 1)
	if err != nil {
		b.Fatal(err)
	}
	m.Step(j.now, session.Input{Kind: session.Start})
	m.Step(j.now, session.Input{Kind: session.Connected, Conn: 1})
	j.greeted[1] = true
	m.Step(j.now, session.Input{Kind: session.Frame, Conn: 1, Data: []byte(frames[0]), At: j.now})
	m.Step(j.now, session.Input{Kind: session.Granted, Conn: 1})
	m.Step(j.now, session.Input{Kind: session.Frame, Conn: 1, Data: []byte(ready), At: j.now})
	head, tail := `{"t":"GUILD_CREATE","op":0,"s":`, `,"d":{"id":"1","content":"some text, of about the usual length"}}`
	data := make([]byte, 0, 200)
	b.ReportAllocs()
	for i := int64(2); b.Loop(); i++ {
		data = fmt.Appendf(data[:0], "%s%d%s", head, i, tail)
		m.Step(j.now, session.Input{Kind: session.Frame, Conn: 1, Data: data, At: j.now})
	}
}
