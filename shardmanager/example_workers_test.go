package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// A handler that waits in one guild does not hold up another. Events of one guild stay in order.
func ExampleWithWorkers() {
	gateway, err := gatewaytest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer gateway.Close()
	m, err := shardmanager.New("simulated", shardmanager.WithGateway(gateway), shardmanager.WithIntents(events.IntentGuildMessages))
	if err != nil {
		log.Fatal(err)
	}
	busy, done := make(chan struct{}), make(chan string)
	shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, _ events.Meta) {
		if e.Content == "slow" {
			<-busy // another guild's messages come meanwhile
		}
		done <- fmt.Sprintf("guild %v: %s", e.GuildID, e.Content)
	}, shardmanager.WithWorkers(2))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := errors.Join(m.Start(ctx), m.WaitReady(ctx)); err != nil {
		log.Fatal(err)
	}
	defer m.Close(ctx)

	for _, message := range []struct{ guild, content string }{{"1", "slow"}, {"1", "after it"}, {"2", "at once"}} {
		gateway.Shard(0).Dispatch("MESSAGE_CREATE", map[string]any{"guild_id": message.guild, "content": message.content})
	}
	fmt.Println(<-done)
	close(busy)
	fmt.Println(<-done)
	fmt.Println(<-done)
	// Output:
	// guild 2: at once
	// guild 1: slow
	// guild 1: after it
}
