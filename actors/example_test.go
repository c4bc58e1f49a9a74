package actors_test

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
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// bring brings up a supervisor with two shards against a simulated gateway. On Discord the URL and the SessionStart are what
// GET /gateway/bot says.
func bring(ctx context.Context) (system *actor.ActorSystem, shards *actors.Supervisor, pid *actor.PID, end func()) {
	gateway, err := gatewaytest.Start(gatewaytest.WithGuildsPerShard(1), gatewaytest.WithMaxConcurrency(2))
	if err != nil {
		log.Fatal(err)
	}
	start := ratelimit.SessionStart{Total: 1000, Remaining: 1000, MaxConcurrency: 2, ResetAfter: 24 * time.Hour}
	shards, err = actors.NewSupervisor(actors.SupervisorConfig{
		Identify: events.Identify{Token: "token"}, URL: gateway.URL, Limiter: ratelimit.Local(start), NetDial: gateway.DialContext,
	})
	if err != nil {
		log.Fatal(err)
	}
	system = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	pid = system.Root.Spawn(shards.Props(actor.WithGuardian(actors.Guardian())))
	system.Root.Send(pid, &actors.StartShards{Total: 2})
	if err := shards.Board().Wait(ctx, func(t actors.Tally) bool { return t.Ready == 2 }); err != nil {
		log.Fatal(err)
	}
	return system, shards, pid, func() {
		system.Root.Send(pid, &actors.StopShards{})
		err := shards.Board().Wait(ctx, func(t actors.Tally) bool { return t.Open == 0 })
		if err := errors.Join(err, system.Root.StopFuture(pid).Wait()); err != nil {
			log.Fatal(err)
		}
		shards.Wait()
		system.Shutdown()
		gateway.Close()
	}
}

// An actor subscribes to events, and asks for a send event by message.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	system, _, supervisor, end := bring(ctx)
	defer end()

	request := events.RequestGuildMembers{GuildID: gatewaytest.GuildOf(events.ShardID{Index: 1, Total: 2}, 0), UserIDs: []events.Snowflake{1, 2, 99}}
	done, answered := make(chan string), make(chan string)
	system.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		switch m := c.Message().(type) {
		case *actor.Started:
			c.Request(supervisor, &actors.Subscribe{Types: []events.Type{events.TypeGuildMembersChunk}})
		case *actors.Subscribed:
			c.Request(supervisor, &actors.SendEvent{ID: 1, Event: request})
		case *actors.Dispatch:
			c.Respond(m.Done()) // the next may come, and this one is handled
			done <- fmt.Sprintf("event: %v on shard %v", m.Raw.Type, m.Meta.Shard)
		case *actors.EventSent:
			members, err := request.From(m.Answer)
			answered <- fmt.Sprintf("answer %d: %d members, not found %v, %v", m.ID, len(members.Members), members.NotFound, err)
		case *actors.SendFailed:
			answered <- m.Err.Error()
		}
	}))
	event := make(chan string)
	go func() { event <- <-done }()
	fmt.Println(<-answered)
	fmt.Println(<-event)
	// Output:
	// answer 1: 2 members, not found [99], <nil>
	// event: GUILD_MEMBERS_CHUNK on shard 1/2
}

// Go code that has the supervisor's PID asks, and waits.
func ExampleAsk() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	system, _, supervisor, end := bring(ctx)
	defer end()
	receipt, err := actors.Ask(ctx, system, supervisor, events.UpdatePresence{Status: events.StatusIdle})
	fmt.Println("by shard", receipt.Shard, err)
	// Output: by shard 0/2 <nil>
}

// What should run is a value. One shard is paused: its session is kept, and send events to it are refused.
func ExampleSetPlan() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	system, shards, supervisor, end := bring(ctx)
	defer end()

	answer, err := system.Root.RequestFuture(supervisor, &actors.GetPlan{}, time.Second).Result()
	if err != nil {
		log.Fatal(err)
	}
	plan := answer.(*actors.Plan)
	key := actors.Key{Shard: events.ShardID{Index: 1, Total: 2}}
	want := plan.Wants[key]
	want.Mode = actors.Pause
	answer, err = system.Root.RequestFuture(supervisor, &actors.SetPlan{From: plan.Version, Change: map[actors.Key]actors.Want{key: want}}, time.Second).Result()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%T\n", answer)
	err = shards.Board().Wait(ctx, func(t actors.Tally) bool { return t.Wanted == 1 && t.Open == 1 })
	paused, _ := shards.Board().Shard(key)
	fmt.Println(err, paused.Mode, paused.State == session.Ready)

	_, err = shards.Client(system, supervisor).For(key).Send(ctx, events.Heartbeat{})
	fmt.Println(errors.Is(err, actors.ErrPaused))
	// Output:
	// *actors.PlanSet
	// <nil> pause false
	// true
}
