// Command peer-discordgo benchmarks github.com/bwmarrin/discordgo: one Session
// per shard. The default variant keeps its defaults (state enabled, handlers
// run in goroutines); lean switches state off and runs handlers inline.
package main

import (
	"context"
	"strconv"

	"github.com/bwmarrin/discordgo"

	"github.com/signalbox-go/signalbox/internal/lab/bench/kit"
)

func main() { kit.Main("discordgo", func(r *kit.Run) kit.Client { return &client{r: r} }) }

type client struct {
	r        *kit.Run
	sessions []*discordgo.Session
}

func (c *client) Open(ctx context.Context) error {
	discordgo.EndpointGateway = "http://" + c.r.Server + "/api/v9/gateway"
	errs := make(chan error, c.r.Shards)
	for i := range c.r.Shards {
		s, err := discordgo.New("Bot t")
		if err != nil {
			return err
		}
		s.ShardID, s.ShardCount = i, c.r.Shards
		s.Identify.Intents = discordgo.IntentsAll
		s.Identify.Compress = c.r.Compress == "payload"
		if c.r.Lean() {
			s.StateEnabled = false
			s.SyncEvents = true
		}
		s.AddHandlerOnce(func(*discordgo.Session, *discordgo.Ready) { c.r.Ready() })
		switch {
		case c.r.Scenario == "request":
			s.AddHandler(func(_ *discordgo.Session, e *discordgo.GuildMembersChunk) { c.r.Chunk(e.Nonce) })
		case c.r.Message():
			s.AddHandler(func(*discordgo.Session, *discordgo.MessageCreate) { c.r.Event(i) })
		default:
			s.AddHandler(func(_ *discordgo.Session, e *discordgo.Event) {
				if e.Operation == 0 {
					c.r.Event(i)
				}
			})
		}
		c.sessions = append(c.sessions, s)
		go func() { errs <- s.Open() }()
	}
	for range c.r.Shards {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

func (c *client) RequestMembers(shard int, guildID uint64, nonce string) error {
	return c.sessions[shard].RequestGuildMembers(strconv.FormatUint(guildID, 10), "", 1, nonce, false)
}
