package shardmanager_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

func TestNewRefusesBadOptions(t *testing.T) {
	t.Parallel()
	long := events.UpdatePresence{Activities: []events.Activity{{Name: strings.Repeat("x", 5000)}}}
	for _, test := range []struct {
		name, token, option string
		opts                []shardmanager.Option
	}{
		{"empty token", "", "token", nil},
		{"prefixed token", "Bot abc", "token", nil},
		{"token with a line end", "abc\n", "token", nil},
		{"unknown intents", "t", "WithIntents", []shardmanager.Option{shardmanager.WithIntents(1 << 17)}},
		{"shard outside the total", "t", "WithShards", []shardmanager.Option{shardmanager.WithShards(4, 4)}},
		{"negative shard", "t", "WithShards", []shardmanager.Option{shardmanager.WithShards(4, -1)}},
		{"shard named twice", "t", "WithShards", []shardmanager.Option{shardmanager.WithShards(4, 1, 1)}},
		{"no total", "t", "WithShards", []shardmanager.Option{shardmanager.WithShards(0, 1)}},
		{"a negative total", "t", "WithShards", []shardmanager.Option{shardmanager.WithShards(-1)}},
		{"plain http", "t", "WithAPIURL", []shardmanager.Option{shardmanager.WithAPIURL("http://discord.example/api")}},
		{"no URL", "t", "WithAPIURL", []shardmanager.Option{shardmanager.WithAPIURL("discord")}},
		{"a URL that cannot be parsed", "t", "WithAPIURL", []shardmanager.Option{shardmanager.WithAPIURL("https://discord.com:port/api")}},
		{"a URL with a line end", "t", "WithAPIURL", []shardmanager.Option{shardmanager.WithAPIURL("https://discord.com/api\n")}},
		{"a URL of half an address", "t", "WithAPIURL", []shardmanager.Option{shardmanager.WithAPIURL("http://[::1/api")}},
		{"an empty URL", "t", "WithAPIURL", []shardmanager.Option{shardmanager.WithAPIURL("")}},
		{"a URL with a user", "t", "WithAPIURL", []shardmanager.Option{shardmanager.WithAPIURL("https://user@discord.com/api")}},
		{"a URL with a query", "t", "WithAPIURL", []shardmanager.Option{shardmanager.WithAPIURL("https://discord.com/api?v=10")}},
		{"a URL with a fragment", "t", "WithAPIURL", []shardmanager.Option{shardmanager.WithAPIURL("https://discord.com/api#v10")}},
		{"a URL with an empty query", "t", "WithAPIURL", []shardmanager.Option{shardmanager.WithAPIURL("https://discord.com/api/?")}},
		{"a URL with an empty fragment", "t", "WithAPIURL", []shardmanager.Option{shardmanager.WithAPIURL("https://discord.com/api/#")}},
		{"a URL of a port alone", "t", "WithAPIURL", []shardmanager.Option{shardmanager.WithAPIURL("https://:443/api")}},
		{"another scheme", "t", "WithAPIURL", []shardmanager.Option{shardmanager.WithAPIURL("wss://127.0.0.1/api")}},
		{"queue limit", "t", "WithQueueLimit", []shardmanager.Option{shardmanager.WithQueueLimit(-1)}},
		{"compression", "t", "WithCompression", []shardmanager.Option{shardmanager.WithCompression("gzip")}},
		{"presence too long", "t", "WithPresence", []shardmanager.Option{shardmanager.WithPresence(long)}},
		{"status", "t", "WithPresence or WithLargeThreshold", []shardmanager.Option{shardmanager.WithPresence(events.UpdatePresence{Status: "away"})}},
		{"large threshold", "t", "WithPresence or WithLargeThreshold", []shardmanager.Option{shardmanager.WithLargeThreshold(10)}},
		{"dial rate", "t", "WithDialRate", []shardmanager.Option{shardmanager.WithDialRate(-1)}},
		{"a window too short", "t", "WithDeafSessionPolicy", []shardmanager.Option{shardmanager.WithDeafSessionPolicy(shardmanager.DeafSession{Window: time.Millisecond})}},
		{"a negative window", "t", "WithDeafSessionPolicy", []shardmanager.Option{shardmanager.WithDeafSessionPolicy(shardmanager.DeafSession{Window: -1})}},
		{"fewer events than none", "t", "WithDeafSessionPolicy", []shardmanager.Option{shardmanager.WithDeafSessionPolicy(shardmanager.DeafSession{Least: -1})}},
		{"fewer shards than none", "t", "WithDeafSessionPolicy", []shardmanager.Option{shardmanager.WithDeafSessionPolicy(shardmanager.DeafSession{AtOnce: -1})}},
		{"a hook that is nil", "t", "WithHooks", []shardmanager.Option{shardmanager.WithHooks(nil)}},
		{"a hook without a method", "t", "WithHooks", []shardmanager.Option{shardmanager.WithHooks(struct{}{})}},
		{"a hook with a method of the wrong form", "t", "WithHooks", []shardmanager.Option{shardmanager.WithHooks(new(deafHook), wrongHook{})}},
		{"a hook that has another one besides", "t", "WithHooks", []shardmanager.Option{shardmanager.WithHooks(halfHook{})}},
		{"a hook whose method wants a pointer", "t", "WithHooks", []shardmanager.Option{shardmanager.WithHooks(pointerHook{})}},
		{"reserve", "t", "WithIdentifyReserve", []shardmanager.Option{shardmanager.WithIdentifyReserve(-1)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := shardmanager.New(test.token, test.opts...)
			var bad *shardmanager.OptionError
			if !errors.As(err, &bad) || bad.Option != test.option {
				t.Errorf("New: %v, want an OptionError for %s", err, test.option)
			} else if text := err.Error(); !strings.Contains(text, test.option) {
				t.Errorf("it does not name the option: %q", text)
			}
		})
	}
}

