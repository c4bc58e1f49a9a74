// Package arikawa is a bot with arikawa alone, and then with arikawa's REST client beside Signalbox.
package arikawa

import (
	"context"
	"fmt"
	"sync"

	"github.com/diamondburned/arikawa/v3/discord"
	"github.com/diamondburned/arikawa/v3/gateway"
	"github.com/diamondburned/arikawa/v3/session/shard"
	"github.com/diamondburned/arikawa/v3/state"
	"github.com/diamondburned/arikawa/v3/utils/json/option"
)

// begin before

// Before runs a bot of as many shards as Discord recommends, until ctx ends.
func Before(ctx context.Context, token string) error {
	var counts tally
	m, err := shard.NewManager("Bot "+token, state.NewShardFunc(func(_ *shard.Manager, s *state.State) {
		s.AddIntents(gateway.IntentGuildMessages | gateway.IntentMessageContent | gateway.IntentGuildMembers)
		s.AddHandler(func(*gateway.ReadyEvent) {
			_ = s.SendGateway(ctx, &gateway.UpdatePresenceCommand{Status: discord.OnlineStatus, Activities: []discord.Activity{{Name: "with shards"}}})
		})
		s.AddHandler(func(e *gateway.MessageCreateEvent) {
			switch e.Content {
			case "!ping":
				_, _ = s.SendMessage(e.ChannelID, "pong")
			case "!count": // the answer comes as events, with the nonce: the channel
				_ = s.SendGateway(ctx, &gateway.RequestGuildMembersCommand{
					GuildIDs: []discord.GuildID{e.GuildID}, Query: option.NewString(""), Nonce: e.ChannelID.String(),
				})
			}
		})
		s.AddHandler(func(e *gateway.GuildMembersChunkEvent) {
			if members, whole := counts.add(e); whole {
				channel, _ := discord.ParseSnowflake(e.Nonce)
				_, _ = s.SendMessage(discord.ChannelID(channel), fmt.Sprint(members, " members"))
			}
		})
	}))
	if err != nil {
		return err
	}
	if err := m.Open(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return m.Close()
}

// tally counts the members of answers that come in several events.
type tally struct {
	mu      sync.Mutex
	members map[string]int // by nonce
	chunks  map[string]int
}

func (t *tally) add(c *gateway.GuildMembersChunkEvent) (members int, whole bool) {
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
