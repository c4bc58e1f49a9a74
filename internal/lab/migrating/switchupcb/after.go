// Package switchupcb is what a bot with switchupcb's disgo becomes.
package switchupcb

import (
	"context"
	"errors"
	"fmt"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// begin after

// After does the same. say is a disgo.CreateMessage of a disgo.Client without sessions.
func After(ctx context.Context, token string, say func(channel events.Snowflake, text string), opts ...shardmanager.Option) error {
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
			say(e.ChannelID, "pong")
		case "!count":
			answer, err := events.RequestGuildMembers{GuildID: e.GuildID, Query: events.Ptr(""), Limit: events.Ptr(0)}.SendEvent(ctx, m)
			if err != nil {
				say(e.ChannelID, "not now")
				return
			}
			say(e.ChannelID, fmt.Sprint(len(answer.Members), " members"))
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
