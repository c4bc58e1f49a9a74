package events_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

func TestPeek(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in   string
		want events.Raw
	}{
		{`{"op":11}`, events.Raw{Op: 11}},
		{`{"t":"READY","s":1,"op":0,"d":{"a":[1,"}",{"b":"\"]"}]}}`, events.Raw{Type: "READY", Seq: 1, Data: []byte(`{"a":[1,"}",{"b":"\"]"}]}`)}},
		{`{"d":null,"op":10,"s":null,"t":null}`, events.Raw{Op: 10, Data: []byte("null")}},
		{` { "d" : "\\" , "op" : 9 } `, events.Raw{Op: 9, Data: []byte(`"\\"`)}},
		{`{"op":0,"s":9007199254740993,"t":"NEW_EVENT","_trace":["x"]}`, events.Raw{Seq: 9007199254740993, Type: "NEW_EVENT"}},
		{`{"op":0,"s":1e3}`, events.Raw{Seq: 1000}},
		{`{"op":9,"d":false}`, events.Raw{Op: 9, Data: []byte("false")}},
	} {
		got, err := events.Peek([]byte(test.in))
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("Peek(%s) = %+v, %v", test.in, got, err)
		}
	}
	for _, bad := range []string{
		"", "null", "[]", "{", "{}", `{"op"}`, `{"op":}`, `{"op":1`, `{"op":"1"}`, `{"op":1.5}`, `{"op":1}x`, `{"op":1,}`, `{op:1}`,
		`{"op":1 "s":2}`, `{"op":0,"d":{"a":1}`, `{"op":0,"d":"x}`, `{"op":0,"d":{"a":"x}}`, `{"op":0,"d":["x]}`, `{"op":0,"d":["x",{"a]}]}`, `{"op":0,"t":5}`, `{"op":99999999999999999999}`, `{"op":0,"s":` + strings.Repeat("9", 100000) + `}`,
		`{"op":0,"t":"` + strings.Repeat("A", 1000) + `"}`,
	} {
		if got, err := events.Peek([]byte(bad)); !errors.Is(err, events.ErrMalformed) {
			t.Errorf("Peek(%.40s) = %+v, %v, want ErrMalformed", bad, got, err)
		}
	}
	deep := `{"op":0,"d":` + strings.Repeat("[", 1_000_000) + strings.Repeat("]", 1_000_000) + `}`
	if _, err := events.Peek([]byte(deep)); err != nil {
		t.Errorf("a million brackets: %v", err)
	}
}

