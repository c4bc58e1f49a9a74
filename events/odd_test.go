package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/events/discord"
)

// strictly decodes, and returns what DecodeStrict says beside the event that Decode gives.
func strictly(t testing.TB, name events.Type, data string) (events.Event, *events.OddFieldsError) {
	t.Helper()
	raw := &events.Raw{Type: name, Data: []byte(data)}
	event, err := events.Decode(raw)
	if err != nil {
		t.Fatalf("%.300s costs the event: %v", data, err)
	}
	same, _ := events.New(name)
	var odd *events.OddFieldsError
	if err := events.DecodeStrict(raw, same); err != nil && !errors.As(err, &odd) {
		t.Fatalf("%.300s: %v", data, err)
	}
	if !reflect.DeepEqual(event, same) {
		t.Fatalf("%.300s is read as %+v, and strictly as %+v", data, event, same)
	}
	return event, odd
}

// TestOddFieldCostsItself: by kind of field, what is odd and what is left.
func TestOddFieldCostsItself(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name events.Type
		data string
		odd  string // paths
		same string // what is decoded alike, and has nothing odd
	}{
		{"MESSAGE_CREATE", `{"content":5,"id":"7"}`, "content", `{"id":"7"}`},
		{"MESSAGE_CREATE", `{"cont\u0065nt":{"a":[1,"}"]},"id":"7"}`, "content", `{"id":"7"}`},
		{"MESSAGE_CREATE", `{"type":"19","tts":1,"pinned":"true","timestamp":"yesterday","author":7,"id":"7"}`, "type tts pinned timestamp author", `{"id":"7"}`},
		{"MESSAGE_CREATE", `{"id":"","channel_id":"x","guild_id":-1,"webhook_id":18446744073709551616,"application_id":1.5}`, "id channel_id guild_id webhook_id application_id", `{}`},
		{"MESSAGE_CREATE", `{"flags":-1,"position":1e300,"type":9223372036854775808,"id":"7"}`, "flags position type", `{"id":"7"}`},
		{"MESSAGE_CREATE", `{"edited_timestamp":7,"id":"7"}`, "edited_timestamp", `{"id":"7"}`},
		{"MESSAGE_CREATE", `{"mentions":[{"id":"1"},7,null,[],{"id":"2"}],"mention_roles":["1","x",{},"2"]}`, "mentions[1] mentions[2] mentions[3] mention_roles[1] mention_roles[2]", `{"mentions":[{"id":"1"},{"id":"2"}],"mention_roles":["1","2"]}`},
		{"MESSAGE_CREATE", `{"mentions":{"id":"1"},"mention_roles":"1","embeds":null}`, "mentions mention_roles", `{"embeds":null}`},
		{"MESSAGE_CREATE", `{"embeds":[{"title":"a","fields":[{"name":7,"value":"b"}],"footer":1}]}`, "embeds[0].fields[0].name embeds[0].footer", `{"embeds":[{"title":"a","fields":[{"value":"b"}]}]}`},
		{"MESSAGE_CREATE", `{"components":[5,{"type":"x","a":1},{"type":1,"components":[null,{"type":2,"label":7,"style":1}]},{"type":99,"b":[]}]}`,
			"components[0] components[1].type components[2].components[0] components[2].components[1].label",
			`{"components":[{"type":null,"a":1},{"type":1,"components":[{"type":2,"style":1}]},{"type":99,"b":[]}]}`},
		{"MESSAGE_CREATE", `{"resolved":{"users":{"7":5,"private words":{"id":"1"},"8":{"id":"8","username":[]}},"roles":[]}}`,
			"resolved.users[0] resolved.users[1] resolved.users[2].username resolved.roles", `{"resolved":{"users":{"8":{"id":"8"}}}}`},
		{"GUILD_MEMBER_UPDATE", `{"nick":7,"premium_since":"soon","pending":0,"avatar_decoration_data":"x","collectibles":{"nameplate":7},"guild_id":"7"}`,
			"nick premium_since pending avatar_decoration_data collectibles.nameplate", `{"collectibles":{},"guild_id":"7"}`},
		{"PRESENCE_UPDATE", `{"activities":[{"party":{"size":[1]}},{"party":{"size":[1,2,3]}},{"party":{"size":[1,"x"]}},{"party":{"size":7}}]}`,
			"activities[0].party.size activities[1].party.size activities[2].party.size[1] activities[3].party.size", `{"activities":[{"party":{}},{"party":{}},{"party":{}},{"party":{}}]}`},
		{"PRESENCE_UPDATE", `{"activities":[{"buttons":["a",7,{"label":7,"url":"u"},null]}]}`, "activities[0].buttons[1] activities[0].buttons[2].label activities[0].buttons[3]", `{"activities":[{"buttons":["a",{"url":"u"}]}]}`},
		{"GUILD_ROLE_CREATE", `{"role":{"permissions":[1],"name":"r"}}`, "role.permissions", `{"role":{"name":"r"}}`},
		{"READY", `{"shard":[0,"x"],"session_id":7,"v":10}`, "shard session_id", `{"v":10}`},
		{"VOICE_CHANNEL_EFFECT_SEND", `{"emoji":[],"sound_volume":1e999,"guild_id":"7"}`, "emoji sound_volume", `{"guild_id":"7"}`},
		{"INTERACTION_CREATE", `{"data":{"options":[{"name":"a","value":{}}]}}`, "data.options[0].value", `{"data":{"options":[{"name":"a"}]}}`},
	} {
		event, odd := strictly(t, test.name, test.data)
		if paths := strings.Fields(test.odd); odd == nil || odd.Type != test.name || !slices.Equal(odd.Paths, paths) || odd.More != 0 {
			t.Errorf("%s: %+v, want %q", test.data, odd, paths)
		}
		want, nothing := strictly(t, test.name, test.same)
		if nothing != nil {
			t.Errorf("%s: %v", test.same, nothing)
		}
		got, err := json.Marshal(event)
		alike, err2 := json.Marshal(want)
		if err != nil || err2 != nil || strings.ReplaceAll(string(got), `"x"`, "null") != string(alike) {
			t.Errorf("%s is read as\n%s, want\n%s (%v, %v)", test.data, got, alike, err, err2)
		}
	}
}

