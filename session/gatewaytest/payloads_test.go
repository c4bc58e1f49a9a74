package gatewaytest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/events/schema"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// dispatched are events as a server makes them.
type dispatched struct {
	mu  sync.Mutex
	all []gatewaytest.Entry
}

func (d *dispatched) option() gatewaytest.Option {
	return gatewaytest.WithTrace(func(e gatewaytest.Entry) {
		if d.mu.Lock(); e.Kind == gatewaytest.Dispatched {
			d.all = append(d.all, e)
		}
		d.mu.Unlock()
	})
}

// TestPayloadsAreWhole: of everything that the world tells and the server answers, each documented field that is not optional is
// there and of its type, nothing is there that is not documented, and a strict decoder finds nothing odd.
func TestPayloadsAreWhole(t *testing.T) {
	d := new(dispatched)
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		live(t, g)
		documented, err := schema.Load()
		if err != nil {
			t.Fatal(err)
		}
		seen := make(map[events.Type]bool)
		for _, e := range d.all {
			seen[e.Type] = true
			whole := judge{s: documented}
			at := slices.IndexFunc(documented.Events, func(o *schema.Object) bool { return o.Name == string(e.Type) })
			if at < 0 {
				t.Errorf("%s is not documented", e.Type)
				continue
			}
			if id := string(e.Data); e.Type == events.TypeGuildDelete && !strings.Contains(id, "unavailable") {
				seen["GUILD_DELETE, removed"] = true
			}
			whole.object(string(e.Type), documented.Events[at], decode(t, e.Data))
			if whole.wrong != nil {
				t.Errorf("%s: %s", strings.Join(slices.Compact(whole.wrong), "; "), e.Data)
			}
			event, known := events.New(e.Type)
			if !known {
				t.Errorf("%s is not known", e.Type)
				continue
			}
			if err := events.DecodeStrict(&events.Raw{Type: e.Type, Data: e.Data}, event); err != nil {
				t.Error(err)
			}
		}
		for _, kind := range []events.Type{
			"READY", "RESUMED", "GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE", "GUILD_DELETE, removed", "GUILD_EMOJIS_UPDATE", "GUILD_STICKERS_UPDATE",
			"CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE", "THREAD_CREATE", "THREAD_UPDATE", "THREAD_DELETE", "GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE",
			"GUILD_ROLE_DELETE", "GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE", "GUILD_MEMBER_REMOVE", "GUILD_MEMBERS_CHUNK", "MESSAGE_CREATE", "MESSAGE_UPDATE",
			"MESSAGE_DELETE", "TYPING_START", "INTERACTION_CREATE", "VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE", "PRESENCE_UPDATE", "RATE_LIMITED",
			"SOUNDBOARD_SOUNDS", "CHANNEL_INFO",
		} {
			if !seen[kind] {
				t.Errorf("%s was never sent", kind)
			}
		}
	}, d.option(), bothGuilds, calm, gatewaytest.WithExact())
}

