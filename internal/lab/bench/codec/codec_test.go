// Package codec compares ways to decode the same events: the codecs that this library could
// use for its own types, and what peers do with theirs.
package codec

import (
	"encoding/json"
	"testing"

	"github.com/bwmarrin/discordgo"
	"github.com/bytedance/sonic"
	"github.com/disgoorg/disgo/gateway"
	jsonv2 "github.com/go-json-experiment/json"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/lab/bench/tape"
)

var raws = func() (list []events.Raw) {
	for _, e := range tape.Generate(1, 4000, 1, false) {
		raw, err := events.Peek(e.Payload)
		if err != nil {
			panic(err)
		}
		list = append(list, raw)
	}
	return list
}()

func of(t events.Type) (list []events.Raw) {
	for _, raw := range raws {
		if t == "" || raw.Type == t {
			list = append(list, raw)
		}
	}
	return list
}

func decodeWith(unmarshal func([]byte, any) error) func(*events.Raw) error {
	return func(raw *events.Raw) error {
		e, _ := events.New(raw.Type)
		return unmarshal(raw.Data, e)
	}
}

var discordgoTypes = map[events.Type]func() any{
	"PRESENCE_UPDATE": func() any { return new(discordgo.PresenceUpdate) }, "MESSAGE_CREATE": func() any { return new(discordgo.MessageCreate) },
	"TYPING_START": func() any { return new(discordgo.TypingStart) }, "GUILD_MEMBER_UPDATE": func() any { return new(discordgo.GuildMemberUpdate) },
	"VOICE_STATE_UPDATE": func() any { return new(discordgo.VoiceStateUpdate) }, "MESSAGE_REACTION_ADD": func() any { return new(discordgo.MessageReactionAdd) },
	"MESSAGE_UPDATE": func() any { return new(discordgo.MessageUpdate) }, "MESSAGE_DELETE": func() any { return new(discordgo.MessageDelete) }, "GUILD_CREATE": func() any { return new(discordgo.GuildCreate) },
}

var ways = []struct {
	name   string
	decode func(*events.Raw) error
}{
	{"ours", func(raw *events.Raw) error { _, err := events.Decode(raw); return err }},
	{"encoding-json", decodeWith(json.Unmarshal)},
	{"go-json-experiment", decodeWith(func(b []byte, v any) error { return jsonv2.Unmarshal(b, v) })},
	{"sonic", decodeWith(sonic.Unmarshal)},
	{"discordgo", func(raw *events.Raw) error { return json.Unmarshal(raw.Data, discordgoTypes[raw.Type]()) }},
	{"disgo", func(raw *events.Raw) error {
		_, err := gateway.UnmarshalEventData(raw.Data, gateway.EventType(raw.Type))
		return err
	}},
}

func BenchmarkDecode(b *testing.B) {
	for _, kind := range []events.Type{"", "MESSAGE_CREATE", "PRESENCE_UPDATE", "GUILD_CREATE"} {
		list := of(kind)
		size := 0
		for _, raw := range list {
			size += len(raw.Data)
		}
		name := string(kind)
		if name == "" {
			name = "mix"
		}
		for _, way := range ways {
			b.Run(name+"/"+way.name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(size / len(list)))
				for i := 0; b.Loop(); i++ {
					if err := way.decode(&list[i%len(list)]); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
