package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/events"
)

func TestInvalidSendEvents(t *testing.T) {
	t.Parallel()
	ids := func(n int) []events.Snowflake {
		out := make([]events.Snowflake, n)
		for i := range out {
			out[i] = events.Snowflake(i + 1)
		}
		return out
	}
	p, n := events.Ptr[string], events.Ptr[int]
	type members = events.RequestGuildMembers
	for _, test := range []struct {
		out          events.Outgoing
		event, field string // empty: it is valid
	}{
		{members{UserIDs: ids(1)}, "RequestGuildMembers", "GuildID"},
		{members{GuildID: 1}, "RequestGuildMembers", "Query"},
		{members{GuildID: 1, Query: p("a"), Limit: n(1), UserIDs: ids(1)}, "RequestGuildMembers", "Query"},
		{members{GuildID: 1, Query: p("")}, "RequestGuildMembers", "Limit"},
		{members{GuildID: 1, Query: p(""), Limit: n(-1)}, "RequestGuildMembers", "Limit"},
		{members{GuildID: 1, Query: p("a"), Limit: n(0)}, "RequestGuildMembers", "Limit"},
		{members{GuildID: 1, Query: p("a"), Limit: n(101)}, "RequestGuildMembers", "Limit"},
		{members{GuildID: 1, Query: p("a"), Limit: n(100)}, "", ""},
		{members{GuildID: 1, Query: p(""), Limit: n(0)}, "", ""},
		{members{GuildID: 1, UserIDs: ids(101)}, "RequestGuildMembers", "UserIDs"},
		{members{GuildID: 1, UserIDs: ids(100)}, "", ""},
		{members{GuildID: 1, UserIDs: ids(1), Nonce: strings.Repeat("n", 33)}, "RequestGuildMembers", "Nonce"},
		{members{GuildID: 1, UserIDs: ids(1), Nonce: strings.Repeat("n", 32)}, "", ""},
		{members{GuildID: 1, UserIDs: ids(1), Nonce: "\xff\xfe"}, "RequestGuildMembers", "Nonce"}, // JSON would make another nonce of it
		{events.UpdateVoiceState{}, "UpdateVoiceState", "GuildID"},
		{events.UpdatePresence{Status: "busy"}, "UpdatePresence", "Status"},
		{events.RequestSoundboardSounds{}, "RequestSoundboardSounds", "GuildIDs"},
		{events.RequestSoundboardSounds{GuildIDs: []events.Snowflake{1, 0}}, "RequestSoundboardSounds", "GuildIDs"},
		{events.RequestChannelInfo{Fields: []string{"status"}}, "RequestChannelInfo", "GuildID"},
		{events.RequestChannelInfo{GuildID: 1}, "RequestChannelInfo", "Fields"},
		{events.Identify{LargeThreshold: 49}, "Identify", "LargeThreshold"},
		{events.Identify{LargeThreshold: 251}, "Identify", "LargeThreshold"},
		{events.Identify{Presence: &events.UpdatePresence{Status: "busy"}}, "UpdatePresence", "Status"},
	} {
		_, err := test.out.Request()
		if test.field == "" {
			if err != nil {
				t.Errorf("%+v: %v", test.out, err)
			}
			continue
		}
		var invalid *events.InvalidError
		if !errors.As(err, &invalid) || invalid.Event != test.event || invalid.Field != test.field || invalid.Problem == "" {
			t.Errorf("%+v: %v, want an InvalidError about %s.%s", test.out, err, test.event, test.field)
		} else if want := "events: " + test.event + "." + test.field + ": "; !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q does not begin with %q", err, want)
		}
	}
}

// Failures: F39, F90.
func TestPayloadsAreLimited(t *testing.T) {
	t.Parallel()
	guilds := make([]events.Snowflake, 200)
	for i := range guilds {
		guilds[i] = 1<<63 + events.Snowflake(i)
	}
	r, err := events.RequestSoundboardSounds{GuildIDs: guilds}.Request()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Payload(); !errors.Is(err, events.ErrTooLarge) {
		t.Errorf("200 guilds: %v", err)
	}
	frame := len(events.EncodePayload(events.OpHeartbeat, nil))
	for size, want := range map[int]error{events.MaxPayload: nil, events.MaxPayload + 1: events.ErrTooLarge} {
		r := events.Request{Op: events.OpHeartbeat, Data: make([]byte, size-frame)}
		if payload, err := r.Payload(); !errors.Is(err, want) || err == nil && len(payload) != size {
			t.Errorf("%d bytes: %v, want %v", size, err, want)
		}
	}
}

