package session_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

func voiceState(guild, channel int) events.Raw {
	return raw(events.TypeVoiceStateUpdate, fmt.Sprintf(`{"guild_id":"%d","user_id":"7","channel_id":"%d"}`, guild, channel))
}

func voiceServer(guild int, endpoint string) events.Raw {
	return raw(events.TypeVoiceServerUpdate, fmt.Sprintf(`{"guild_id":"%d","token":"x","endpoint":%s}`, guild, endpoint))
}

func join(guild, channel events.Snowflake) events.UpdateVoiceState {
	return events.UpdateVoiceState{GuildID: guild, ChannelID: &channel}
}

// TestAnswerOfAHeartbeat: an ACK on the new connection answers nothing that was written on the old one.
func TestAnswerOfAHeartbeat(t *testing.T) {
	t.Parallel()
	var r session.Replies
	r.Add(noon, 1, request(t, events.Heartbeat{}), time.Time{})
	r.Disconnected()
	r.Resumed(noon.Add(time.Second))
	r.Add(noon.Add(2*time.Second), 2, request(t, events.Heartbeat{}), time.Time{})
	ended := r.Acknowledged(noon.Add(3 * time.Second))
	if len(ended) != 1 || ended[0].ID != 2 || ended[0].RoundTrip != time.Second {
		t.Errorf("ended: %+v", ended)
	}
	ended = r.Expire(noon.Add(6 * time.Second))
	if len(ended) != 1 || ended[0].ID != 1 || !errors.Is(ended[0].Err, session.ErrConnectionLost) {
		t.Errorf("ended: %+v", ended)
	}
}

// TestAnswerAfterAResume: what nothing but the guild tells apart goes to the request of the
// connection that lives.
func TestAnswerAfterAResume(t *testing.T) {
	t.Parallel()
	ask := events.RequestChannelInfo{GuildID: 5, Fields: []string{"status"}}
	var r session.Replies
	r.Add(noon, 1, request(t, ask), time.Time{})
	r.Disconnected()
	r.Resumed(noon)
	r.Add(noon, 2, request(t, ask), time.Time{})
	for _, want := range []uint64{2, 1} {
		ended := r.Observe(noon, raw(events.TypeChannelInfo, `{"guild_id":"5"}`), bot)
		if len(ended) != 1 || ended[0].ID != want {
			t.Fatalf("ended: %+v, want %d", ended, want)
		}
	}
}

// TestAnswerWithoutAVoiceServer: a null endpoint says that the server is gone and another will be named.
func TestAnswerWithoutAVoiceServer(t *testing.T) {
	t.Parallel()
	var r session.Replies
	r.Add(noon, 1, request(t, join(5, 8)), time.Time{})
	for _, event := range []events.Raw{voiceState(5, 8), voiceServer(5, "null"), voiceServer(6, `"other"`)} {
		if ended := r.Observe(noon, event, bot); len(ended) != 0 {
			t.Fatalf("%s ends %+v", event.Data, ended)
		}
	}
	ended := r.Observe(noon, voiceServer(5, `"voice.example:443"`), bot)
	if len(ended) != 1 || ended[0].Err != nil || len(ended[0].Events) != 2 {
		t.Errorf("ended: %+v", ended)
	}
}

// TestAnswerOfAMove: the server may come before the state, and a move names a new server.
func TestAnswerOfAMove(t *testing.T) {
	t.Parallel()
	var r session.Replies
	r.Observe(noon, voiceState(5, 8), bot)
	r.Add(noon, 1, request(t, join(5, 9)), time.Time{})
	if ended := r.Observe(noon, voiceServer(5, `"b"`), bot); len(ended) != 0 {
		t.Fatalf("ended: %+v", ended)
	}
	if ended := r.Observe(noon, voiceState(5, 9), bot); len(ended) != 1 || len(ended[0].Events) != 2 {
		t.Errorf("ended: %+v", ended)
	}
	r.Reset(noon, session.ErrSessionLost) // and with the session, where the bot is
	r.Add(noon, 2, request(t, join(5, 9)), time.Time{})
	if ended := r.Observe(noon, voiceState(5, 9), bot); len(ended) != 0 {
		t.Errorf("a new session joins anew: %+v", ended)
	}
}

// TestAnswersDoNotCross: two askers, the same guild; each gets its own.
// Failures: F74, F83, F155.
func TestAnswersDoNotCross(t *testing.T) {
	t.Parallel()
	var r session.Replies
	for id := range uint64(50) {
		r.Add(noon, id, request(t, members(5, fmt.Sprint("n", id))), time.Time{})
	}
	for part := range 3 {
		for id := 49; id >= 0; id-- {
			for _, o := range r.Observe(noon, chunk(fmt.Sprint("n", id), 5, part, 3), bot) {
				if o.ID != uint64(id) || part != 2 || len(o.Events) != 3 {
					t.Fatalf("part %d for %d ends %+v", part, id, o)
				}
			}
		}
	}
	if r.Len() != 0 {
		t.Errorf("%d wait", r.Len())
	}
}

