package pingbot_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	pingbot "github.com/signalbox-go/signalbox/examples/testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

func TestPong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const guild events.Snowflake = 613425648685547541
		gateway := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithGuilds(guild))
		m, err := shardmanager.New("token", shardmanager.WithIntents(pingbot.Intents), shardmanager.WithGateway(gateway),
			shardmanager.WithLogger(zap.NewNop())) // else the lost connection would be told on stderr
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { // also when the test fails: the bubble waits for all that runs in it
			if err := m.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		var pongs atomic.Int64
		bot := pingbot.Bot{Reply: func(context.Context, events.Snowflake, string) { pongs.Add(1) }}
		bot.Attach(m)
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := m.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}

		ping := gatewaytest.Message{Content: "!ping"}
		gateway.World().Message(guild, ping)
		gateway.Shard(0).Drop()              // the connection is lost,
		gateway.World().Message(guild, ping) // and somebody asks meanwhile
		time.Sleep(time.Hour)
		if n := pongs.Load(); n != 2 {
			t.Errorf("%d pongs, want 2", n)
		}
		if stats := gateway.Stats(); stats.Identifies != 1 || stats.Resumes != 1 {
			t.Errorf("%d identifies and %d resumes, want one each", stats.Identifies, stats.Resumes)
		}
		gateway.RequireNoViolations(t)
	})
}
