package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/transport"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// identifies are the Identifies that a shard sent.
func identifies(g *gatewaytest.Server, shard int) (frames []gatewaytest.Frame) {
	for _, f := range g.Frames(shard) {
		if f.Op == events.OpIdentify {
			frames = append(frames, f)
		}
	}
	return frames
}

// TestIdentifySaysWhatTheOptionsSay: each option about the session arrives at the gateway, and what
// none sets is left out.
func TestIdentifySaysWhatTheOptionsSay(t *testing.T) {
	for name, test := range map[string]struct {
		opts []shardmanager.Option
		want map[string]string // "": the key is left out
	}{
		"none": {nil, map[string]string{"capabilities": "", "large_threshold": "", "presence": "", "shard": "[2,4]", "token": `"token"`}},
		"all": {[]shardmanager.Option{
			shardmanager.WithCapabilities(1 << 40), shardmanager.WithLargeThreshold(123), shardmanager.WithIntents(events.IntentGuilds | events.IntentGuildModeration),
			shardmanager.WithPresence(events.UpdatePresence{Status: events.StatusDoNotDisturb}),
		}, map[string]string{
			"capabilities": "1099511627776", "large_threshold": "123", "intents": "5", "shard": "[2,4]",
			"presence": `{"since":null,"activities":[],"status":"dnd","afk":false}`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				start(t, newManager(t, g, append(test.opts, shardmanager.WithShards(4, 2))...))
				sent := identifies(g, 2)
				if len(sent) != 1 {
					t.Fatalf("%d Identifies", len(sent))
				}
				for key, value := range test.want {
					if !jsonHas(t, sent[0].Data, key, value) {
						t.Errorf("%s is not %q: %s", key, value, sent[0].Data)
					}
				}
			})
		})
	}
}

// TestOnlyAllowedHostsAreReached: a gateway that is not Discord's gets no connection unless its host is
// allowed. Hosts of several options add up, and hold for the REST base as well.
func TestOnlyAllowedHostsAreReached(t *testing.T) {
	for name, test := range map[string]struct {
		hosts [][]string
		reach bool
	}{
		"none":     {nil, false},
		"another":  {[][]string{{"x.gateway.example"}, {"way.example"}}, false},
		"the host": {[][]string{{"gateway.example"}}, true},
		"of two":   {[][]string{{"gateway.example"}, {"other.example"}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				g.OnDiscovery(func(w http.ResponseWriter) bool {
					_, _ = w.Write(answer(g, "url", "ws://gateway.example"))
					return true
				})
				dialed := make(chan string, 10)
				opts := []shardmanager.Option{shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
					dialed <- addr
					return g.DialContext(ctx, network, addr)
				})}
				for _, hosts := range test.hosts {
					opts = append(opts, shardmanager.WithGatewayHosts(hosts...))
				}
				m := newManager(t, g, opts...)
				err := m.Start(t.Context())
				if test.reach {
					if err = errors.Join(err, m.WaitReady(withTimeout(t))); err != nil || <-dialed != "gateway.example:80" {
						t.Errorf("%v", err)
					}
					return
				}
				var refused *transport.URLError
				if !errors.As(err, &refused) || len(dialed) != 0 {
					t.Errorf("Start: %v, %d dials", err, len(dialed))
				}
			})
		})
	}
	base := shardmanager.WithAPIURL("http://rest.example/api")
	if _, err := shardmanager.New("token", base, shardmanager.WithGatewayHosts("rest.example")); err != nil {
		t.Errorf("a REST base on an allowed host: %v", err)
	}
	if _, err := shardmanager.New("token", base, shardmanager.WithGatewayHosts("gateway.example")); err == nil {
		t.Error("a REST base on a host that is not allowed was accepted")
	}
}

