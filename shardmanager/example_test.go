package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// simulated is a gateway on a port of this machine, for the examples. A bot on Discord needs none.
func simulated(opts ...gatewaytest.Option) *gatewaytest.Server {
	gateway, err := gatewaytest.Start(opts...)
	if err != nil {
		log.Fatal(err)
	}
	return gateway
}

// run starts a Manager and waits until it is ready.
func run(ctx context.Context, m *shardmanager.Manager, err error) *shardmanager.Manager {
	if err == nil {
		err = errors.Join(m.Start(ctx), m.WaitReady(ctx))
	}
	if err != nil {
		log.Fatal(err)
	}
	return m
}

// A bot, from its token to its end.
func Example() {
	const guild events.Snowflake = 613425648685547541
	gateway := simulated(gatewaytest.WithGuilds(guild)) // on Discord: leave this, and WithGateway, out
	defer gateway.Close()

	m, err := shardmanager.New("token",
		shardmanager.WithIntents(events.IntentGuildMessages|events.IntentMessageContent),
		shardmanager.WithGateway(gateway))
	if err != nil {
		log.Fatal(err)
	}
	handled := make(chan struct{})
	shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, at events.Meta) {
		fmt.Printf("shard %v: %s says %q\n", at.Shard, e.Author.Username, e.Content)
		close(handled)
	})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := m.Start(ctx); err != nil { // shards are being started
		log.Fatal(err)
	}
	if err := m.WaitReady(ctx); err != nil { // all are ready
		log.Fatal(err)
	}
	gateway.World().Message(guild, gatewaytest.Message{Content: "hello"})
	<-handled
	fmt.Println(m.Close(context.Background())) // the session can be resumed
	// Output:
	// shard 0/1: member-1 says "hello"
	// <nil>
}

// OnRaw is for events of types that this package does not know, and for those who decode them themselves.
func ExampleOnRaw() {
	gateway := simulated()
	defer gateway.Close()
	m, err := shardmanager.New("token", shardmanager.WithGateway(gateway))
	got := make(chan string, 1)
	shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, at events.Meta) {
		got <- fmt.Sprintf("%s, number %d of its session: %s", raw.Type, at.Seq, raw.Data)
	}, shardmanager.WithTypes("SOMETHING_NEW"))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	defer run(ctx, m, err).Close(ctx)
	gateway.Shard(0).Dispatch("SOMETHING_NEW", map[string]int{"answer": 42})
	fmt.Println(<-got)
	// Output: SOMETHING_NEW, number 2 of its session: {"answer":42}
}

// An error of a send event says how far it came, and whether it may be sent again.
func ExampleManager_Send() {
	gateway := simulated()
	defer gateway.Close()
	m, err := shardmanager.New("token", shardmanager.WithGateway(gateway))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	defer run(ctx, m, err).Close(ctx)

	_, err = events.RequestGuildMembers{GuildID: 1}.SendEvent(ctx, m) // which calls m.Send
	var failed *actors.SendError
	if errors.As(err, &failed) {
		fmt.Println(failed)
		fmt.Println("stage:", failed.Stage, "- the gateway has seen it:", failed.Sent(), "- may be repeated:", failed.Retryable())
	}
	// Output:
	// actors: Request Guild Members (8), refused: events: RequestGuildMembers.Query: set either Query or UserIDs: the gateway closes the connection otherwise
	// stage: refused - the gateway has seen it: false - may be repeated: false
}

// Status is how the shards stand now; Watch tells each change.
func ExampleManager_Watch() {
	gateway := simulated()
	defer gateway.Close()
	m, err := shardmanager.New("token", shardmanager.WithGateway(gateway), shardmanager.WithLogger(zap.NewNop()))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	defer run(ctx, m, err).Close(ctx)

	changes := m.Watch(ctx)
	gateway.Shard(0).Drop()
	for change := range changes {
		fmt.Println(change.From, "->", change.To)
		if change.To == session.Ready {
			break
		}
	}
	shard, _ := m.Shard(0).Status()
	fmt.Println(shard.State, "after", shard.Identifies, "Identify and", shard.Resumes, "Resume")
	// Output:
	// Ready -> Backoff
	// Backoff -> Connecting
	// Connecting -> AwaitingHello
	// AwaitingHello -> Resuming
	// Resuming -> Ready
	// Ready after 1 Identify and 1 Resume
}

// told is a hook. It has the methods for what it wants to be told, and no others.
type told struct {
	sync.Mutex
	stages []string
}

func (t *told) OnIdentify(i actors.IdentifyMoved) {
	t.Lock()
	defer t.Unlock()
	t.stages = append(t.stages, i.Stage.String())
}

func (t *told) OnHandlerPanic(p shardmanager.HandlerPanic) {
	fmt.Println("the handler", p.Handler, "panicked:", p.Value)
}

// A hook is told of occurrences, for metrics and alarms.
func ExampleWithHooks() {
	const guild events.Snowflake = 613425648685547541
	gateway := simulated(gatewaytest.WithGuilds(guild))
	defer gateway.Close()
	hook := new(told)
	m, err := shardmanager.New("token", shardmanager.WithGateway(gateway), shardmanager.WithHooks(hook),
		shardmanager.WithIntents(events.IntentGuildMessages), shardmanager.WithLogger(zap.NewNop()))
	handled := make(chan struct{})
	shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) {
		defer close(handled)
		panic("a mistake")
	}, shardmanager.WithName("greeter"))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	run(ctx, m, err)
	gateway.World().Message(guild, gatewaytest.Message{})
	<-handled
	fmt.Println(m.Close(ctx)) // after which no hook is called any more
	hook.Lock()
	defer hook.Unlock()
	fmt.Println(hook.stages)
	// Output:
	// the handler greeter panicked: a mistake
	// <nil>
	// [asked granted written]
}
