package arikawa

import (
	"context"
	"errors"
	"fmt"

	"github.com/diamondburned/arikawa/v3/api"
	"github.com/diamondburned/arikawa/v3/discord"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// begin after

// After does the same. rest is api.NewClient("Bot " + token).
func After(ctx context.Context, token string, rest *api.Client, opts ...shardmanager.Option) error {
	m, err := shardmanager.New(token, append([]shardmanager.Option{
		shardmanager.WithIntents(events.IntentGuildMessages | events.IntentMessageContent | events.IntentGuildMembers),
		shardmanager.WithPresence(events.UpdatePresence{Status: events.StatusOnline, Activities: []events.Activity{{Name: "with shards"}}}),
	}, opts...)...)
	if err != nil {
		return err
	}
	shardmanager.On(m, func(ctx context.Context, e *events.MessageCreate, _ events.Meta) {
		channel := discord.ChannelID(e.ChannelID)
		switch e.Content {
		case "!ping":
			_, _ = rest.SendMessage(channel, "pong")
		case "!count":
			answer, err := events.RequestGuildMembers{GuildID: e.GuildID, Query: events.Ptr(""), Limit: events.Ptr(0)}.SendEvent(ctx, m)
			if err != nil {
				_, _ = rest.SendMessage(channel, "not now")
				return
			}
			_, _ = rest.SendMessage(channel, fmt.Sprint(len(answer.Members), " members"))
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
