// Package bot is what is measured of this library: one Manager with all shards.
package bot

import (
	"context"
	"math"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/lab/bench/kit"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// Client is the bot.
type Client struct {
	Run      *kit.Run
	Observes func() ([]shardmanager.Hook, func(*shardmanager.Manager)) // what observes it; nil: nothing does

	m *shardmanager.Manager
}

// token's first part is a number, as that of a bot's is.
const token = "OTAwMDAwMDAwMDAwMDAwMDAx.x.y"

// Open implements kit.Client.
func (c *Client) Open(ctx context.Context) error {
	r := c.Run
	opts := []shardmanager.Option{
		shardmanager.WithAPIURL("http://" + r.Server + "/api/v10"), shardmanager.WithIntents(events.IntentsAll),
		shardmanager.WithShards(r.Shards), shardmanager.WithGatewayHosts(r.Server), shardmanager.WithDialRate(math.MaxInt32),
	}
	if r.Compress != "" {
		opts = append(opts, shardmanager.WithCompression(events.Compression(r.Compress)))
	}
	if r.Scenario == "request" {
		opts = append(opts, shardmanager.WithRateLimiter(wide{ratelimit.Local(ratelimit.SessionStart{
			Total: 1e6, Remaining: 1e6, ResetAfter: time.Hour, MaxConcurrency: r.MaxConcurrency,
		})}))
	}
	attach := func(*shardmanager.Manager) {}
	if c.Observes != nil {
		var hooks []shardmanager.Hook
		hooks, attach = c.Observes()
		opts = append(opts, shardmanager.WithHooks(hooks...))
	}
	m, err := shardmanager.New(token, opts...)
	if err != nil {
		return err
	}
	c.m = m
	attach(m)
	shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) { r.Ready() }, shardmanager.WithTypes(events.TypeReady))
	switch {
	case r.Scenario == "request":
	case r.Message():
		shardmanager.On(m, func(_ context.Context, _ *events.MessageCreate, at events.Meta) { r.Event(at.Shard.Index) })
	default:
		shardmanager.OnRaw(m, func(_ context.Context, _ events.Raw, at events.Meta) { r.Event(at.Shard.Index) })
	}
	go func() {
		if err := m.Start(ctx); err != nil {
			r.Error(err)
		}
	}()
	return nil
}

// RequestMembers implements kit.Client.
func (c *Client) RequestMembers(shard int, guildID uint64, nonce string) error {
	go func() {
		_, err := events.RequestGuildMembers{GuildID: events.Snowflake(guildID), Query: events.Ptr(""), Limit: events.Ptr(1)}.SendEvent(context.Background(), c.m)
		if err != nil {
			c.Run.Error(err)
		}
		c.Run.Chunk(nonce)
	}()
	return nil
}

// wide is a limiter that never says no to a send.
type wide struct{ ratelimit.RateLimiter }

func (wide) Connection(ratelimit.Shard, time.Duration) ratelimit.Bucket { return bucket{} }

type bucket struct{}

func (bucket) Take(time.Time) (bool, time.Time) { return true, time.Time{} }
func (bucket) Wrote(time.Time)                  {}
func (bucket) Return()                          {}
func (bucket) Limit() int                       { return math.MaxInt32 }
func (bucket) Remaining(time.Time) int          { return math.MaxInt32 }
func (bucket) Reset(now time.Time) time.Time    { return now }
