package shardmanager_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// oddities keeps what the decode hook is told of odd fields.
type oddities struct {
	mu  sync.Mutex
	all []string
}

func (o *oddities) OnDecodeError(raw events.Raw, at events.Meta, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var odd *events.OddFieldsError
	if errors.As(err, &odd) {
		o.all = append(o.all, fmt.Sprintf("%s %v %d %s", raw.Type, at.Shard, at.Seq, strings.Join(odd.Paths, " ")))
	}
}

// oddPresences are two, one with an odd field whose value nobody should read anywhere.
const oddPresences = `[{"user":{"id":"1"}},{"user":{"id":"2"},"activities":[{"timestamps":{"start":"private words"}}]}]`

// TestOddFieldsGoToHookAndLog: by event, shard, sequence and path, and never with a value; each field to the log once as a warning.
func TestOddFieldsGoToHookAndLog(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		core, logs := observer.New(zap.InfoLevel)
		var hook oddities
		m := newManager(t, g, shardmanager.WithHooks(&hook), shardmanager.WithLogger(zap.New(core)))
		var got [2][]*events.GuildCreate
		for i := range got { // of both handlers, one decodes
			shardmanager.On(m, func(_ context.Context, e *events.GuildCreate, _ events.Meta) { got[i] = append(got[i], e) })
		}
		start(t, m)
		for range 3 {
			g.Shard(0).Dispatch("GUILD_CREATE", json.RawMessage(`{"id":"7","members":[{}],"presences":`+oddPresences+`}`))
		}
		g.Shard(0).Dispatch("GUILD_CREATE", json.RawMessage(`{"id":"7","name":5}`))
		pass(time.Second)
		var want []string
		for seq := range 3 {
			want = append(want, fmt.Sprintf("GUILD_CREATE 0/1 %d presences[1].activities[0].timestamps.start", seq+2))
		}
		want = append(want, "GUILD_CREATE 0/1 5 name")
		slices.Sort(hook.all) // either handler may be ahead
		if !slices.Equal(hook.all, want) {
			t.Errorf("the hook was told %q", hook.all)
		}
		for _, got := range got {
			if len(got) != 4 || len(got[0].Presences) != 2 || len(got[0].Members) != 1 {
				t.Errorf("a handler got %d", len(got))
			}
		}
		var warned []string
		for _, e := range logs.All() {
			text := fmt.Sprint(e.Message, e.ContextMap())
			if strings.Contains(text, "private") {
				t.Errorf("logged: %s", text)
			}
			if paths, is := e.ContextMap()["paths"]; is {
				warned = append(warned, fmt.Sprintf("%v %v %v %v", e.Level, e.ContextMap()["type"], e.ContextMap()["shard"], paths))
			}
		}
		if want := []string{"warn GUILD_CREATE 0 [presences[1].activities[0].timestamps.start]", "warn GUILD_CREATE 0 [name]"}; !slices.Equal(slices.Sorted(slices.Values(warned)), slices.Sorted(slices.Values(want))) {
			t.Errorf("logged %q, want %q", warned, want)
		}
	})
}

// TestOddFieldsOfAnAnswerGoToTheHook: and the asker gets all else.
func TestOddFieldsOfAnAnswerGoToTheHook(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		guild := gatewaytest.GuildOf(events.ShardID{Index: 0, Total: 1}, 0)
		var hook oddities
		m := newManager(t, g, shardmanager.WithHooks(&hook), shardmanager.WithIntents(events.IntentsAll))
		start(t, m)
		g.OnFrame(func(f gatewaytest.Frame) bool {
			var ask struct {
				Nonce string `json:"nonce"`
			}
			if f.Op != events.OpRequestGuildMembers || json.Unmarshal(f.Data, &ask) != nil {
				return false
			}
			chunk := fmt.Sprintf(`{"presences":%s,"nonce":%q,"members":[{"nick":"a"}],"guild_id":"%v","chunk_index":0.0,"chunk_count":1e0}`, oddPresences, ask.Nonce, guild)
			go g.Shard(0).Dispatch("GUILD_MEMBERS_CHUNK", json.RawMessage(chunk))
			return true
		})
		ask := events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}, Presences: events.Ptr(true)}
		for _, to := range []events.Sender{m, m.Shard(0), m.Priority(shardmanager.High)} {
			got, err := ask.SendEvent(t.Context(), to)
			if err != nil || len(got.Members) != 1 || len(got.Presences) != 2 {
				t.Errorf("%T: %+v, %v", to, got, err)
			}
		}
		pass(time.Second)
		if len(hook.all) != 3 || !strings.HasPrefix(hook.all[0], "GUILD_MEMBERS_CHUNK 0/1 ") || !strings.HasSuffix(hook.all[0], " presences[1].activities[0].timestamps.start") {
			t.Errorf("the hook was told %q", hook.all)
		}
	})
}

