package shardmanager_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// sheds keeps what HookShed is told.
type sheds struct{ all []shardmanager.Shed }

func (s *sheds) OnShed(shed shardmanager.Shed) { s.all = append(s.all, shed) }

// keyOf is the key field of an event, which panics if there is none.
func keyOf(raw events.Raw) string {
	_, rest, found := bytes.Cut(raw.Data, []byte(`"key":"`))
	if !found {
		panic("no key")
	}
	key, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(key)
}

// TestCoalescingKeepsTheFirstAndTheNewestOfAKey: while the handler is busy, of the events with one key that
// wait only the first and the newest are kept. What has no key stays, and so does what the key function
// panics on. What was shed is told, by the handler's name.
func TestCoalescingKeepsTheFirstAndTheNewestOfAKey(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		hook := &sheds{}
		m := newManager(t, g, shardmanager.WithHooks(hook), shardmanager.WithIntents(events.IntentsAll))
		free := make(chan struct{})
		var got []string
		shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, _ events.Meta) {
			<-free
			_, rest, _ := bytes.Cut(raw.Data, []byte(`"n":"`))
			got = append(got, string(rest[:2]))
		}, shardmanager.WithTypes(events.TypePresenceUpdate), shardmanager.WithOverflow(shardmanager.CoalesceBy(keyOf)), shardmanager.WithName("presences"))
		start(t, m)
		var first, last int64
		for _, n := range []string{"a0", "a1", "b1", "a2", "--", "a3", "b2", "!!", "!!", "!!", "b3", "--"} {
			event := map[string]any{"key": n[:1], "n": n}
			switch n {
			case "--":
				event["key"] = ""
			case "!!":
				delete(event, "key")
			}
			seq := g.Shard(0).Dispatch("PRESENCE_UPDATE", event)
			if n == "a2" {
				first = seq
			} else if n == "b2" {
				last = seq
			}
			pass(time.Millisecond)
		}
		for _, q := range m.Queues() {
			if q.Name == "presences" && (q.Depth != 9 || q.Shed != 2 || q.Limit != 4096) {
				t.Errorf("the queue: %+v", q)
			}
		}
		close(free)
		pass(time.Second)
		if want := []string{"a0", "a1", "b1", "--", "a3", "!!", "!!", "!!", "b3", "--"}; !slices.Equal(got, want) {
			t.Errorf("handled %q, want %q", got, want)
		}
		if len(hook.all) != 1 || hook.all[0].Name != "presences" || hook.all[0].Count != 2 || hook.all[0].First != first || hook.all[0].Last != last {
			t.Errorf("told: %+v, want 2 events from %d to %d", hook.all, first, last)
		}
	})
}

// TestNamesOfHandlers: a handler without a name of its own is called after its event, or raw. One of
// events.Raw has options as others do.
func TestNamesOfHandlers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) {})
		shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) {}, shardmanager.WithName("mine"))
		calls := 0
		shardmanager.On(m, func(context.Context, *events.Raw, events.Meta) { calls++ }, shardmanager.WithTypes(events.TypeMessageCreate))
		start(t, m)
		g.Shard(0).Dispatch("MESSAGE_CREATE", map[string]any{"id": "1", "timestamp": time.Now()})
		pass(time.Second)
		var names []string
		for _, q := range m.Queues() {
			names = append(names, q.Name)
		}
		slices.Sort(names)
		if want := []string{"MESSAGE_CREATE", "frames", "mine", "raw", "sends", "shared"}; !slices.Equal(names, want) {
			t.Errorf("%q, want %q", names, want)
		}
		if calls != 1 {
			t.Errorf("%d calls of the one that wants messages alone", calls)
		}
	})
}

// TestOnOfRawIsOnRaw: events.Raw as the type gives events as they came, of all types.
func TestOnOfRawIsOnRaw(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		var typed, raw []string
		shardmanager.On(m, func(_ context.Context, e *events.Raw, _ events.Meta) {
			typed = append(typed, string(e.Type)+string(e.Data))
		})
		shardmanager.OnRaw(m, func(_ context.Context, e events.Raw, _ events.Meta) { raw = append(raw, string(e.Type)+string(e.Data)) })
		start(t, m)
		g.Shard(0).Dispatch("NEW_IN_2027", map[string]any{"id": "1"})
		pass(time.Second)
		if len(typed) != 2 || !slices.Equal(typed, raw) || typed[1] != `NEW_IN_2027{"id":"1"}` {
			t.Errorf("%q and %q", typed, raw)
		}
	})
}

// TestOnOfWhatIsNoEventPanics: it is a mistake of the program, which is told at once.
func TestOnOfWhatIsNoEventPanics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newManager(t, newGateway(t))
		defer func() {
			if what, ok := recover().(string); !ok || !strings.Contains(what, "events.Meta") {
				t.Errorf("it panicked with %v", what)
			}
		}()
		shardmanager.On(m, func(context.Context, *events.Meta, events.Meta) {})
	})
}

// TestHandlerAfterStartThatNoIntentFeedsIsLogged: before Start it would be an error; then it is a warning that
// names the event and what is missing.
func TestHandlerAfterStartThatNoIntentFeedsIsLogged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log syncBuffer
		core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewDevelopmentEncoderConfig()), &log, zap.WarnLevel)
		m := newManager(t, newGateway(t), shardmanager.WithIntents(events.IntentGuilds), shardmanager.WithLogger(zap.New(core)))
		start(t, m)
		shardmanager.On(m, func(context.Context, *events.GuildCreate, events.Meta) {})
		pass(time.Second)
		if log.String() != "" {
			t.Errorf("of a handler that is fed: %s", log.String())
		}
		shardmanager.On(m, func(context.Context, *events.TypingStart, events.Meta) {})
		pass(time.Second)
		said := log.String()
		for _, part := range []string{"never called", "TYPING_START", "WithIntents", events.IntentGuildMessageTyping.String()} {
			if !strings.Contains(said, part) {
				t.Errorf("%q is not in the log: %s", part, said)
			}
		}
	})
}
