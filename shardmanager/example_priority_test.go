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

// A person waits for one answer, and a cache is filled besides.
func ExampleManager_Priority() {
	gateway, err := gatewaytest.Start(gatewaytest.WithGuildsPerShard(1))
	if err != nil {
		log.Fatal(err)
	}
	defer gateway.Close()
	m, err := shardmanager.New("simulated", shardmanager.WithGateway(gateway))
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := errors.Join(m.Start(ctx), m.WaitReady(ctx)); err != nil {
		log.Fatal(err)
	}
	defer m.Close(ctx)

	guild := gatewaytest.GuildOf(events.ShardID{Index: 0, Total: 1}, 0)
	person, err := events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}}.SendEvent(ctx, m.Priority(shardmanager.High))
	fmt.Println("by shard", person.Shard, err)
	cached, err := events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{2}}.SendEvent(ctx, m.Priority(shardmanager.Low))
	fmt.Println("by shard", cached.Shard, err)
	// Output:
	// by shard 0/1 <nil>
	// by shard 0/1 <nil>
}