// live has everything happen that can happen.
func live(t *testing.T, g *gatewaytest.Server) {
	t.Helper()
	w, none := g.World(), gatewaytest.Fields(nil)
	w.Presence(guildA, 1, "idle", gatewaytest.Fields{"name": "chess"})
	c := greeted(t, g, identifyWith(int(events.IntentsAll), 0, 1))
	synctest.Wait()
	kinds := []int{0, 2, 4, 5, 13, 15, 16}
	for _, kind := range kinds {
		id := w.AddChannel(guildA, "channel", gatewaytest.Fields{"type": kind})
		w.UpdateChannel(guildA, id, gatewaytest.Fields{"name": "other"})
	}
	for _, kind := range []int{10, 11, 12} {
		thread := w.AddChannel(guildA, "thread", gatewaytest.Fields{"type": kind, "parent_id": guildA + 1})
		w.UpdateChannel(guildA, thread, gatewaytest.Fields{"name": "other"})
		w.Message(guildA, gatewaytest.Message{Channel: thread, Content: "in a thread"})
	}
	gone := w.AddChannel(guildA, "gone", gatewaytest.Fields{"type": 11, "parent_id": guildA + 1})
	w.RemoveChannel(guildA, gone)
	w.RemoveChannel(guildA, w.AddChannel(guildA, "gone", none))
	role := w.AddRole(guildA, "crew", none)
	w.UpdateRole(guildA, role, gatewaytest.Fields{"hoist": true})
	w.RemoveRole(guildA, w.AddRole(guildA, "gone", none))
	w.UpdateGuild(guildA, gatewaytest.Fields{
		"name": "A", "emojis": []any{gatewaytest.Fields{"name": "blob"}}, "stickers": []gatewaytest.Fields{{"name": "wave", "id": "77"}},
	})
	user := w.Join(guildA, 0, gatewaytest.Fields{"roles": []any{role}})
	w.UpdateMember(guildA, user, gatewaytest.Fields{"nick": "Ann"})
	w.Presence(guildA, 2, "offline")
	message := w.Message(guildA, gatewaytest.Message{Content: fmt.Sprintf("<@%v> <@!1> <@1> <@&%v> <@99> @here", gatewaytest.BotID, role)})
	w.EditMessage(message, "no more", none)
	w.DeleteMessage(message)
	direct := w.DirectMessage(gatewaytest.Message{Content: "<@4242> hi"})
	w.EditMessage(direct, "<@4242> hello", none)
	w.Typing(guildA, 1)
	w.Interact(guildA, 1, gatewaytest.Fields{"data": map[string]any{"id": "9", "name": "ping", "type": 1}})
	w.Interact(0, 1, gatewaytest.Fields{"data": map[string]any{"id": "9", "name": "ping", "type": 1}})
	w.Command(guildA, gatewaytest.Command{Name: "give", Options: []gatewaytest.CommandOption{
		{Name: "to", Value: user}, {Name: "what", Value: role}, {Name: "where", Value: guildA + 1}, {Name: "note", Value: "x"},
	}})
	w.Voice(guildA, 1, guildA+2, none)
	for _, line := range []string{
		`{"op":4,"d":{"guild_id":"` + guildA.String() + `","channel_id":"` + (guildA + 2).String() + `","self_mute":false,"self_deaf":false}}`,
		fmt.Sprintf(full, `"`+guildA.String()+`"`), fmt.Sprintf(full, `"`+guildA.String()+`"`),
		`{"op":8,"d":{"guild_id":"` + guildA.String() + `","user_ids":["1","99"],"presences":true,"nonce":"n"}}`,
		`{"op":31,"d":{"guild_ids":["` + guildA.String() + `"]}}`,
		`{"op":43,"d":{"guild_id":"` + guildA.String() + `","fields":["status","voice_start_time"]}}`,
	} {
		c.send(line)
		synctest.Wait()
	}
	w.Leave(guildA, user)
	w.GuildOutage(guildB, true)
	w.GuildOutage(guildB, false)
	w.RemoveGuild(guildB)
	w.AddGuild(guildB, none)
	id := ""
	for id == "" {
		p, _ := c.next()
		var r struct {
			SessionID string `json:"session_id"`
		}
		if json.Unmarshal(p.D, &r) == nil {
			id = r.SessionID
		}
	}
	g.Shard(0).Drop()
	greeted(t, g, resumeWith(id, 1))
	synctest.Wait()
	time.Sleep(5 * time.Second)
	greeted(t, g, identifyWith(int(events.IntentsAll), 0, 1)) // its GUILD_CREATE has all that is left
	synctest.Wait()
	g.RequireNoViolations(t)
}

func decode(t *testing.T, data []byte) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// judge holds values against the schema.
type judge struct {
	s     *schema.Schema
	wrong []string
}

func (j *judge) fail(path, format string, args ...any) {
	j.wrong = append(j.wrong, path+" "+fmt.Sprintf(format, args...))
}

func (j *judge) object(path string, o *schema.Object, v any) {
	d, is := v.(map[string]any)
	if !is {
		j.fail(path, "is no object")
		return
	}
	known := make(map[string]bool)
	for _, f := range j.s.AllFields(o) {
		known[f.Name] = true
		value, there := d[f.Name]
		switch {
		case !there && !f.Optional:
			j.fail(path+"."+f.Name, "is missing")
		case there && value == nil && !f.Nullable && f.Type.Name != "Present" && f.Type.Name != "JSON":
			j.fail(path+"."+f.Name, "is null")
		case there && value != nil:
			j.value(path+"."+f.Name, f.Type, value)
		}
	}
	for name := range d {
		if !known[name] {
			j.fail(path+"."+name, "is not documented")
		}
	}
}

