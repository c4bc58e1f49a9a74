package shardmanager_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/filestore"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// wantOption fails unless err says what is wrong with an option.
func wantOption(t *testing.T, what string, err error, option string) {
	t.Helper()
	var all []string
	for _, each := range unjoin(err) {
		if wrong := (*shardmanager.OptionError)(nil); errors.As(each, &wrong) {
			all = append(all, wrong.Option)
		}
	}
	if len(all) != 1 || all[0] != option {
		t.Errorf("%s: %v, want one OptionError of %s", what, err, option)
	}
}

func unjoin(err error) []error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		var each []error
		for _, err := range all.Unwrap() {
			each = append(each, unjoin(err)...)
		}
		return each
	}
	return []error{err}
}

// TestMistakenOptionsAreToldByNew: each by its name.
func TestMistakenOptionsAreToldByNew(t *testing.T) {
	t.Parallel()
	var store *filestore.Store
	var limiter *countingLimiter
	var hook *panicHook
	for _, c := range []struct {
		what, option string
		opt          shardmanager.Option
	}{
		{"a nil option", "New", nil},
		{"an absurd total", "WithShards", shardmanager.WithShards(1 << 30)},
		{"an absurd total of which one runs here", "WithShards", shardmanager.WithShards(1<<30, 5)},
		{"shard -1", "WithShards", shardmanager.WithShards(4, -1)},
		{"a store that was not opened", "WithSessionStore", shardmanager.WithSessionStore(store)},
		{"no store", "WithSessionStore", shardmanager.WithSessionStore(nil)},
		{"a limiter that was not made", "WithRateLimiter", shardmanager.WithRateLimiter(limiter)},
		{"a nil hook", "WithHooks", shardmanager.WithHooks(nil)},
		{"a hook that is a nil pointer", "WithHooks", shardmanager.WithHooks(hook)},
		{"a negative queue", "WithQueueLimit", shardmanager.WithQueueLimit(-1)},
		{"a negative dial rate", "WithDialRate", shardmanager.WithDialRate(-1)},
		{"a negative reserve", "WithIdentifyReserve", shardmanager.WithIdentifyReserve(-1)},
		{"a negative drain", "WithDrain", shardmanager.WithDrain(-1)},
		{"no host", "WithGatewayHosts", shardmanager.WithGatewayHosts("")},
		{"a URL for a host", "WithGatewayHosts", shardmanager.WithGatewayHosts("https://gateway.example")},
		{"a path behind a host", "WithGatewayHosts", shardmanager.WithGatewayHosts("gateway.example/ws")},
		{"a wildcard", "WithGatewayHosts", shardmanager.WithGatewayHosts("*.gateway.example")},
		{"a dot before a host", "WithGatewayHosts", shardmanager.WithGatewayHosts(".gateway.example")},
		{"a space in a host", "WithGatewayHosts", shardmanager.WithGatewayHosts("gateway.example ")},
		{"a host that is not ASCII", "WithGatewayHosts", shardmanager.WithGatewayHosts("gätewäy.example")},
		{"a port that is none", "WithGatewayHosts", shardmanager.WithGatewayHosts("gateway.example:https")},
		{"port 0", "WithGatewayHosts", shardmanager.WithGatewayHosts("gateway.example:0")},
	} {
		_, err := shardmanager.New("token", c.opt)
		wantOption(t, c.what, err, c.option)
	}
	for _, opt := range []shardmanager.Option{
		shardmanager.WithLogger(nil), shardmanager.WithRateLimiter(nil), shardmanager.WithHTTPClient(nil),
		shardmanager.WithNetDial(nil), shardmanager.WithActorSystem(nil), shardmanager.WithActorProps(nil), shardmanager.WithDrain(0),
		shardmanager.WithGatewayHosts("gateway.example", "Gateway.Example:8443", "10.0.0.1", "[::1]:80", "::1", "localhost"),
	} {
		if _, err := shardmanager.New("token", opt); err != nil {
			t.Errorf("%v", err)
		}
	}
}

