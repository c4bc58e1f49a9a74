// Package pingbot is a bot that answers "!ping", and its test: an hour of its life, with a lost
// connection in it, in a few milliseconds and without a token. See bot_test.go.
package pingbot

import (
	"context"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// Intents are what the bot needs to be told: messages, and what stands in them. Without
// MESSAGE_CONTENT, which is privileged, their Content would be empty.
const Intents = events.IntentGuildMessages | events.IntentMessageContent

// Bot answers messages.
type Bot struct {
	// Reply is how a bot speaks: by Discord's REST API, which is not this library's. ctx is the handler's, and has ended for events that
	// wait while the bot closes: what must go out all the same takes context.WithoutCancel(ctx), and a limit of its own.
	Reply func(ctx context.Context, channel events.Snowflake, text string)
}

// Attach has the bot listen to m.
func (b *Bot) Attach(m *shardmanager.Manager) {
	shardmanager.On(m, func(ctx context.Context, e *events.MessageCreate, _ events.Meta) {
		if e.Content == "!ping" {
			b.Reply(ctx, e.ChannelID, "pong")
		}
	})
}