// TestIdentifyReserveIsNotSpent: so many of the day's Identifies as the option says are left over, and who
// waits is told. Without the option it is a tenth; a limiter of the user's own has its own mind.
func TestIdentifyReserveIsNotSpent(t *testing.T) {
	for name, test := range map[string]struct {
		opts  []shardmanager.Option
		spent int
	}{
		"the default": {nil, 2},
		"none":        {[]shardmanager.Option{shardmanager.WithIdentifyReserve(0)}, 5},
		"more":        {[]shardmanager.Option{shardmanager.WithIdentifyReserve(11)}, 1},
		"a limiter":   {[]shardmanager.Option{shardmanager.WithIdentifyReserve(12), shardmanager.WithRateLimiter(&countingLimiter{})}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(5), gatewaytest.WithMaxConcurrency(5), gatewaytest.WithSessionStarts(100, 12, 20*time.Hour))
				m := newManager(t, g, test.opts...)
				if err := m.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Hour)
				defer cancel()
				err := m.WaitReady(ctx)
				var budget *ratelimit.BudgetError
				if (err == nil) != (test.spent == 5) || err != nil && !errors.As(err, &budget) {
					t.Errorf("WaitReady: %v", err)
				}
				pass(10 * time.Hour)
				if n := g.Stats().Identifies; n != test.spent {
					t.Errorf("%d Identifies of a budget of 12, want %d", n, test.spent)
				}
			})
		})
	}
}

// TestMarginsOfALimiterAreKept: what ratelimit.WithMargins adds to Discord's periods holds for a manager
// that is given such a limiter: between Identifies, and on a connection.
func TestMarginsOfALimiterAreKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(3))
		limits := ratelimit.SessionStart{Total: 1000, Remaining: 1000, ResetAfter: 24 * time.Hour, MaxConcurrency: 1}
		m := newManager(t, g, shardmanager.WithRateLimiter(ratelimit.Local(limits, ratelimit.WithMargins(3*time.Second, 20*time.Second))))
		start(t, m)
		for shard := 1; shard < 3; shard++ {
			if gap := identifies(g, shard)[0].At.Sub(identifies(g, shard-1)[0].At); gap < 8*time.Second || gap > 9*time.Second {
				t.Errorf("shard %d identified %v after the one before it", shard, gap)
			}
		}
		pass(2 * time.Minute)
		begun := time.Now()
		for n := 0; ; n++ {
			if _, err := (events.Heartbeat{}).SendEvent(t.Context(), m.Shard(1)); err != nil {
				t.Fatal(err)
			}
			if waited := time.Since(begun); waited > 0 {
				if n < 100 || waited < 80*time.Second || waited > 81*time.Second {
					t.Errorf("after %d sends at once, the next went out after %v", n, waited)
				}
				break
			}
		}
	})
}

// TestForGuildIsTheShardOfItsEvents: it is the shard that is told of the guild, and the one that sends for
// it. Before Start nobody knows.
func TestForGuildIsTheShardOfItsEvents(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(3), gatewaytest.WithMaxConcurrency(3), gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g)
		told := make(chan string, 10)
		shardmanager.On(m, func(_ context.Context, e *events.GuildCreate, at events.Meta) {
			told <- fmt.Sprint(e.ID, at.Shard.Index)
		})
		if shard := m.ForGuild(aGuild); shard != nil {
			t.Errorf("before Start: shard %d", shard.Index())
		}
		start(t, m)
		pass(time.Second)
		close(told)
		got := make(map[string]bool)
		for each := range told {
			got[each] = true
		}
		for index := range 3 {
			guild := gatewaytest.GuildOf(events.ShardID{Index: index, Total: 3}, 0)
			shard := m.ForGuild(guild)
			if shard.Index() != index || !got[fmt.Sprint(guild, index)] {
				t.Errorf("guild %v: shard %d, told %v", guild, shard.Index(), got)
			}
			if status, here := shard.Status(); !here || status.Shard.Index != index {
				t.Errorf("guild %v: its shard's status is %+v", guild, status)
			}
			info, err := events.RequestChannelInfo{GuildID: guild, Fields: []string{"status"}}.SendEvent(t.Context(), shard)
			if err != nil || info.Receipt.Shard.Index != index {
				t.Errorf("guild %v: %+v, %v", guild, info.Receipt, err)
			}
		}
		g.RequireNoViolations(t)
	})
}
