package gatewaytest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// Any client can be judged, whatever it is written with. This one asks for an intent that does not exist.
func Example() {
	server, err := gatewaytest.Start(gatewaytest.WithToken("secret"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	ws, _, err := websocket.DefaultDialer.Dial(server.URL+"/?v=10&encoding=json", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ws.Close()
	_ = ws.WriteJSON(map[string]any{"op": 2, "d": map[string]any{"token": "secret", "properties": map[string]string{}, "intents": 1 << 17}})
	for err == nil {
		_, _, err = ws.ReadMessage()
	}
	fmt.Println(err)
	for _, v := range server.Violations() {
		fmt.Println(v.Rule + ": " + v.Detail)
	}
	// Output:
	// websocket: close 4013: Invalid intent(s): intents is 131072: it has bits that no intent has
	// intents: intents is 131072: it has bits that no intent has
}

// What happens in a guild happens once, and reaches each session that should hear of it, also over a lost connection.
func ExampleWorld() {
	const guild events.Snowflake = 613425648685547541
	gateway, err := gatewaytest.Start(gatewaytest.WithGuilds(guild))
	if err != nil {
		log.Fatal(err)
	}
	defer gateway.Close()
	m, err := shardmanager.New("token", shardmanager.WithGateway(gateway), shardmanager.WithLogger(zap.NewNop()),
		shardmanager.WithIntents(events.IntentGuildMessages|events.IntentMessageContent))
	if err != nil {
		log.Fatal(err)
	}
	got := make(chan string, 2)
	shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, at events.Meta) {
		got <- fmt.Sprintf("%s, sent again: %v", e.Content, at.Replayed)
	})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := errors.Join(m.Start(ctx), m.WaitReady(ctx)); err != nil {
		log.Fatal(err)
	}
	defer m.Close(ctx)

	gateway.World().Message(guild, gatewaytest.Message{Content: "one"})
	fmt.Println(<-got)
	gateway.Shard(0).Drop()
	gateway.World().Message(guild, gatewaytest.Message{Content: "two"})
	fmt.Println(<-got)
	fmt.Println(len(gateway.Violations()), "violations")
	// Output:
	// one, sent again: false
	// two, sent again: true
	// 0 violations
}

// A hook answers in the server's place: here nobody gets an answer to a request for members.
func ExampleServer_OnFrame() {
	gateway, err := gatewaytest.Start(gatewaytest.WithGuildsPerShard(1))
	if err != nil {
		log.Fatal(err)
	}
	defer gateway.Close()
	m, err := shardmanager.New("token", shardmanager.WithGateway(gateway))
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := errors.Join(m.Start(ctx), m.WaitReady(ctx)); err != nil {
		log.Fatal(err)
	}
	defer m.Close(ctx)

	remove := gateway.OnFrame(func(f gatewaytest.Frame) (handled bool) { return f.Op == events.OpRequestGuildMembers })
	ask := func(within time.Duration) error {
		ctx, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		_, err := events.RequestGuildMembers{GuildID: gatewaytest.GuildOf(events.ShardID{Total: 1}, 0), UserIDs: []events.Snowflake{1}}.SendEvent(ctx, m)
		return err
	}
	fmt.Println(errors.Is(ask(time.Second/2), context.DeadlineExceeded))
	remove()
	fmt.Println(ask(10 * time.Second))
	// Output:
	// true
	// <nil>
}