// Failures: F88, F90.
// TestSmallestFleetsAreTaken: one shard of one, named or not.
func TestSmallestFleetsAreTaken(t *testing.T) {
	t.Parallel()
	for _, opt := range []shardmanager.Option{shardmanager.WithShards(1), shardmanager.WithShards(1, 0), shardmanager.WithShards(0)} {
		if _, err := shardmanager.New("t", opt); err != nil {
			t.Error(err)
		}
	}
}

func TestSendRefusesBadEventsBeforeAPermit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
		limiter := &countingLimiter{}
		m := newManager(t, g, shardmanager.WithRateLimiter(limiter), shardmanager.WithIntents(events.IntentGuilds))
		if _, err := m.Send(t.Context(), events.Heartbeat{}); !errors.Is(err, shardmanager.ErrNotStarted) {
			t.Errorf("before Start: %v", err)
		}
		start(t, m)
		mine := gatewaytest.GuildOf(events.ShardID{Index: 1, Total: 2}, 0)
		ids := make([]events.Snowflake, 101)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for _, test := range []struct {
			name string
			to   events.Sender
			out  events.Outgoing
			want error
		}{
			{"identify", m, events.Identify{Token: "x"}, actors.ErrReservedEvent},
			{"resume", m, events.Resume{Token: "x"}, actors.ErrReservedEvent},
			{"no guild", m, events.RequestGuildMembers{UserIDs: ids[:1]}, nil},
			{"neither query nor ids", m, events.RequestGuildMembers{GuildID: mine}, nil},
			{"no limit", m, events.RequestGuildMembers{GuildID: mine, Query: events.Ptr("a")}, nil},
			{"too many ids", m, events.RequestGuildMembers{GuildID: mine, UserIDs: ids}, nil},
			{"long nonce", m, events.RequestGuildMembers{GuildID: mine, UserIDs: ids[:1], Nonce: strings.Repeat("n", 33)}, nil},
			{"full list without its intent", m, events.RequestGuildMembers{GuildID: mine, Query: events.Ptr(""), Limit: events.Ptr(0)}, actors.ErrMissingIntent},
			{"voice without its intent", m, events.UpdateVoiceState{GuildID: mine}, actors.ErrMissingIntent},
			{"too large", m.Shard(0), events.UpdatePresence{Activities: []events.Activity{{Name: strings.Repeat("x", 5000)}}}, actors.ErrTooLarge},
			{"another shard's guild", m.Shard(0), events.RequestGuildMembers{GuildID: mine, UserIDs: ids[:1]}, actors.ErrWrongShard},
			{"a shard that is not ours", m.Shard(7), events.UpdatePresence{}, actors.ErrUnknownShard},
		} {
			_, err := test.to.Send(t.Context(), test.out)
			var failed *actors.SendError
			var invalid *events.InvalidError
			if !errors.As(err, &failed) || failed.Stage != actors.Refused || failed.Retryable() {
				t.Errorf("%s: %v, want it refused", test.name, err)
			}
			if test.want != nil && !errors.Is(err, test.want) || test.want == nil && !errors.As(err, &invalid) {
				t.Errorf("%s: %v, want %v", test.name, err, test.want)
			}
		}
		for _, none := range []events.Outgoing{nil, (*events.UpdatePresence)(nil), (*events.RequestSoundboardSounds)(nil), (*events.RequestGuildMembers)(nil)} {
			var failed *actors.SendError
			if _, err := m.Send(t.Context(), none); !errors.As(err, &failed) || failed.Stage != actors.Refused || !strings.Contains(err.Error(), "there is no event to send") {
				t.Errorf("%T that is nil: %v", none, err)
			}
		}
		if _, err := m.Send(ended, events.Heartbeat{}); !errors.Is(err, context.Canceled) {
			t.Errorf("a context that has ended: %v", err)
		}
		if n := limiter.takes.Load(); n != 0 {
			t.Errorf("%d permits were spent", n)
		}
	})
}

