package otel_test

import (
	"context"
	"fmt"
	"log"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/otel"
)

// A handler that asks for members: what it asks is below it, and it is below the message that has come. A program would have an exporter in the place
// of the recorder, by sdk.WithBatcher, and keep a share of all traces, by sdk.WithSampler.
func Example() {
	gateway, err := gatewaytest.Start(gatewaytest.WithGuilds(guild), gatewaytest.WithShards(1))
	if err != nil {
		log.Fatal(err)
	}
	defer gateway.Close()
	kept := tracetest.NewSpanRecorder()
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(kept), sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(1))))
	m, err := shardmanager.New("token", shardmanager.WithGateway(gateway), shardmanager.WithLogger(zap.NewNop()),
		shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages),
		shardmanager.WithTracer(otel.New(provider, otel.WithTypes(events.TypeMessageCreate))))
	if err != nil {
		log.Fatal(err)
	}
	answered := make(chan struct{})
	shardmanager.On(m, func(ctx context.Context, e *events.MessageCreate, _ events.Meta) {
		defer close(answered)
		_, err := events.RequestGuildMembers{GuildID: e.GuildID, UserIDs: []events.Snowflake{e.Author.ID}}.SendEvent(ctx, m)
		if err != nil {
			log.Print(err)
		}
	}, shardmanager.WithName("greeter"))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := m.Start(ctx); err != nil {
		log.Fatal(err)
	}
	if err := m.WaitReady(ctx); err != nil {
		log.Fatal(err)
	}
	gateway.Shard(0).Dispatch("MESSAGE_CREATE", map[string]any{"id": "1", "channel_id": "2", "guild_id": guild, "author": map[string]any{"id": "3"}})
	<-answered
	if err := m.Close(ctx); err != nil {
		log.Fatal(err)
	}
	spans := tracetest.SpanStubsFromReadOnlySpans(kept.Ended())
	below := ""
	for _, name := range []string{"receive MESSAGE_CREATE", "process MESSAGE_CREATE", "send request_guild_members"} {
		for _, s := range spans {
			if s.Name == name && s.SpanContext.TraceID() == spans[0].SpanContext.TraceID() {
				fmt.Println(below + name)
			}
		}
		below += "  "
	}
	// Output:
	// receive MESSAGE_CREATE
	//   process MESSAGE_CREATE
	//     send request_guild_members
}