// TestOnlyWhatIsNoObjectIsSpoiled: and errors quote nothing.
func TestOnlyWhatIsNoObjectIsSpoiled(t *testing.T) {
	t.Parallel()
	for _, data := range []string{`7`, `"private words"`, `[{"private":"words"}]`, `true`, ``, `{"content":"private words"`, `{"content":private words}`, `{"id":"private words"}private`, `{"content":"\private"}`} {
		raw := &events.Raw{Type: "MESSAGE_CREATE", Data: []byte(data)}
		event, err := events.Decode(raw)
		if err == nil || event != nil || strings.Contains(err.Error(), "private") || strings.Contains(err.Error(), "words") || !strings.HasPrefix(err.Error(), "events: MESSAGE_CREATE: ") {
			t.Errorf("%s: %+v, %v", data, event, err)
		}
		var odd *events.OddFieldsError
		if err := events.DecodeStrict(raw, new(events.MessageCreate)); err == nil || errors.As(err, &odd) {
			t.Errorf("%s: %v", data, err)
		}
	}
}

// TestOddFieldsAreCounted: there are at most 16 paths, and no value in any.
func TestOddFieldsAreCounted(t *testing.T) {
	t.Parallel()
	data := `{"guild_id":"7","presences":[` + strings.Repeat(`{"user":{"id":"1"},"status":["private words"]},`, 1000) + `{"user":{"id":"2"}}]}`
	event, odd := strictly(t, "GUILD_MEMBERS_CHUNK", data)
	if got := event.(*events.GuildMembersChunk); len(got.Presences) != 1001 || got.GuildID != 7 {
		t.Errorf("%d presences", len(got.Presences))
	}
	if odd == nil || len(odd.Paths) != 16 || odd.More != 984 || odd.Paths[15] != "presences[15].status" || strings.Contains(odd.Error(), "private") {
		t.Fatalf("%v", odd)
	}
	if text := odd.Error(); !strings.Contains(text, "GUILD_MEMBERS_CHUNK") || !strings.Contains(text, "presences[0].status") || !strings.HasSuffix(text, " and 984 more") {
		t.Error(text)
	}
}

