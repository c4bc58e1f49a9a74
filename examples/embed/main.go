// Embed shows a supervisor in an actor system of the program's own: one actor asks it for a send event by message, another
// subscribes to events.
//
//	go run ./examples/embed
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

func main() {
	gateway, err := gatewaytest.Start(gatewaytest.WithGuildsPerShard(1))
	if err != nil {
		log.Fatal(err)
	}
	defer gateway.Close()
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	defer system.Shutdown()
	m, err := shardmanager.New("simulated", shardmanager.WithGateway(gateway), shardmanager.WithActorSystem(system))
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := errors.Join(m.Start(ctx), m.WaitReady(ctx)); err != nil {
		log.Fatal(err)
	}
	defer m.Close(ctx)

	done := make(chan string)
	reader := actor.PropsFromFunc(func(c actor.Context) { // subscribes
		switch d := c.Message().(type) {
		case *actor.Started:
			c.Request(m.Supervisor(), &actors.Subscribe{Types: []events.Type{events.TypeGuildMembersChunk}})
		case *actors.Subscribed:
			done <- "subscribed"
		case *actors.Dispatch:
			c.Respond(d.Done()) // the next may come, and this one is handled
			done <- fmt.Sprintf("%v on shard %v", d.Raw.Type, d.Meta.Shard)
		}
	})
	request := events.RequestGuildMembers{GuildID: gatewaytest.GuildOf(events.ShardID{Total: 1}, 0), UserIDs: []events.Snowflake{1, 2, 99}}
	librarian := actor.PropsFromFunc(func(c actor.Context) { // asks
		switch answer := c.Message().(type) {
		case *actor.Started:
			c.Request(m.Supervisor(), &actors.SendEvent{ID: 1, Event: request})
		case *actors.EventSent:
			members, err := request.From(answer.Answer)
			done <- fmt.Sprintf("request %d: %d members, not found %v, %v", answer.ID, len(members.Members), members.NotFound, err)
		case *actors.SendFailed:
			done <- answer.Err.Error()
		}
	})
	system.Root.Spawn(reader)
	fmt.Println(<-done)
	system.Root.Spawn(librarian)
	fmt.Println(<-done)
	fmt.Println(<-done)
}
