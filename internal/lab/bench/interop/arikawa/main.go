// Command arikawa is a small bot with arikawa, for internal/lab/foreign.
package main

import (
	"context"

	"github.com/diamondburned/arikawa/v3/api"
	"github.com/diamondburned/arikawa/v3/discord"
	"github.com/diamondburned/arikawa/v3/gateway"
	"github.com/diamondburned/arikawa/v3/session/shard"
	"github.com/diamondburned/arikawa/v3/state"
	"github.com/diamondburned/arikawa/v3/utils/json/option"

	"github.com/signalbox-go/signalbox/internal/lab/bench/interop/tell"
)

func main() {
	tell.Library("github.com/diamondburned/arikawa/v3")
	api.EndpointGateway = tell.API + "/v9/gateway"
	api.EndpointGatewayBot = api.EndpointGateway + "/bot"
	var chunks tell.Chunks
	newShard := state.NewShardFunc(func(_ *shard.Manager, s *state.State) {
		s.AddIntents(gateway.IntentGuilds | gateway.IntentGuildMembers | gateway.IntentGuildMessages | gateway.IntentMessageContent)
		s.AddHandler(func(e *gateway.ReadyEvent) { tell.Tell(tell.Line{Event: "ready", Shard: e.Shard.ShardID()}) })
		s.AddHandler(func(e *gateway.MessageCreateEvent) {
			tell.Tell(tell.Line{Event: "message", Content: e.Content, Author: e.Author.Username, Guild: e.GuildID.String()})
			if e.Content == "!members" {
				tell.Fail(s.SendGateway(context.Background(), &gateway.RequestGuildMembersCommand{GuildIDs: []discord.GuildID{e.GuildID}, Query: option.NewString("")}))
			}
		})
		s.AddHandler(func(e *gateway.GuildMembersChunkEvent) {
			chunks.Add(e.GuildID.String(), len(e.Members), e.ChunkCount)
		})
	})
	m, err := shard.NewManager("Bot "+tell.Token, newShard)
	tell.Fail(err)
	tell.Fail(m.Open(context.Background()))
	tell.Wait()
}