// TestWholeNumbersInEveryNotation: in all fields that hold a whole number, of all events.
func TestWholeNumbersInEveryNotation(t *testing.T) {
	t.Parallel()
	s := load(t)
	fields := 0
	for _, e := range s.Events {
		for _, f := range s.AllFields(e) {
			enum := s.Enum(f.Type.Name)
			number := enum != nil && enum.Base != "string" || slices.Contains([]string{"int", "UnixSeconds", "UnixMillis", "Snowflake", "Opcode"}, f.Type.Name)
			if f.Type.Of != nil || !number {
				continue
			}
			fields++
			plain, _ := strictly(t, events.Type(e.Name), fmt.Sprintf(`{%q:1500}`, f.Name))
			for _, form := range []string{"1500.0", "1.5e3", "1500000E-3", "15.00e+2", "0.15e4"} {
				if got, odd := strictly(t, events.Type(e.Name), fmt.Sprintf(`{%q:%s}`, f.Name, form)); odd != nil || !reflect.DeepEqual(got, plain) {
					t.Errorf("%s.%s: %s is read as %+v, %v", e.Name, f.Name, form, got, odd)
				}
			}
			for _, form := range []string{"1500.5", "1e-1", "1e30"} {
				if _, odd := strictly(t, events.Type(e.Name), fmt.Sprintf(`{%q:%s}`, f.Name, form)); odd == nil && f.Type.Name != "Permissions" {
					t.Errorf("%s.%s takes %s", e.Name, f.Name, form)
				}
			}
		}
	}
	if fields < 100 {
		t.Errorf("only %d fields hold whole numbers", fields)
	}
	for _, text := range []string{"1.5e3", "1500.0"} {
		var id events.Snowflake
		var shard events.ShardID
		if err := json.Unmarshal([]byte(text), &id); err != nil || id != 1500 {
			t.Errorf("%s: %v, %v", text, id, err)
		}
		if err := json.Unmarshal([]byte("["+text+",2e3]"), &shard); err != nil || shard != (events.ShardID{Index: 1500, Total: 2000}) {
			t.Errorf("%s: %v, %v", text, shard, err)
		}
		if n, err := discord.Value(text).Int(); err != nil || n != 1500 {
			t.Errorf("%s: %v, %v", text, n, err)
		}
	}
}

// mine are types of somebody else's for an event that this package knows.
type mine struct {
	ID      string `json:"id"`
	Content string `json:"content"`
	Count   int    `json:"count"`
}

func (*mine) EventType() events.Type { return "MESSAGE_CREATE" }

type wrapped struct{ events.MessageCreate }

type refusing struct{ Content refuser }

type refuser struct{}

func (*refuser) UnmarshalJSON(data []byte) error { return fmt.Errorf("what is %s?", data) }

// TestTypesOfSomebodyElse: they may be of an event that this package knows, or hold one of its types; the rule is the same as far as
// encoding/json goes.
func TestTypesOfSomebodyElse(t *testing.T) {
	t.Parallel()
	raw := &events.Raw{Type: "MESSAGE_CREATE", Data: []byte(`{"id":"1","count":1.5,"content":"x"}`)}
	var odd *events.OddFieldsError
	got := new(mine)
	if err := events.DecodeInto(raw, got); err != nil || got.Content != "x" || got.ID != "1" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := events.DecodeStrict(raw, got); !errors.As(err, &odd) || !slices.Equal(odd.Paths, []string{"count"}) || strings.Contains(err.Error(), "1.5") {
		t.Errorf("%v", err)
	}
	outer := new(wrapped)
	if err := events.DecodeInto(raw, outer); err != nil || outer.Content != "x" || outer.ID != 1 {
		t.Errorf("%+v, %v", outer, err)
	}
	raw.Data = []byte(`{"content":"private words"}`)
	if err := events.DecodeInto(raw, new(refusing)); err == nil || strings.Contains(err.Error(), "private") {
		t.Errorf("%v", err)
	}
	raw.Data = []byte(`{"content":private}`)
	if err := events.DecodeInto(raw, new(mine)); err == nil || strings.Contains(err.Error(), "'p'") {
		t.Errorf("%v", err)
	}
}