func FuzzPeek(f *testing.F) {
	f.Add([]byte(`{"op":0,"d":{"a":"\\\"}"},"s":42,"t":"X"}`))
	f.Add([]byte(`{"t":null,"s":null,"op":11,"d":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := events.Peek(data)
		var want struct {
			Op *int64          `json:"op"`
			S  *int64          `json:"s"`
			T  *string         `json:"t"`
			D  json.RawMessage `json:"d"`
		}
		if json.Unmarshal(data, &want) != nil || want.Op == nil || strings.Contains(strings.ToLower(string(data)), `\u`) {
			return
		}
		var keys map[string]json.RawMessage
		if json.Unmarshal(data, &keys) != nil || len(keys) != strings.Count(string(data), `":`) || want.T != nil && len(*want.T) > 100 {
			return // keys that are there twice, or differ in case, are nobody's business
		}
		for key := range keys {
			if !strings.Contains("op s t d", key) {
				return
			}
		}
		if err != nil || int64(got.Op) != *want.Op || string(got.Data) != string(want.D) ||
			want.S != nil && got.Seq != *want.S || want.T != nil && !strings.Contains(*want.T, `\`) && strings.ToValidUTF8(string(got.Type), "\uFFFD") != *want.T {
			t.Errorf("Peek(%q) = %+v, %v; encoding/json gives %+v", data, got, err, want)
		}
	})
}

func TestSendEventsAreDiscordsJSON(t *testing.T) {
	t.Parallel()
	presence := events.UpdatePresence{Activities: []events.Activity{{Name: "chess", Type: events.ActivityCompeting}}, Status: events.StatusIdle}
	for _, test := range []struct {
		out  events.Outgoing
		want string
	}{
		{events.Heartbeat{}, `{"op":1,"d":null}`},
		{events.Identify{Token: "T", Properties: events.Properties{OS: "linux", Browser: "b", Device: "d"}, Compress: true, LargeThreshold: 250,
			Shard: events.ShardID{Index: 1, Total: 2}, Presence: &presence, Intents: 513, Capabilities: 32768},
			`{"op":2,"d":{"token":"T","properties":{"os":"linux","browser":"b","device":"d"},"compress":true,"large_threshold":250,"shard":[1,2],"presence":{"since":null,"activities":[{"name":"chess","type":5}],"status":"idle","afk":false},"intents":513,"capabilities":32768}}`},
		{events.Identify{Token: "T", Shard: events.ShardID{Total: 1}}, `{"op":2,"d":{"token":"T","properties":{"os":"","browser":"","device":""},"shard":[0,1],"intents":0}}`},
		{events.UpdatePresence{}, `{"op":3,"d":{"since":null,"activities":[],"status":"online","afk":false}}`},
		{events.UpdateVoiceState{GuildID: 1, ChannelID: events.Ptr(events.Snowflake(2)), SelfMute: true}, `{"op":4,"d":{"guild_id":"1","channel_id":"2","self_mute":true,"self_deaf":false}}`},
		{events.UpdateVoiceState{GuildID: 1}, `{"op":4,"d":{"guild_id":"1","channel_id":null,"self_mute":false,"self_deaf":false}}`},
		{events.Resume{Token: "T", SessionID: "S", Seq: 1337}, `{"op":6,"d":{"token":"T","session_id":"S","seq":1337}}`},
		{events.RequestGuildMembers{GuildID: 1, Query: events.Ptr(""), Limit: events.Ptr(0), Presences: events.Ptr(true), Nonce: "n"},
			`{"op":8,"d":{"guild_id":"1","query":"","limit":0,"presences":true,"nonce":"n"}}`},
		{events.RequestGuildMembers{GuildID: 1, UserIDs: []events.Snowflake{2, 3}, Nonce: "n"}, `{"op":8,"d":{"guild_id":"1","user_ids":["2","3"],"nonce":"n"}}`},
		{events.RequestSoundboardSounds{GuildIDs: []events.Snowflake{2, 1, 2}}, `{"op":31,"d":{"guild_ids":["1","2"]}}`},
		{events.RequestChannelInfo{GuildID: 1, Fields: []string{"status"}}, `{"op":43,"d":{"guild_id":"1","fields":["status"]}}`},
	} {
		r, err := test.out.Request()
		if err != nil {
			t.Errorf("%T: %v", test.out, err)
			continue
		}
		payload, err := r.Payload()
		if err != nil || string(payload) != test.want {
			t.Errorf("%T:\ngot  %s\nwant %s (%v)", test.out, payload, test.want, err)
		}
		again, err := events.ParseRequest(r.Op, r.Data)
		if r.Op == events.OpIdentify || r.Op == events.OpResume {
			if !errors.Is(err, events.ErrReservedEvent) {
				t.Errorf("ParseRequest(%v): %v", r.Op, err)
			}
		} else if err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("ParseRequest(%v) = %+v, %v, want %+v", r.Op, again, err, r)
		}
	}
	r, err := members("").Request()
	if err != nil || r.Nonce == "" || len(r.Nonce) > 32 || !strings.Contains(string(r.Data), r.Nonce) {
		t.Errorf("a nonce is made: %q, %v", r.Nonce, err)
	}
}

func members(nonce string) events.RequestGuildMembers {
	return events.RequestGuildMembers{GuildID: 1, UserIDs: []events.Snowflake{1}, Nonce: nonce}
}

func TestSnowflake(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := events.Snowflake(rapid.Uint64().Draw(t, "id"))
		text, err := json.Marshal(want)
		if err != nil || string(text) != fmt.Sprintf("%q", fmt.Sprint(uint64(want))) {
			t.Fatalf("%s, %v", text, err)
		}
		for _, in := range []string{string(text), fmt.Sprint(uint64(want))} {
			var got events.Snowflake
			if err := json.Unmarshal([]byte(in), &got); err != nil || got != want {
				t.Fatalf("%s gives %v, %v", in, got, err)
			}
		}
		total := rapid.IntRange(1, 10_000).Draw(t, "total")
		if shard := events.ShardFor(want, total); shard != int((uint64(want)/4194304)%uint64(total)) {
			t.Fatalf("shard %d of %d for %v", shard, total, want)
		}
	})
	for _, bad := range []string{`"x"`, `"-1"`, `1.5`, `"18446744073709551616"`, `{}`, `""`} {
		var s events.Snowflake
		if err := json.Unmarshal([]byte(bad), &s); err == nil {
			t.Errorf("%s gives %v", bad, s)
		}
	}
}

// Failures: F160.
func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-s3cret-s3cret"
	for _, value := range []any{
		events.Secret(secret), ptr(events.Secret(secret)),
		events.Identify{Token: secret}, events.Resume{Token: secret, SessionID: secret}, &events.Ready{SessionID: secret, ResumeGatewayURL: secret},
		events.VoiceServerUpdate{Token: secret}, session.Snapshot{SessionID: secret, ResumeURL: secret},
		session.Cursor{SessionID: secret, ResumeURL: secret}, session.Config{Identify: events.Identify{Token: secret}},
	} {
		var texts []string
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			texts = append(texts, fmt.Sprintf(verb, value))
		}
		if _, stored := value.(session.Snapshot); !stored { // a store has to write it
			text, err := json.Marshal(value)
			if err != nil {
				continue // it holds a function or a generator
			}
			texts = append(texts, string(text))
		}
		for _, text := range texts {
			if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
				t.Errorf("%T prints as %s", value, text)
			}
		}
	}
}

// somebodyElses is an event that this package does not know.
type somebodyElses struct {
	Name string `json:"name"`
}

func (*somebodyElses) EventType() events.Type { return "SOMETHING_NEW" }

// TestEventOfSomebodyElsesTypeIsDecodedByEncodingJSON: a name that this package does not know may have a type of the caller's.
func TestEventOfSomebodyElsesTypeIsDecodedByEncodingJSON(t *testing.T) {
	t.Parallel()
	var theirs somebodyElses
	if err := events.DecodeInto(&events.Raw{Type: "SOMETHING_NEW", Data: []byte(`{"name":"new"}`)}, &theirs); err != nil || theirs.Name != "new" {
		t.Errorf("%+v, %v", theirs, err)
	}
}

func ptr[T any](v T) *T { return &v }

func BenchmarkPeek(b *testing.B) {
	payload := []byte(`{"t":"MESSAGE_CREATE","s":42,"op":0,"d":{"id":"1","content":"` + strings.Repeat("some text ", 80) + `","author":{"id":"7","username":"somebody"}}}`)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := events.Peek(payload); err != nil {
			b.Fatal(err)
		}
	}
}