func (j *judge) value(path string, t schema.Type, v any) {
	if t.Of != nil {
		switch v := v.(type) {
		case []any:
			if t.Name == "map" || t.Name == "[2]" && len(v) != 2 {
				j.fail(path, "is a list of %d", len(v))
			}
			for i, each := range v {
				j.value(fmt.Sprintf("%s[%d]", path, i), *t.Of, each)
			}
		case map[string]any:
			if t.Name != "map" {
				j.fail(path, "is an object")
			}
			for key, each := range v {
				if t.Key == "Snowflake" {
					j.word(path+" key", t.Key, key)
				}
				j.value(path+"."+key, *t.Of, each)
			}
		default:
			j.fail(path, "is %v", v)
		}
		return
	}
	if o := j.s.Object(t.Name); o != nil {
		j.object(path, o, v)
	} else if e := j.s.Enum(t.Name); e != nil {
		j.enum(path, e, v)
	} else if u := j.s.Union(t.Name); u != nil {
		j.union(path, u, v)
	} else {
		j.word(path, t.Name, v)
	}
}

func (j *judge) union(path string, u *schema.Union, v any) {
	d, _ := v.(map[string]any)
	at := slices.IndexFunc(u.Cases, func(c schema.Value) bool { return c.Value == fmt.Sprint(d[u.Key]) })
	if at < 0 {
		j.fail(path, "is of kind %v", d[u.Key])
		return
	}
	j.object(path, j.s.Object(u.Cases[at].Name), v)
}

func (j *judge) enum(path string, e *schema.Enum, v any) {
	listed := slices.ContainsFunc(e.Values, func(known schema.Value) bool { return known.Value == fmt.Sprint(v) })
	_, number := v.(json.Number)
	switch {
	case e.Name == "Permissions":
		j.word(path, "Bits", v)
	case number == (e.Base == "string") || e.Base != "flags" && !listed:
		j.fail(path, "is %v, which is no %s", v, e.Name)
	}
}

// word holds a value against one of the words that are no records.
func (j *judge) word(path, word string, v any) {
	text, isText := v.(string)
	number, isNumber := v.(json.Number)
	_, isBool := v.(bool)
	digits := func() bool { _, err := strconv.ParseUint(text, 10, 64); return isText && err == nil }
	whole := func() bool { _, err := number.Int64(); return isNumber && err == nil }
	var ok bool
	switch word {
	case "Snowflake", "Bits":
		ok = digits()
	case "string", "Secret":
		ok = isText
	case "bool":
		ok = isBool
	case "int", "UnixSeconds", "UnixMillis", "Opcode":
		ok = whole()
	case "float", "Seconds":
		ok = isNumber
	case "Time":
		_, err := time.Parse("2006-01-02T15:04:05.000000-07:00", text)
		ok = err == nil
	case "Value":
		ok = isText || isNumber || isBool
	case "ShardID":
		list, _ := v.([]any)
		ok = len(list) == 2
	case "JSON", "Present":
		ok = true
	}
	if !ok {
		j.fail(path, "is %v, which is no %s", v, word)
	}
}

// TestJudgeNotices what is wrong, so that TestPayloadsAreWhole can fail.
func TestJudgeNotices(t *testing.T) {
	t.Parallel()
	s, err := schema.Parse("x", "# K.\nenum Kind int p\n\tOne 1\n\n# F.\nflags Permissions p\n\tA 1<<3\n\n# T.\nobject Thing p\n\tid Snowflake\n\tat? ?Time\n\tkind? Kind\n\tmay? Permissions\n\tall? []Thing\n\tof? map[Snowflake]Thing\n")
	if err != nil {
		t.Fatal(errors.Unwrap(err))
	}
	for text, want := range map[string]string{
		`{"id":"1","at":null,"kind":1,"may":"8","all":[{"id":"2"}],"of":{"3":{"id":"3"}}}`: "",
		`{}`: ".id is missing", `{"id":null}`: ".id is null", `{"id":1}`: ".id is 1", `{"id":"1","x":1}`: ".x is not documented",
		`{"id":"1","at":"2026-01-01"}`: ".at is 2026-01-01", `{"id":"1","kind":2}`: ".kind is 2", `{"id":"1","may":8}`: ".may is 8",
		`{"id":"1","all":[{}]}`: ".all[0].id is missing", `{"id":"1","all":{}}`: ".all is an object", `{"id":"1","of":{"x":{"id":"1"}}}`: ".of key is x",
		`[]`: " is no object",
	} {
		j := judge{s: s}
		j.object("", s.Object("Thing"), decode(t, []byte(text)))
		if got := strings.Join(j.wrong, "; "); !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