// hearer is a Sender that hears what is odd in its answer.
type hearer struct {
	sender
	heard []string
}

func (h *hearer) HearOdd(raw events.Raw, odd *events.OddFieldsError) {
	h.heard = append(h.heard, fmt.Sprint(raw.Type, odd.Paths))
}

// TestOddFieldsOfAnswers: they cost themselves, and who carried the answer hears of them.
func TestOddFieldsOfAnswers(t *testing.T) {
	t.Parallel()
	chunk := event(events.TypeGuildMembersChunk, `{"guild_id":"5","members":[{"nick":"a"},{"nick":7}],"presences":[{"status":7,"user":{"id":"1"}}]}`)
	want := []string{"GUILD_MEMBERS_CHUNK[members[1].nick presences[0].status]"}
	h := &hearer{sender: sender{events: []events.Raw{chunk}}}
	ask := events.RequestGuildMembers{GuildID: 5, UserIDs: []events.Snowflake{1}}
	got, err := ask.SendEvent(t.Context(), h)
	if err != nil || len(got.Members) != 2 || len(got.Presences) != 1 || !slices.Equal(h.heard, want) {
		t.Errorf("%+v, %v, heard %q", got, err, h.heard)
	}
	h.heard = nil
	for part, err := range ask.Chunks(t.Context(), h) {
		if err != nil || len(part.Members) != 2 {
			t.Errorf("%+v, %v", part, err)
		}
	}
	if !slices.Equal(h.heard, want) {
		t.Errorf("of parts it heard %q", h.heard)
	}
	if got, err := ask.From(events.Answer{Events: []events.Raw{chunk}}); err != nil || len(got.Members) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ask.SendEvent(context.Background(), &h.sender); err != nil || len(got.Members) != 2 {
		t.Errorf("nobody hears: %+v, %v", got, err)
	}
}

// TestOddFieldsOfEveryAnswerAreHeard, whatever was asked for.
func TestOddFieldsOfEveryAnswerAreHeard(t *testing.T) {
	t.Parallel()
	carry := func(of events.Raw, ask func(events.Sender) error) (heard []string) {
		h := &hearer{sender: sender{events: []events.Raw{of}}}
		if err := ask(h); err != nil {
			t.Errorf("%s: %v", of.Type, err)
		}
		return h.heard
	}
	for _, c := range []struct {
		raw  events.Raw
		want string
		ask  func(events.Sender) error
	}{
		{event(events.TypeVoiceStateUpdate, `{"guild_id":"5","self_mute":7}`), "[VOICE_STATE_UPDATE[self_mute]]", func(to events.Sender) error {
			_, err := events.UpdateVoiceState{GuildID: 5}.SendEvent(t.Context(), to)
			return err
		}},
		{event(events.TypeSoundboardSounds, `{"guild_id":"5","soundboard_sounds":[{"volume":"x"}]}`), "[SOUNDBOARD_SOUNDS[soundboard_sounds[0].volume]]", func(to events.Sender) error {
			_, err := events.RequestSoundboardSounds{GuildIDs: []events.Snowflake{5}}.SendEvent(t.Context(), to)
			return err
		}},
		{event(events.TypeChannelInfo, `{"guild_id":"5","channels":[{"status":7}]}`), "[CHANNEL_INFO[channels[0].status]]", func(to events.Sender) error {
			_, err := events.RequestChannelInfo{GuildID: 5, Fields: []string{"status"}}.SendEvent(t.Context(), to)
			return err
		}},
	} {
		if heard := fmt.Sprint(carry(c.raw, c.ask)); heard != c.want {
			t.Errorf("%s: heard %s, want %s", c.raw.Type, heard, c.want)
		}
	}
}

// TestUnsetTimeIsZero: what is left unset is as if it had not been there.
func TestUnsetTimeIsZero(t *testing.T) {
	t.Parallel()
	event, _ := strictly(t, "GUILD_CREATE", `{"joined_at":1.5,"id":"7"}`)
	if got := event.(*events.GuildCreate); got.JoinedAt != (time.Time{}) || got.ID != 7 {
		t.Errorf("%+v", got)
	}
}
