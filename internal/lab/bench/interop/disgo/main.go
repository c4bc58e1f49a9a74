// Command disgo is a small bot with disgo, for internal/lab/foreign.
package main

import (
	"context"

	"github.com/disgoorg/disgo"
	"github.com/disgoorg/disgo/bot"
	"github.com/disgoorg/disgo/events"
	"github.com/disgoorg/disgo/gateway"
	"github.com/disgoorg/disgo/rest"
	"github.com/disgoorg/disgo/sharding"

	"github.com/signalbox-go/signalbox/internal/lab/bench/interop/tell"
)

var compressions = map[string]gateway.CompressionType{
	"none": gateway.CompressionNone, "payload": gateway.CompressionZlibPayload, "zlib-stream": gateway.CompressionZlibStream, "zstd-stream": gateway.CompressionZstdStream,
}

func main() {
	tell.Library("github.com/disgoorg/disgo")
	client, err := disgo.New(tell.Token,
		bot.WithRestClientConfigOpts(rest.WithURL(tell.API+"/v10")),
		bot.WithShardManagerConfigOpts(sharding.WithGatewayConfigOpts(
			gateway.WithIntents(gateway.IntentGuilds, gateway.IntentGuildMembers, gateway.IntentGuildMessages, gateway.IntentMessageContent),
			gateway.WithCompression(compressions[tell.Compression]))),
		bot.WithEventListenerFunc(func(e *events.Ready) { tell.Tell(tell.Line{Event: "ready", Shard: e.ShardID()}) }),
		bot.WithEventListenerFunc(func(e *events.GuildMessageCreate) {
			guild := e.GuildID.String()
			tell.Tell(tell.Line{Event: "message", Content: e.Message.Content, Author: e.Message.Author.Username, Guild: guild})
			if e.Message.Content == "!members" {
				go func() { // its listeners run on the reading goroutine, and the answer comes by it
					members, err := e.Client().MemberChunkingManager.RequestMembersWithQuery(context.Background(), e.GuildID, "", 0)
					tell.Fail(err)
					tell.Tell(tell.Line{Event: "members", Guild: guild, Count: len(members)})
				}()
			}
		}))
	tell.Fail(err)
	tell.Fail(client.OpenShardManager(context.Background()))
	tell.Wait()
}
