// Package discordgo is a bot with discordgo alone, and then with discordgo's REST client beside Signalbox.
package discordgo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"
)

// begin before

// Before runs a bot of as many shards as Discord recommends, until ctx ends.
func Before(ctx context.Context, token string) error {
	first, err := discordgo.New("Bot " + token)
	if err != nil {
		return err
	}
	start, err := first.GatewayBot()
	if err != nil {
		return err
	}
	var counts tally
	for shard := range start.Shards {
		s, err := discordgo.New("Bot " + token)
		if err != nil {
			return err
		}
		s.ShardID, s.ShardCount = shard, start.Shards
		s.Identify.Intents = discordgo.IntentGuildMessages | discordgo.IntentMessageContent | discordgo.IntentGuildMembers
		s.AddHandler(func(s *discordgo.Session, m *discordgo.MessageCreate) {
			switch m.Content {
			case "!ping":
				_, _ = s.ChannelMessageSend(m.ChannelID, "pong")
			case "!count": // the answer comes as events, with the nonce: the channel
				_ = s.RequestGuildMembers(m.GuildID, "", 0, m.ChannelID, false)
			}
		})
		s.AddHandler(func(s *discordgo.Session, c *discordgo.GuildMembersChunk) {
			if members, whole := counts.add(c); whole {
				_, _ = s.ChannelMessageSend(c.Nonce, fmt.Sprint(members, " members"))
			}
		})
		if shard > 0 {
			time.Sleep(5 * time.Second) // one Identify in five seconds
		}
		if err := s.Open(); err != nil {
			return err
		}
		defer func() { _ = s.Close() }()
		if err := s.UpdateGameStatus(0, "with shards"); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}

// tally counts the members of answers that come in several events.
type tally struct {
	mu      sync.Mutex
	members map[string]int // by nonce
	chunks  map[string]int
}

func (t *tally) add(c *discordgo.GuildMembersChunk) (members int, whole bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.members == nil {
		t.members, t.chunks = make(map[string]int), make(map[string]int)
	}
	t.members[c.Nonce] += len(c.Members)
	t.chunks[c.Nonce]++
	if t.chunks[c.Nonce] < c.ChunkCount {
		return 0, false
	}
	members = t.members[c.Nonce]
	delete(t.members, c.Nonce)
	delete(t.chunks, c.Nonce)
	return members, true
}

// end