// TestOwnUpdateBeforeItsGuild: the bot's own GUILD_MEMBER_UPDATE may come before the guild, and a guild may be nothing but an id.
func TestOwnUpdateBeforeItsGuild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		var got []string
		shardmanager.On(m, func(_ context.Context, e *events.GuildMemberUpdate, _ events.Meta) {
			got = append(got, fmt.Sprint("member of ", e.GuildID))
		})
		shardmanager.On(m, func(_ context.Context, e *events.GuildCreate, _ events.Meta) {
			got = append(got, fmt.Sprint("guild ", e.ID, e.Unavailable, len(e.Channels)))
		})
		start(t, m)
		g.Shard(0).Dispatch("GUILD_MEMBER_UPDATE", json.RawMessage(`{"guild_id":"7","user":{"id":"1"},"roles":[]}`))
		pass(time.Second)
		g.Shard(0).Dispatch("GUILD_CREATE", json.RawMessage(`{"id":"7"}`))
		g.Shard(0).Dispatch("GUILD_CREATE", json.RawMessage(`{"id":"8","unavailable":true}`))
		pass(time.Second)
		if want := []string{"member of 7", "guild 7 false 0", "guild 8 true 0"}; !slices.Equal(got, want) {
			t.Errorf("handled %q, want %q", got, want)
		}
		if status, _ := m.Shard(0).Status(); status.Seq != 4 || g.Stats().Connections != 1 {
			t.Errorf("sequence %d, %d connections", status.Seq, g.Stats().Connections)
		}
	})
}

// TestOddFieldsOfAnswersAreToldWithTheirShard, by the guild that they name; of none that they do not name.
func TestOddFieldsOfAnswersAreToldWithTheirShard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(4))
		var hook oddities
		m := newManager(t, g, shardmanager.WithHooks(&hook), shardmanager.WithLogger(zap.NewNop()))
		odd := &events.OddFieldsError{Paths: []string{"x"}}
		of := func(data string) events.Raw { return events.Raw{Type: "X", Seq: 3, Data: []byte(data)} }
		m.HearOdd(of(`{"guild_id":"12582912"}`), odd) // before there are shards
		start(t, m)
		m.HearOdd(of(`{"guild_id":"12582912"}`), odd)
		m.HearOdd(of(`{"guild_id":12582912}`), odd)
		m.HearOdd(of(`[]`), odd)
		pass(time.Second)
		if want := []string{"X 0/0 3 x", "X 3/4 3 x", "X 3/4 3 x", "X 0/0 3 x"}; !slices.Equal(hook.all, want) {
			t.Errorf("told: %q", hook.all)
		}
	})
}

// TestOddFieldsOfAnAnswerThatNamesNoGuildAreOfNoShard: the hook is not told of a shard that has nothing to do with them.
func TestOddFieldsOfAnAnswerThatNamesNoGuildAreOfNoShard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		var hook oddities
		m := newManager(t, g, shardmanager.WithHooks(&hook))
		start(t, m)
		for _, data := range []string{`[]`, `{"guild_id":"4194304"}`} {
			m.HearOdd(events.Raw{Type: "X", Seq: 3, Data: json.RawMessage(data)}, &events.OddFieldsError{Paths: []string{"a"}})
		}
		pass(time.Second)
		if want := []string{"X 0/0 3 a", "X 0/1 3 a"}; !slices.Equal(hook.all, want) {
			t.Errorf("the hook was told %q, want %q", hook.all, want)
		}
	})
}
