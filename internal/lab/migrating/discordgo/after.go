package discordgo

import (
	"context"
	"errors"
	"fmt"

	"github.com/bwmarrin/discordgo"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// begin after

// After does the same. rest is discordgo.New("Bot " + token), and its Open is never called.
func After(ctx context.Context, token string, rest *discordgo.Session, opts ...shardmanager.Option) error {
	m, err := shardmanager.New(token, append([]shardmanager.Option{
		shardmanager.WithIntents(events.IntentGuildMessages | events.IntentMessageContent | events.IntentGuildMembers),
		shardmanager.WithPresence(events.UpdatePresence{Status: events.StatusOnline, Activities: []events.Activity{{Name: "with shards"}}}),
	}, opts...)...)
	if err != nil {
		return err
	}
	shardmanager.On(m, func(ctx context.Context, e *events.MessageCreate, _ events.Meta) {
		switch e.Content {
		case "!ping":
			_, _ = rest.ChannelMessageSend(e.ChannelID.String(), "pong")
		case "!count":
			answer, err := events.RequestGuildMembers{GuildID: e.GuildID, Query: events.Ptr(""), Limit: events.Ptr(0)}.SendEvent(ctx, m)
			if err != nil {
				_, _ = rest.ChannelMessageSend(e.ChannelID.String(), "not now: ask again in half a minute")
				return
			}
			_, _ = rest.ChannelMessageSend(e.ChannelID.String(), fmt.Sprint(len(answer.Members), " members"))
		}
	}, shardmanager.WithWorkers(8)) // a handler that waits for an answer holds up its guild alone
	if err := m.Start(ctx); err != nil {
		return errors.Join(err, m.Close(context.Background()))
	}
	select {
	case <-ctx.Done():
	case <-m.Done(): // it cannot go on: m.Err says why
	}
	return errors.Join(m.Err(), m.Close(context.Background()))
}

// end