// TestHostWithAPortAllowsThatPort, of the REST base as well.
func TestHostWithAPortAllowsThatPort(t *testing.T) {
	t.Parallel()
	for url, ok := range map[string]bool{"http://rest.example:8080/api": true, "http://rest.example:8081/api": false, "http://rest.example/api": false} {
		if _, err := shardmanager.New("token", shardmanager.WithAPIURL(url), shardmanager.WithGatewayHosts("rest.example:8080")); (err == nil) != ok {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestMistakenURLIsTold, but for what may be secret in it.
func TestMistakenURLIsTold(t *testing.T) {
	t.Parallel()
	for url, shown := range map[string]string{
		"":                              `""`,
		"discord.com/api/v10":           `"discord.com/api/v10"`,
		"https://bot:s3cret@discord.cm": "what was given",
		"bot:s3cret@discord.com":        "what was given",
		"https://discord.com?k=s3cret":  "what was given",
	} {
		_, err := shardmanager.New("token", shardmanager.WithAPIURL(url))
		want := shown + ` is not a full URL without user and query: pass one such as "https://discord.com/api/v10"`
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// TestMistakenHandlersAreToldByStart; after it, by the log, and the others go on.
func TestMistakenHandlersAreToldByStart(t *testing.T) {
	message := func(context.Context, *events.MessageCreate, events.Meta) {}
	on := func(opts ...shardmanager.SubOption) func(*shardmanager.Manager) {
		return func(m *shardmanager.Manager) { shardmanager.On(m, message, opts...)() }
	}
	for what, c := range map[string]struct {
		option    string
		subscribe func(*shardmanager.Manager)
	}{
		"a nil handler":         {"On", func(m *shardmanager.Manager) { shardmanager.On[events.MessageCreate](m, nil)() }},
		"a nil raw handler":     {"On", func(m *shardmanager.Manager) { shardmanager.OnRaw(m, nil)() }},
		"a nil handler of *Raw": {"On", func(m *shardmanager.Manager) { shardmanager.On[events.Raw](m, nil)() }},
		"a nil option":          {"On", on(nil)},
		"another type":          {"WithTypes", on(shardmanager.WithTypes(events.TypeGuildCreate))},
		"another type as well":  {"WithTypes", on(shardmanager.WithTypes(events.TypeMessageCreate, events.TypeGuildCreate))},
		"no type": {"WithTypes", func(m *shardmanager.Manager) {
			shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) {}, shardmanager.WithTypes())()
		}},
		"a type without a name": {"WithTypes", func(m *shardmanager.Manager) {
			shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) {}, shardmanager.WithTypes(""))()
		}},
		"a negative queue":          {"WithQueue", on(shardmanager.WithQueue(-1))},
		"nobody who tells the keys": {"WithOverflow", on(shardmanager.WithOverflow(shardmanager.CoalesceBy(nil)))},
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newManager(t, newGateway(t))
				c.subscribe(m)
				wantOption(t, "Start", m.Start(t.Context()), c.option)
				core, logs := observer.New(zap.ErrorLevel)
				g := newGateway(t)
				m = newManager(t, g, shardmanager.WithLogger(zap.New(core)))
				start(t, m)
				c.subscribe(m)
				g.Shard(0).Dispatch(events.TypeMessageCreate, map[string]any{"id": "1"})
				pass(time.Second)
				if all := logs.TakeAll(); len(all) != 1 || !strings.Contains(all[0].ContextMap()["error"].(string), c.option) {
					t.Errorf("logged: %+v", all)
				}
			})
		})
	}
	bubble(t, func(t *testing.T) {
		m := newManager(t, newGateway(t))
		on(shardmanager.WithTypes(events.TypeMessageCreate), shardmanager.WithQueue(3))(m)
		start(t, m)
	})
}

