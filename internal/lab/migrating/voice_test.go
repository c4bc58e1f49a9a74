package migrating_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/disgoorg/disgo/gateway"
	"github.com/disgoorg/disgo/voice"
	"github.com/disgoorg/snowflake/v2"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	fromdisgo "github.com/signalbox-go/signalbox/internal/lab/migrating/disgo"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// ear is a voice connection that only counts what the gateway tells it.
type ear struct {
	voice.Conn
	states, servers atomic.Int64
}

func (e *ear) HandleVoiceStateUpdate(gateway.EventVoiceStateUpdate)   { e.states.Add(1) }
func (e *ear) HandleVoiceServerUpdate(gateway.EventVoiceServerUpdate) { e.servers.Add(1) }

// TestVoice: disgo's voice manager asks by Signalbox's gateway, and is told what it needs to connect.
func TestVoice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithExact(), gatewaytest.WithGuilds(guild))
		m, err := shardmanager.New("token", shardmanager.WithGateway(server), shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildVoiceStates), shardmanager.WithLogger(zap.NewNop()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := m.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		conn, ask := &ear{}, voice.StateUpdateFunc(nil)
		manager := fromdisgo.Voice(m, snowflake.ID(server.BotID()), func(err error) { t.Error(err) },
			voice.WithConnCreateFunc(func(_, _ snowflake.ID, f voice.StateUpdateFunc, _ func(), _ ...voice.ConnConfigOpt) voice.Conn {
				ask = f
				return conn
			}))
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		manager.CreateConn(snowflake.ID(guild))
		channel := snowflake.ID(guild + 2)
		if err := ask(t.Context(), snowflake.ID(guild), &channel, false, true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if states, servers := conn.states.Load(), conn.servers.Load(); states != 1 || servers != 1 {
			t.Errorf("told of %d voice states and %d voice servers, want one each", states, servers)
		}
		server.RequireNoViolations(t)
	})
}
