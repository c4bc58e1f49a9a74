// Package disgo is a bot with disgoorg's disgo alone, and then with disgo's REST client beside Signalbox.
package disgo

import (
	"context"
	"fmt"

	"github.com/disgoorg/disgo"
	"github.com/disgoorg/disgo/bot"
	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/disgo/events"
	"github.com/disgoorg/disgo/gateway"
	"github.com/disgoorg/disgo/sharding"
)

// begin before

// Before runs a bot of as many shards as Discord recommends, until ctx ends.
func Before(ctx context.Context, token string) error {
	client, err := disgo.New(token,
		bot.WithShardManagerConfigOpts(sharding.WithGatewayConfigOpts(
			gateway.WithIntents(gateway.IntentGuildMessages, gateway.IntentMessageContent, gateway.IntentGuildMembers),
			gateway.WithPresenceOpts(gateway.WithPlayingActivity("with shards")),
		)),
		bot.WithEventListenerFunc(func(e *events.GuildMessageCreate) {
			say := func(text string) {
				_, _ = e.Client().Rest.CreateMessage(e.ChannelID, discord.MessageCreate{Content: text})
			}
			switch e.Message.Content {
			case "!ping":
				say("pong")
			case "!count":
				go func() { // listeners run on the goroutine that reads, and the answer comes by it
					members, err := e.Client().MemberChunkingManager.RequestAllMembers(ctx, e.GuildID)
					if err != nil {
						say("not now")
						return
					}
					say(fmt.Sprint(len(members), " members"))
				}()
			}
		}))
	if err != nil {
		return err
	}
	defer client.Close(context.Background())
	if err := client.OpenShardManager(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// end