// TestAnswersWithARateLimit: the wait is a duration that can be waited, whatever number came.
// Failures: F87.
func TestAnswersWithARateLimit(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]time.Duration{
		"0.5": 500 * time.Millisecond, "-3": 0, "0": 0, "1e300": 24 * time.Hour, "1e10": 24 * time.Hour,
	} {
		var r session.Replies
		r.Add(noon, 1, request(t, members(5, "a")), time.Time{})
		for _, stray := range []string{`{"guild_id":"5","nonce":"b"}`, `{"guild_id":"6","nonce":"a"}`, `{"guild_id":"5"}`, `7`, `null`} {
			if ended := r.Observe(noon, raw(events.TypeRateLimited, `{"opcode":8,"retry_after":1,"meta":`+stray+`}`), bot); len(ended) != 0 {
				t.Fatalf("%s ends %+v", stray, ended)
			}
		}
		ended := r.Observe(noon, raw(events.TypeRateLimited, `{"opcode":8,"retry_after":`+number+`,"meta":{"guild_id":"5","nonce":"a"}}`), bot)
		var limited *events.RateLimitedError
		if len(ended) != 1 || !errors.As(ended[0].Err, &limited) || limited.RetryAfter != want || limited.GuildID != 5 {
			t.Errorf("%s: %+v", number, ended)
		}
	}
}

// TestAnswersThatNobodyWaitsFor counts the bytes that abandoned requests leave behind.
// Failures: F84.
func TestAnswersThatNobodyWaitsFor(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	var r session.Replies
	before, ended := heap(), 0
	for i := range 100_000 {
		now := noon.Add(time.Duration(i) * 100 * time.Millisecond)
		r.Add(now, uint64(i), request(t, members(5, "a")), now.Add(time.Second))
		ended += len(r.Expire(now))
	}
	ended += len(r.Expire(noon.Add(24 * time.Hour)))
	if ended != 100_000 || r.Len() != 0 || !r.Next().IsZero() {
		t.Errorf("%d ended, %d wait until %v", ended, r.Len(), r.Next())
	}
	if after := heap(); after > before+1<<20 {
		t.Errorf("%d bytes are left", after-before)
	}
	runtime.KeepAlive(&r)
}

func BenchmarkObserveNothingWaits(b *testing.B) {
	var r session.Replies
	event := raw("MESSAGE_CREATE", `{"id":"1"}`)
	b.ReportAllocs()
	for b.Loop() {
		r.Observe(noon, event, bot)
	}
}

func BenchmarkStepACK(b *testing.B) {
	j := newJudge(b.Fatalf)
	m, err := newMachine(j, 1)
	if err != nil {
		b.Fatal(err)
	}
	for m.State() != session.Ready {
		j.expected(m)
	}
	in := session.Input{Kind: session.Frame, Conn: 1, Data: []byte(`{"op":11}`), At: j.now}
	b.ReportAllocs()
	for b.Loop() {
		m.Step(j.now, in)
	}
}

// TestRateLimitRefusesOneOfThoseWithItsNonce: Discord refuses one request by it. Of two callers that have chosen the same nonce the other one gets its answer.
func TestRateLimitRefusesOneOfThoseWithItsNonce(t *testing.T) {
	t.Parallel()
	whole := events.RequestGuildMembers{GuildID: 5, Query: events.Ptr(""), Limit: events.Ptr(0), Nonce: "a"}
	limited := raw(events.TypeRateLimited, `{"opcode":8,"retry_after":1,"meta":{"guild_id":"5","nonce":"a"}}`)
	begun := chunk("a", 5, 0, 2)
	for name, test := range map[string]struct {
		asked  [2]events.RequestGuildMembers
		before []events.Raw
		want   uint64
	}{
		"a whole list and members by id":           {asked: [2]events.RequestGuildMembers{whole, members(5, "a")}, want: 1},
		"members by id and a whole list":           {asked: [2]events.RequestGuildMembers{members(5, "a"), whole}, want: 2},
		"two whole lists: the second is too soon":  {asked: [2]events.RequestGuildMembers{whole, whole}, want: 2},
		"a whole list that is answered, and other": {asked: [2]events.RequestGuildMembers{whole, members(5, "a")}, before: []events.Raw{begun}, want: 2},
	} {
		var r session.Replies
		for i, out := range test.asked {
			r.Add(noon, uint64(i+1), request(t, out), time.Time{})
		}
		for _, event := range test.before {
			r.Observe(noon, event, bot)
		}
		ended := r.Observe(noon, limited, bot)
		var refused *events.RateLimitedError
		if len(ended) != 1 || ended[0].ID != test.want || !errors.As(ended[0].Err, &refused) {
			t.Errorf("%s: ended %+v, want %d alone", name, ended, test.want)
			continue
		}
		if ended = r.Observe(noon, limited, bot); len(test.before) == 0 && (len(ended) != 1 || ended[0].ID != 3-test.want) {
			t.Errorf("%s: a second refusal ended %+v", name, ended)
		}
	}
}
