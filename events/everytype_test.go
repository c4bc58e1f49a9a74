package events_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/events"
)

// values are of every type that JSON has, and some that look right.
var values = []string{
	`null`, `true`, `""`, `"x"`, `"17"`, `-1`, `1.5`, `1e3`, `18446744073709551616`, `1e999`, `[]`, `{}`, `[7]`, `["x",null]`, `[{}]`, `[[]]`, `[1,2,3]`, `{"a":1}`, `{"id":[]}`,
	`{"type":"x","name":{"0":[]}}`, `"\ud800"`,
}

// step is a key of an object, or a place in an array.
type step struct {
	key   string
	place int
}

// steps are all paths into a value that encoding/json has read, as they are told.
func steps(value any, at []step) [][]step {
	all := [][]step{at}
	switch value := value.(type) {
	case map[string]any:
		for key, one := range value {
			all = append(all, steps(one, append(slices.Clip(at), step{key: key}))...)
		}
	case []any:
		for i, one := range value {
			all = append(all, steps(one, append(slices.Clip(at), step{place: i}))...)
		}
	}
	return all
}

// with is value with another one at a path; change makes that of what stood there. It is left out when ok is false.
func with(value any, at []step, change func(any) (other any, ok bool)) (any, bool) {
	if len(at) == 0 {
		return change(value)
	}
	switch value := value.(type) {
	case map[string]any:
		all := map[string]any{}
		for key, one := range value {
			ok := true
			if key == at[0].key {
				one, ok = with(one, at[1:], change)
			}
			if ok {
				all[key] = one
			}
		}
		return all, true
	case []any:
		list := []any{}
		for i, one := range value {
			ok := true
			if i == at[0].place {
				one, ok = with(one, at[1:], change)
			}
			if ok {
				list = append(list, one)
			}
		}
		return list, true
	}
	return value, true
}

// parse reads a path as it is told.
func parse(path string) (all []step) {
	for _, part := range strings.Split(strings.ReplaceAll(path, "[", ".["), ".") {
		if place, is := strings.CutPrefix(part, "["); is {
			i, _ := strconv.Atoi(strings.TrimSuffix(place, "]"))
			all = append(all, step{place: i})
		} else if part != "" {
			all = append(all, step{key: part})
		}
	}
	return all
}

func encode(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// whole is a full payload, of which only some of the largest keys are kept.
func whole(t testing.TB, name events.Type, keep ...string) map[string]any {
	t.Helper()
	s := load(t)
	for _, e := range s.Events {
		if e.Name == string(name) {
			all := parseAny(t, []byte(encode(t, (&sampler{schema: s, source: new(fullest)}).object(e, 2))))
			for key := range all {
				if _, nested := all[key].(string); len(keep) > 0 && !nested && !slices.Contains(keep, key) {
					delete(all, key)
				}
			}
			return all
		}
	}
	t.Fatalf("no event %s", name)
	return nil
}

// TestEveryTypeInEveryField: the event arrives as if what is said to be odd had not been there.
func TestEveryTypeInEveryField(t *testing.T) {
	if raced {
		t.Skip("long, and on one goroutine: nothing for the race detector")
	}
	t.Parallel()
	for name, keep := range map[events.Type][]string{
		"GUILD_CREATE": {"members", "presences", "voice_states", "member_count"}, "PRESENCE_UPDATE": nil, "GUILD_MEMBERS_CHUNK": nil, "THREAD_MEMBERS_UPDATE": nil,
		"READY": nil, "RATE_LIMITED": nil, "VOICE_STATE_UPDATE": nil, "GUILD_MEMBER_UPDATE": nil,
	} {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			base, odds := whole(t, name, keep...), 0
			for _, at := range steps(base, nil)[1:] {
				for _, value := range values {
					changed, _ := with(base, at, func(any) (any, bool) { return json.RawMessage(value), true })
					text := encode(t, changed)
					event, odd := strictly(t, name, text)
					if odd == nil {
						continue
					}
					odds++
					var cleaned any = parseAny(t, []byte(text))
					for _, path := range slices.Backward(odd.Paths) {
						if parent, _, pair := strings.Cut(path, ".size["); pair {
							path = parent + ".size"
						}
						cleaned, _ = with(cleaned, parse(path), func(any) (any, bool) { return nil, false })
					}
					want, still := strictly(t, name, encode(t, cleaned))
					if still != nil || !reflect.DeepEqual(event, want) {
						t.Fatalf("%s at %v: %v\nis read as %s\nand without as %s (%v)", value, at, odd, encode(t, event), encode(t, want), still)
					}
				}
			}
			if odds < 50 {
				t.Errorf("only %d odd fields", odds)
			}
		})
	}
}

