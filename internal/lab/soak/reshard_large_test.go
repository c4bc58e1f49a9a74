package soak_test

import (
	"context"
	"errors"
	"flag"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

var (
	largeFrom = flag.Int("soak.large-from", 100, "shards of the large bot that reshards")
	largeTo   = flag.Int("soak.large-to", 400, "shards that it has then")
)

const (
	largeKeys = 16   // max_concurrency
	largeOver = 1.06 // of the time that max_concurrency allows: what a round trip and a READY may add
)

// TestLargeReshardIsAsFastAsDiscordAllows: its new shards are Ready within 1.06 times what max_concurrency allows for their Identifies, in virtual time.
func TestLargeReshardIsAsFastAsDiscordAllows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from, to := *largeFrom, *largeTo
		guilds := reshardGuilds(*reshardGuildN)
		options := append(gatewayOf(from, guilds), gatewaytest.WithVirtualNetwork(), gatewaytest.WithReplayBuffer(100), gatewaytest.WithMaxConcurrency(largeKeys))
		gateway := gatewaytest.NewServer(t, options...)
		m, err := shardmanager.New("soak", shardmanager.WithGateway(gateway), shardmanager.WithLogger(zap.NewNop()), shardmanager.WithIntents(reshardIntents))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := m.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		if err := errors.Join(m.Start(t.Context()), m.WaitReady(t.Context())); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		plan, err := m.PlanReshard(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		began, most, warm := time.Now(), 0, time.Duration(0)
		var mu sync.Mutex // it is told of what happens after the end, too
		err = m.Reshard(t.Context(), to, shardmanager.WithReshardProgress(func(p shardmanager.ReshardProgress) {
			mu.Lock()
			defer mu.Unlock()
			if most = max(most, p.Extra); p.Phase > shardmanager.ReshardWarming && warm == 0 {
				warm = time.Since(began)
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		allowed := time.Duration((to+largeKeys-1)/largeKeys) * 5 * time.Second
		t.Logf("%d to %d shards: all ready after %v, %.3f times the %v that %d Identifies in 5 s take (forecast %v); cut over %v later (forecast %v); %d more sessions for a while (forecast %d)", from, to,
			warm.Round(time.Millisecond), warm.Seconds()/allowed.Seconds(), allowed, largeKeys, plan.Warm, (time.Since(began) - warm).Round(time.Millisecond), plan.Cut, most, plan.Extra)
		if warm == 0 || warm.Seconds() > largeOver*allowed.Seconds() {
			t.Errorf("ready after %v, and %v are allowed", warm, allowed)
		}
		gateway.RequireNoViolations(t)
	})
}