// nobody is a Sender that must not be asked.
type nobody struct{ t *testing.T }

func (n nobody) Send(context.Context, events.Outgoing) (events.Answer, error) {
	n.t.Error("a reserved event reaches the Sender")
	return events.Answer{}, nil
}

func TestReservedEvents(t *testing.T) {
	t.Parallel()
	if _, err := (events.Identify{}).SendEvent(t.Context(), nobody{t}); !errors.Is(err, events.ErrReservedEvent) {
		t.Error(err)
	}
	if _, err := (events.Resume{}).SendEvent(t.Context(), nobody{t}); !errors.Is(err, events.ErrReservedEvent) {
		t.Error(err)
	}
}

func TestParseRequestRefuses(t *testing.T) {
	t.Parallel()
	var invalid *events.InvalidError
	for _, op := range []events.Opcode{events.OpDispatch, 5, events.OpReconnect, events.OpHello, events.OpHeartbeatACK, 99, -1} {
		if _, err := events.ParseRequest(op, []byte("{}")); !errors.As(err, &invalid) || invalid.Field != "Op" {
			t.Errorf("%v: %v", op, err)
		}
	}
	for _, d := range []string{"", "{", `[]`, `{"guild_id":{}}`} {
		if _, err := events.ParseRequest(events.OpVoiceStateUpdate, []byte(d)); err == nil || !strings.HasPrefix(err.Error(), "events: ") {
			t.Errorf("%q: %v", d, err)
		}
	}
}

// FuzzParseRequest: what is accepted is valid JSON with the same op, and is read again as itself.
func FuzzParseRequest(f *testing.F) {
	f.Add(3, []byte(`{"since":null,"activities":[{"name":"a","type":0}],"status":"dnd","afk":false}`))
	f.Add(4, []byte(`{"guild_id":"1","channel_id":null,"self_mute":true,"self_deaf":false}`))
	f.Add(8, []byte(`{"guild_id":41771983423143937,"query":"","limit":0,"nonce":"n"}`))
	f.Add(8, []byte(`{"guild_id":"1","user_ids":["2",3],"presences":true}`))
	f.Add(31, []byte(`{"guild_ids":["2","1","2"]}`))
	f.Add(43, []byte(`{"guild_id":"1","fields":["status","voice_start_time"]}`))
	f.Fuzz(func(t *testing.T, op int, d []byte) {
		r, err := events.ParseRequest(events.Opcode(op), d)
		if err != nil {
			return
		}
		var payload struct {
			Op *int            `json:"op"`
			D  json.RawMessage `json:"d"`
		}
		if err := json.Unmarshal(events.EncodePayload(r.Op, r.Data), &payload); err != nil || payload.Op == nil || *payload.Op != op {
			t.Fatalf("op %d, %q makes %q: %v", op, d, r.Data, err)
		}
		again, err := events.ParseRequest(r.Op, r.Data)
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("op %d, %q:\nfirst %+v\nagain %+v, %v", op, d, r, again, err)
		}
		if op == 8 && (r.Nonce == "" || len(r.Nonce) > 32) {
			t.Fatalf("a nonce of %d bytes", len(r.Nonce))
		}
	})
}

// TestSenderThatIsNil is an error for each send event, and no panic.
func TestSenderThatIsNil(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	_, beat := events.Heartbeat{}.SendEvent(ctx, nil)
	_, presence := events.UpdatePresence{Status: "online"}.SendEvent(ctx, nil)
	_, voice := events.UpdateVoiceState{GuildID: 1}.SendEvent(ctx, nil)
	_, members := events.RequestGuildMembers{GuildID: 1}.SendEvent(ctx, nil)
	_, sounds := events.RequestSoundboardSounds{GuildIDs: []events.Snowflake{1}}.SendEvent(ctx, nil)
	_, channels := events.RequestChannelInfo{GuildID: 1}.SendEvent(ctx, nil)
	for i, err := range []error{beat, presence, voice, members, sounds, channels} {
		if !errors.Is(err, events.ErrNoSender) {
			t.Errorf("event %d: %v", i, err)
		}
	}
	for chunk, err := range (events.RequestGuildMembers{GuildID: 1}).Chunks(ctx, nil) {
		if chunk != nil || !errors.Is(err, events.ErrNoSender) {
			t.Errorf("chunks: %v, %v", chunk, err)
		}
	}
}
