// Embed shows a supervisor in an actor system of the program's own: another actor asks it for a
// send event by message, and gets exactly one answer.
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

// librarian asks for the members of a guild, and hands on what came of it.
type librarian struct {
	supervisor *actor.PID
	done       chan<- string
}

// Receive handles one message.
func (l *librarian) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case events.Snowflake:
		ctx.Request(l.supervisor, &actors.SendEvent{
			ID: 1, Event: events.RequestGuildMembers{GuildID: m, UserIDs: []events.Snowflake{1, 2, 99}}, Deadline: time.Now().Add(5 * time.Second),
		})
	case *actors.EventSent:
		chunk := new(events.GuildMembersChunk)
		if err := events.DecodeInto(&m.Answer.Events[0], chunk); err != nil {
			l.done <- err.Error()
			return
		}
		l.done <- fmt.Sprintf("request %d: %d members, not found %v, in %v", m.ID, len(chunk.Members), chunk.NotFound, m.RoundTrip.Round(time.Microsecond))
	case *actors.SendFailed:
		l.done <- fmt.Sprintf("request %d: %v", m.ID, m.Err)
	}
}

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

	done := make(chan string, 1)
	pid := system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return &librarian{m.Supervisor(), done} }))
	system.Root.Send(pid, gatewaytest.GuildOf(events.ShardID{Total: 1}, 0))
	fmt.Println(<-done)
}
