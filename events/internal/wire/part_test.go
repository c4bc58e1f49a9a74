package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/events/discord"
)

func TestPartOf(t *testing.T) {
	members := `[{"user":{"username":"a \\\" } ] \\\\"},"roles":[["]"]]},{}]`
	for data, want := range map[string]Part{
		`{}`: {},
		`{"members":` + members + `,"guild_id":"7","nonce":"n\"1","chunk_index":2,"chunk_count":3}`:                                  {GuildID: 7, Nonce: `n"1`, Index: 2, Count: 3},
		`{"guild_id":"7","not_found":[],"chunk_count":1,"x":{"nonce":"of x","y":{}},"z":null,"w":-1.5e3,"b":true}`:                   {GuildID: 7, Count: 1},
		` { "endpoint" : "e" , "x" : [ ] , "guild_id" : "7" } `:                                                                      {GuildID: 7, Endpoint: true},
		`{"v":10,"user":{"x":{"id":"3"},"id":"9","y":[{"id":"4"}]},"guilds":[{"id":"5"}],"session_id":"s","resume_gateway_url":"u"}`: {SessionID: "s", ResumeURL: "u", User: 9, Guilds: []discord.Snowflake{5}},
		`{"guilds":[{"id":"5","x":[1,2]},null,"]",{"id":6,"guilds":[{"id":"7"}]},{"id":[]},{}],"x":{"guilds":[{"id":"8"}]}}`:         {Guilds: []discord.Snowflake{5, 6}},
		`{"guilds":{"a":[1]},"user":{"id":"9"}}`:                                                                                     {User: 9},
		`{"endpoint":null,"nonce":null,"user":null}`:                                                                                 {},
		`{"user":{"user":{"id":"3"},"id":"9"},"x":"a\\\"\\"}`:                                                                        {User: 9},
		`{"user":{"id":null,"user":[{"user":{}}]},"guild_id":"7","id":5}`:                                                            {GuildID: 7},
		// What is odd costs itself, and whole numbers come in every notation.
		`{"guild_id":[],"nonce":[1],"chunk_index":{},"chunk_count":"3","user":[],"session_id":1,"resume_gateway_url":"u","endpoint":7}`: {Index: -1, ResumeURL: "u"},
		`{"user":{"id":{}},"guild_id":7.0,"chunk_index":2e0,"chunk_count":0.3E1}`:                                                       {GuildID: 7, Index: 2, Count: 3},
		`{"user":"9","guild_id":1.5,"chunk_index":null,"chunk_count":1e99}`:                                                             {Index: -1},
	} {
		if got, ok := PartOf([]byte(data)); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v %v, want %+v", data, got, ok, want)
		}
		for cut := range len(bytes.TrimSpace([]byte(data))) {
			if got, ok := PartOf([]byte(data)[:cut]); ok {
				t.Errorf("%s: %+v of what is not whole", data[:cut], got)
			}
		}
	}
	for _, data := range []string{`[]`, `null`, `7`, `{"nonce":[}`, `{"user":}`, `{"a":[}`, `{"a":[],}x`, `{"a" []}`, `{"a":[]"b":1}`, `{"guild_id":x,"b":[]}`} {
		if got, ok := PartOf([]byte(data)); ok {
			t.Errorf("%s: %+v", data, got)
		}
	}
}

// TestPartOfIsLinear: neither depth nor escapes cost more than their bytes. By their square it would take minutes.
func TestPartOfIsLinear(t *testing.T) {
	t.Parallel()
	const n = 4 << 20
	for name, data := range map[string]string{
		"users in each other": strings.Repeat(`{"user":`, n) + `{"id":"9"}` + strings.Repeat(`}`, n),
		"escapes":             `{"x":["` + strings.Repeat(`\n`, n) + `"],"user":{}}`,
		"escaped quotes":      `{"x":["` + strings.Repeat(`\"`, n) + `"],"user":{}}`,
		"backslashes":         `{"x":["` + strings.Repeat(`\\`, n) + `"],"user":{}}`,
		"arrays":              `{"x":` + strings.Repeat(`[`, n) + strings.Repeat(`]`, n) + `,"user":{}}`,
	} {
		if part, ok := PartOf([]byte(data)); !ok || !reflect.DeepEqual(part, Part{}) {
			t.Errorf("%s: %+v %v", name, part, ok)
		}
	}
}

// What is stepped over does not change what is read, wherever it stands.
func FuzzPartOf(f *testing.F) {
	f.Add([]byte(`[{"a":"\""}]`))
	f.Add([]byte(`"}"`))
	f.Add([]byte(`{"b":[1,2,{"c":null}]}`))
	f.Fuzz(func(t *testing.T, other []byte) {
		if !json.Valid(other) {
			PartOf(other) // must not panic
			return
		}
		want := Part{GuildID: discord.Snowflake(7), Nonce: "n", Index: 1, Count: 2}
		data := fmt.Appendf(nil, `{"other":%s,"guild_id":"7","nonce":"n","and":%s,"chunk_index":1,"chunk_count":2}`, other, other)
		if got, ok := PartOf(data); !ok || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: %+v %v", data, got, ok)
		}
	})
}

// BenchmarkPartOf reads an answer with a thousand members.
func BenchmarkPartOf(b *testing.B) {
	const member = `{"user":{"username":"m\"ember","id":"800000000000000001","bot":false,"avatar":null},"roles":["800000000000000001"],"nick":null,"joined_at":"2021-01-01T00:00:00.000000+00:00","flags":0},`
	data := []byte(`{"not_found":[],"members":[` + strings.TrimSuffix(strings.Repeat(member, 1000), ",") + `],"guild_id":"7","chunk_index":0,"chunk_count":1,"nonce":"n"}`)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if part, ok := PartOf(data); !ok || part.Count != 1 {
			b.Fatal("not read")
		}
	}
}