// FuzzPresences: whatever stands in a presence, all else of the event arrives: the guild, its members, and the presences before and behind.
func FuzzPresences(f *testing.F) {
	presence := whole(f, "PRESENCE_UPDATE")
	delete(presence, "guild_id")
	paths := steps(presence, nil)
	slices.SortFunc(paths, func(a, b []step) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	for i := range paths {
		f.Add(uint16(i), values[i%len(values)])
	}
	f.Fuzz(func(t *testing.T, index uint16, value string) {
		if !json.Valid([]byte(value)) {
			return
		}
		changed, _ := with(presence, paths[int(index)%len(paths)], func(any) (any, bool) { return json.RawMessage(value), true })
		odd := encode(t, changed)
		const first, last = `{"user":{"id":"1"},"status":"idle","activities":[]}`, `{"user":{"id":"3"},"status":"dnd"}`
		list := `"presences":[` + first + `,` + odd + `,` + last + `]`
		event, _ := strictly(t, "GUILD_CREATE", `{"id":"7","members":[{"nick":"a"},{"nick":"b"}],`+list+`,"name":"guild"}`)
		guild := event.(*events.GuildCreate)
		event, _ = strictly(t, "GUILD_MEMBERS_CHUNK", `{"guild_id":"7","members":[{"nick":"a"},{"nick":"b"}],`+list+`,"nonce":"n","chunk_count":1}`)
		chunk := event.(*events.GuildMembersChunk)
		if guild.ID != 7 || guild.Name != "guild" || len(guild.Members) != 2 || guild.Members[1].Nick.Or("") != "b" ||
			chunk.GuildID != 7 || chunk.Nonce != "n" || chunk.ChunkCount != 1 || !reflect.DeepEqual(chunk.Members, guild.Members) || !reflect.DeepEqual(chunk.Presences, guild.Presences) {
			t.Fatalf("%s:\n%+v\n%+v", odd, guild, chunk)
		}
		n := len(guild.Presences)
		if n < 2 || guild.Presences[0].Status != "idle" || guild.Presences[0].User.ID != 1 || guild.Presences[n-1].Status != "dnd" || guild.Presences[n-1].User.ID != 3 {
			t.Fatalf("%s: %+v", odd, guild.Presences)
		}
		event, _ = strictly(t, "THREAD_MEMBERS_UPDATE", `{"id":"7","added_members":[{"user_id":"1","presence":`+odd+`,"member":{"nick":"a"}},{"user_id":"2"}],"member_count":3}`)
		if thread := event.(*events.ThreadMembersUpdate); thread.ID != 7 || thread.MemberCount != 3 || len(thread.AddedMembers) != 2 || thread.AddedMembers[0].Member.Nick.Or("") != "a" {
			t.Fatalf("%s: %+v", odd, thread)
		}
		if changed, is := changed.(map[string]any); is {
			changed["guild_id"] = "7"
			event, _ := strictly(t, "PRESENCE_UPDATE", encode(t, changed))
			if update := event.(*events.PresenceUpdate); update.GuildID != 7 {
				t.Fatalf("%s: %+v", odd, update)
			}
		}
	})
}