// Failures: F82.
func TestContextThatEndsNeverLeavesAGhost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g)
		start(t, m)
		guild := gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)
		ask := func(ctx context.Context, nonce string) error {
			_, err := events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}, Nonce: nonce}.SendEvent(ctx, m)
			return err
		}
		for range 115 {
			if err := ask(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		err := ask(ctx, "ghost")
		if !errors.Is(err, context.DeadlineExceeded) || actors.Sent(err) || time.Since(began) > 10*time.Second+50*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		pass(5 * time.Minute)
		for _, f := range g.Frames(0) {
			if strings.Contains(string(f.Data), "ghost") {
				t.Error("the gateway saw a frame whose caller was told that it was not sent")
			}
		}
		// A request that was written and whose caller left: the error says so, and the answer goes nowhere.
		g.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == events.OpRequestGuildMembers })
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := ask(ctx, "unanswered"); !actors.Sent(err) {
			t.Errorf("written, not answered: %v", err)
		}
	})
}

func TestDiscovery(t *testing.T) {
	t.Run("retries what passes", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			g := newGateway(t)
			tries := 0
			g.OnDiscovery(func(w http.ResponseWriter) bool {
				tries++
				switch tries {
				case 1:
					w.WriteHeader(http.StatusBadGateway)
				case 2:
					_, _ = w.Write([]byte(`{"url":`))
				case 3:
					w.Header().Set("Retry-After", "7")
					w.WriteHeader(http.StatusTooManyRequests)
				}
				return tries <= 3
			})
			m := newManager(t, g)
			start(t, m)
			if tries != 4 {
				t.Errorf("asked %d times", tries)
			}
		})
	})
	t.Run("a long wait is the caller's", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			g := newGateway(t)
			g.OnDiscovery(func(w http.ResponseWriter) bool {
				w.Header().Set("Retry-After", "82800")
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			})
			m := newManager(t, g)
			err := m.Start(t.Context())
			var failed *shardmanager.DiscoveryError
			if !errors.As(err, &failed) || time.Until(failed.Until).Round(time.Hour) != 23*time.Hour || g.Stats().Discoveries != 1 {
				t.Errorf("Start: %v after %d requests", err, g.Stats().Discoveries)
			}
			if _, open := <-m.Done(); open || !errors.As(m.Err(), &failed) {
				t.Errorf("Err: %v", m.Err())
			}
		})
	})
	t.Run("a wrong token is final", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			g := newGateway(t, gatewaytest.WithToken("right"))
			m := newManager(t, g)
			if err := m.Start(t.Context()); !errors.Is(err, shardmanager.ErrAuthentication) || g.Stats().Discoveries != 1 {
				t.Errorf("Start: %v after %d requests", err, g.Stats().Discoveries)
			}
		})
	})
	t.Run("a hostile gateway URL gets nothing", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			g := newGateway(t)
			g.OnDiscovery(func(w http.ResponseWriter) bool {
				_, _ = w.Write([]byte(`{"url":"wss://gateway.discord.gg@evil.example","shards":1,"session_start_limit":{"total":1000,"remaining":1000,"reset_after":0,"max_concurrency":1}}`))
				return true
			})
			m := newManager(t, g)
			if err := m.Start(t.Context()); err == nil || g.Stats().Connections != 0 {
				t.Errorf("Start: %v, %d connections", err, g.Stats().Connections)
			}
		})
	})
}

// TestBudgetIsNotSpentBelowItsReserve: nor is what is refused asked for again and again.
//
// Failures: F6.
func TestBudgetIsNotSpentBelowItsReserve(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(10), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithSessionStarts(1000, 106, 2*time.Hour))
		m := newManager(t, g)
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := m.WaitReady(t.Context())
		var budget *ratelimit.BudgetError
		if !errors.As(err, &budget) || budget.Reserve != 100 {
			t.Fatalf("WaitReady: %v, want a BudgetError", err)
		}
		pass(time.Hour)
		if s := g.Stats(); s.Identifies != 6 || m.Status().Ready() != 6 || s.Connections != 10 {
			t.Errorf("identifies %d, ready %d, connections %d, want 6, 6 and 10", s.Identifies, m.Status().Ready(), s.Connections)
		}
		pass(2 * time.Hour) // the budget is whole again
		if m.Status().Ready() != 10 {
			t.Errorf("after the reset: %+v", m.Status())
		}
		g.RequireNoViolations(t)
	})
}
