package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// The application may not have GUILD_MEMBERS: the bot goes on without it.
func ExampleWithOptionalIntents() {
	gateway, err := gatewaytest.Start(gatewaytest.WithAllowedIntents(events.IntentsUnprivileged | events.IntentMessageContent))
	if err != nil {
		log.Fatal(err)
	}
	defer gateway.Close()
	m, err := shardmanager.New("simulated", shardmanager.WithGateway(gateway), shardmanager.WithLogger(zap.NewNop()),
		shardmanager.WithIntents(events.IntentGuildMessages),
		shardmanager.WithOptionalIntents(events.IntentMessageContent|events.IntentGuildMembers))
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := errors.Join(m.Start(ctx), m.WaitReady(ctx)); err != nil {
		log.Fatal(err)
	}
	defer m.Close(ctx)
	status := m.Status()
	fmt.Println("left out:", status.LeftOut)
	fmt.Println("the session has:", status.Shards[0].Intents)
	// Output:
	// left out: GUILD_MEMBERS
	// the session has: GUILD_MESSAGES|MESSAGE_CONTENT
}
