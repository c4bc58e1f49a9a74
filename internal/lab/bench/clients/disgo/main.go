// Command peer-disgo benchmarks github.com/disgoorg/disgo: one bot.Client with
// its shard manager. The default and lean variants keep its defaults (no cache,
// synchronous listeners), cached turns every cache on, and gateway uses the
// sharding package alone, below the bot client.
package main

import (
	"context"
	"log/slog"
	"math"
	"os"

	"github.com/disgoorg/disgo"
	"github.com/disgoorg/disgo/bot"
	"github.com/disgoorg/disgo/cache"
	"github.com/disgoorg/disgo/events"
	"github.com/disgoorg/disgo/gateway"
	"github.com/disgoorg/disgo/rest"
	"github.com/disgoorg/disgo/sharding"
	"github.com/disgoorg/snowflake/v2"

	"github.com/signalbox-go/signalbox/internal/lab/bench/kit"
)

func main() { kit.Main("disgo", func(r *kit.Run) kit.Client { return &client{r: r} }) }

type client struct {
	r   *kit.Run
	bot *bot.Client
	sm  sharding.ShardManager
}

// A token whose first part decodes to the application's id, as disgo requires.
const token = "OTAwMDAwMDAwMDAwMDAwMDAx.x.y"

func (c *client) Open(ctx context.Context) error {
	r := c.r
	compression := gateway.CompressionType(r.Compress)
	switch r.Compress {
	case "none":
		compression = gateway.CompressionNone
	case "payload":
		compression = gateway.CompressionZlibPayload
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	ids := make([]int, r.Shards)
	for i := range ids {
		ids[i] = i
	}
	gw := []gateway.ConfigOpt{
		gateway.WithURL(r.URL()),
		gateway.WithCompression(compression),
		gateway.WithIntents(gateway.IntentsAll),
		gateway.WithLogger(logger),
		gateway.WithEnableRawEvents(!r.Message() && r.Variant != "gateway" && r.Scenario != "request"),
	}
	if r.Scenario == "request" {
		gw = append(gw, gateway.WithRateLimiterConfigOpts(gateway.WithCommandsPerMinute(math.MaxInt)))
	}
	sm := []sharding.ConfigOpt{
		sharding.WithShardCount(r.Shards),
		sharding.WithShardIDs(ids...),
		sharding.WithLogger(logger),
		sharding.WithGatewayConfigOpts(gw...),
	}
	if r.Variant == "gateway" { // the bot client asks the server instead
		sm = append(sm, sharding.WithIdentifyRateLimiterConfigOpt(gateway.WithIdentifyMaxConcurrency(r.MaxConcurrency)))
		c.sm = sharding.New(token, func(g gateway.Gateway, t gateway.EventType, seq int, e gateway.EventData) {
			switch e := e.(type) {
			case gateway.EventReady:
				r.Ready()
				return
			case gateway.EventHeartbeatAck:
				return
			case gateway.EventGuildMembersChunk:
				r.Chunk(e.Nonce)
				return
			case gateway.EventMessageCreate:
			default:
				if r.Message() {
					return
				}
			}
			r.Event(g.ShardID())
		}, sm...)
		c.sm.Open(ctx)
		return nil
	}
	opts := []bot.ConfigOpt{
		bot.WithLogger(logger),
		bot.WithRestClientConfigOpts(rest.WithURL("http://" + r.Server + "/api/v10")),
		bot.WithShardManagerConfigOpts(sm...),
		bot.WithEventListenerFunc(func(*events.Ready) { r.Ready() }),
	}
	if r.Variant == "cached" {
		opts = append(opts, bot.WithCacheConfigOpts(cache.WithCaches(cache.FlagsAll)))
	}
	switch {
	case r.Scenario == "request":
	case r.Message():
		opts = append(opts, bot.WithEventListenerFunc(func(e *events.MessageCreate) { r.Event(e.ShardID()) }))
	default:
		opts = append(opts, bot.WithEventListenerFunc(func(e *events.Raw) { r.Event(e.ShardID()) }))
	}
	b, err := disgo.New(token, opts...)
	if err != nil {
		return err
	}
	c.bot, c.sm = b, b.ShardManager
	c.sm.Open(ctx)
	return nil
}

func (c *client) RequestMembers(shard int, guildID uint64, nonce string) error {
	query, limit := "", 1
	if c.bot != nil { // the manager blocks until the last chunk
		go func() {
			if _, err := c.bot.MemberChunkingManager.RequestMembersWithQuery(context.Background(), snowflake.ID(guildID), query, limit); err != nil {
				c.r.Error(err)
			}
			c.r.Chunk(nonce)
		}()
		return nil
	}
	return c.sm.Shard(shard).Send(context.Background(), gateway.OpcodeRequestGuildMembers, gateway.MessageDataRequestGuildMembers{
		GuildID: snowflake.ID(guildID), Query: &query, Limit: &limit, Nonce: nonce,
	})
}
