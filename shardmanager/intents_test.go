package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

func TestIntentsFromHandlers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(1))
		m := newManager(t, g, shardmanager.WithIntents(0), shardmanager.WithIntentsFromHandlers())
		shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) {})
		shardmanager.On(m, func(context.Context, *events.GuildMemberAdd, events.Meta) {})
		shardmanager.On(m, func(context.Context, *events.InteractionCreate, events.Meta) {})
		shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) {}, shardmanager.WithTypes("THREAD_MEMBERS_UPDATE", "NEW_IN_2027"))
		start(t, m)
		want := events.IntentGuildMessages | events.IntentDirectMessages | events.IntentGuildMembers | events.IntentGuilds
		for _, f := range g.Frames(0) {
			if f.Op == events.OpIdentify && !jsonHas(t, f.Data, "intents", fmt.Sprint(int64(want))) {
				t.Errorf("Identify: %s", f.Data)
			}
		}
	})
}

// TestIntentsFromHandlersAreNotPrivilegedUnlessNothingElseFeeds: a privileged one that the bot does not have would end it (4014).
func TestIntentsFromHandlersAreNotPrivilegedUnlessNothingElseFeeds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(1))
		m := newManager(t, g, shardmanager.WithIntents(0), shardmanager.WithIntentsFromHandlers())
		shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) {}, shardmanager.WithTypes("THREAD_MEMBERS_UPDATE"))
		start(t, m)
		for _, f := range g.Frames(0) {
			if f.Op == events.OpIdentify && !jsonHas(t, f.Data, "intents", fmt.Sprint(int64(events.IntentGuilds))) {
				t.Errorf("Identify: %s", f.Data)
			}
		}
	})
}

func TestHandlerThatNoIntentFeeds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newManager(t, newGateway(t), shardmanager.WithIntents(events.IntentGuilds))
		shardmanager.On(m, func(context.Context, *events.PresenceUpdate, events.Meta) {})
		shardmanager.On(m, func(context.Context, *events.GuildMemberUpdate, events.Meta) {}) // comes for the bot itself
		cancel := shardmanager.On(m, func(context.Context, *events.TypingStart, events.Meta) {})
		cancel()
		err := m.Start(t.Context())
		var none *shardmanager.NoIntentError
		if !errors.As(err, &none) || none.Event != events.TypePresenceUpdate || none.Gates != events.IntentGuildPresences || none.Intents != events.IntentGuilds {
			t.Errorf("Start: %v", err)
		}
	})
}
