// Command discordgo is a small bot with discordgo and its defaults, for internal/lab/foreign.
package main

import (
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/signalbox-go/signalbox/internal/lab/bench/interop/tell"
)

func main() {
	tell.Library("github.com/bwmarrin/discordgo")
	discordgo.EndpointGateway = tell.API + "/v9/gateway"
	discordgo.EndpointGatewayBot = discordgo.EndpointGateway + "/bot"
	var chunks tell.Chunks
	shards := 1
	for shard := 0; shard < shards; shard++ {
		s, err := discordgo.New("Bot " + tell.Token)
		tell.Fail(err)
		if shard == 0 {
			gateway, err := s.GatewayBot()
			tell.Fail(err)
			shards = gateway.Shards
		}
		s.ShardID, s.ShardCount = shard, shards
		s.Identify.Intents |= discordgo.IntentGuildMembers | discordgo.IntentMessageContent
		s.Identify.Compress = tell.Compression == "payload"
		s.AddHandler(func(s *discordgo.Session, _ *discordgo.Ready) { tell.Tell(tell.Line{Event: "ready", Shard: s.ShardID}) })
		s.AddHandler(func(s *discordgo.Session, m *discordgo.MessageCreate) {
			tell.Tell(tell.Line{Event: "message", Content: m.Content, Author: m.Author.Username, Guild: m.GuildID})
			if m.Content == "!members" {
				tell.Fail(s.RequestGuildMembers(m.GuildID, "", 0, "", false))
			}
		})
		s.AddHandler(func(_ *discordgo.Session, c *discordgo.GuildMembersChunk) {
			chunks.Add(c.GuildID, len(c.Members), c.ChunkCount)
		})
		if shard > 0 {
			time.Sleep(5 * time.Second) // when to open which session is its application's business
		}
		tell.Fail(s.Open())
	}
	tell.Wait()
}