// TestPanicOfAHandlerIsLoggedWithItsNameAndItsError, and without secrets.
func TestPanicOfAHandlerIsLoggedWithItsNameAndItsError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		core, logs := observer.New(zap.ErrorLevel)
		g := newGateway(t)
		var told []string
		m, err := shardmanager.New("Nzk4.a-token-to-hide", shardmanager.WithGateway(g), shardmanager.WithIntents(events.IntentsUnprivileged),
			shardmanager.WithLogger(zap.New(core)), shardmanager.WithHooks(handlerPanics(func(p shardmanager.HandlerPanic) { told = append(told, p.Handler) })))
		if err != nil {
			t.Fatal(err)
		}
		var ready atomic.Value
		shardmanager.OnRaw(m, func(_ context.Context, e events.Raw, _ events.Meta) { ready.Store(string(e.Data)) }, shardmanager.WithTypes(events.TypeReady))
		shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) {
			panic(errors.New("the database is gone: Nzk4.a-token-to-hide, " + ready.Load().(string)))
		}, shardmanager.WithTypes("X"), shardmanager.WithName("audit"))
		shardmanager.OnRaw(m, panicking, shardmanager.WithTypes("Y"))
		shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) { runtime.Goexit() }, shardmanager.WithTypes("Z"))
		start(t, m)
		pass(time.Second)
		for _, name := range []events.Type{"X", "Y", "Z"} {
			g.Shard(0).Dispatch(name, 1)
			pass(time.Second)
		}
		closeNow(t, m)
		want := [][2]string{
			{"audit", "*errors.errorString: the database is gone: [secret], "},
			{"github.com/signalbox-go/signalbox/shardmanager_test.panicking", "a string, not shown"},
			{"github.com/signalbox-go/signalbox/shardmanager_test.TestPanicOfAHandlerIsLoggedWithItsNameAndItsError.func1.4", "runtime.Goexit was called"},
		}
		all := logs.FilterMessage("handler panicked").All()
		if len(all) != len(want) || len(told) != len(want) {
			t.Fatalf("%d logged, %q told", len(all), told)
		}
		id := between(ready.Load().(string), `"session_id":"`, `"`)
		for i, entry := range all {
			fields := entry.ContextMap()
			text, _ := fields["panic"].(string)
			if fields["handler"] != want[i][0] || told[i] != want[i][0] || !strings.HasPrefix(text, want[i][1]) || id == "" || strings.Contains(text, id) {
				t.Errorf("%s, %s: %s", fields["handler"], told[i], text)
			}
		}
	})
}

func panicking(context.Context, events.Raw, events.Meta) { panic("token-of-the-bot") }

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}

type handlerPanics func(shardmanager.HandlerPanic)

func (h handlerPanics) OnHandlerPanic(p shardmanager.HandlerPanic) { h(p) }

// TestPauseOfReadingNamesWhoIsBehind.
func TestPauseOfReadingNamesWhoIsBehind(t *testing.T) {
	bubble(t, func(t *testing.T) {
		core, logs := observer.New(zap.WarnLevel)
		g := newGateway(t)
		m := newManager(t, g, shardmanager.WithLogger(zap.New(core)))
		gate := make(chan struct{})
		shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) { <-gate }, shardmanager.WithName("archive"), shardmanager.WithQueue(10))
		shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) {}, shardmanager.WithName("quick"))
		start(t, m)
		for i := range 50 {
			g.Shard(0).Dispatch("X", i)
			pass(time.Millisecond)
		}
		paused := logs.FilterMessageSnippet("reading pauses").All()
		if len(paused) != 1 {
			t.Fatalf("%d logged", len(paused))
		}
		names, _ := paused[0].ContextMap()["handlers"].([]any)
		if len(names) != 1 || !strings.HasPrefix(names[0].(string), "archive (") {
			t.Errorf("behind: %v", names)
		}
		close(gate)
	})
}
