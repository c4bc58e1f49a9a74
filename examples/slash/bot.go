// Package slash is a bot with slash commands, and its test: interactions go in, callbacks come out, and a reminder of ten
// minutes is due in a few milliseconds. See bot_test.go.
package slash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/events/discord"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// Bot rolls dice, and reminds.
type Bot struct {
	rest    rest
	failed  func(error)
	waiting sync.WaitGroup // for reminders
}

// New makes a bot that speaks to a REST base, such as https://discord.com/api/v10, by client. What goes wrong later is told to failed.
func New(base string, client *http.Client, token string, failed func(error)) *Bot {
	return &Bot{rest: rest{base, client, token}, failed: failed}
}

// object is a JSON object.
type object = map[string]any

// Register tells Discord of the bot's commands, in place of those that it had.
//
// Source: interactions/application-commands#bulk-overwrite-global-application-commands
func (b *Bot) Register(ctx context.Context, application events.Snowflake) error {
	return b.rest.call(ctx, http.MethodPut, fmt.Sprintf("/applications/%v/commands", application), []object{
		{"name": "roll", "description": "Rolls a die", "options": []object{
			{"type": 4, "name": "sides", "description": "How many sides it has", "min_value": 2, "required": true},
		}},
		{"name": "remind", "description": "Reminds you", "options": []object{
			{"type": 4, "name": "minutes", "description": "When", "min_value": 1, "max_value": 14, "required": true},
			{"type": 3, "name": "of", "description": "Of what", "required": true},
		}},
	})
}

// Attach has the bot listen to m. Interactions need no intent.
func (b *Bot) Attach(m *shardmanager.Manager) {
	shardmanager.On(m, func(ctx context.Context, e *events.InteractionCreate, _ events.Meta) {
		if e.Data == nil {
			return
		}
		var err error
		switch e.Data.Name {
		case "roll":
			sides, _ := option(e, "sides").Int()
			err = b.reply(ctx, e, 4, object{"content": fmt.Sprintf("You rolled %d of %d.", 1+rand.Int64N(max(sides, 1)), sides)})
		case "remind":
			err = b.remind(ctx, e)
		default:
			err = b.reply(ctx, e, 4, object{"content": "I do not know this command any more.", "flags": 64}) // shown to the user alone
		}
		if err != nil {
			b.failed(err)
		}
	})
}

// Wait returns when no reminder is waiting: after the manager's end, soon.
func (b *Bot) Wait() { b.waiting.Wait() }

// remind answers at once that the bot will, and then does: a handler that waited for it would hold up the events after it.
func (b *Bot) remind(ctx context.Context, e *events.InteractionCreate) error {
	minutes, _ := option(e, "minutes").Int()
	of := option(e, "of").String()
	b.waiting.Go(func() {
		select {
		case <-time.After(time.Duration(minutes) * time.Minute):
		case <-ctx.Done():
			return // the bot ends
		}
		path := fmt.Sprintf("/webhooks/%v/%s", e.ApplicationID, e.Token.Reveal())
		if err := b.rest.call(ctx, http.MethodPost, path, object{"content": "Remember: " + of}); err != nil {
			b.failed(err)
		}
	})
	return b.reply(ctx, e, 4, object{"content": fmt.Sprintf("In %d minutes.", minutes), "flags": 64})
}

// reply answers an interaction, within the 3 s that there are. What waits when the bot ends is answered as well, though its handler's context has ended.
//
// Source: interactions/receiving-and-responding#create-interaction-response
func (b *Bot) reply(ctx context.Context, e *events.InteractionCreate, kind int, data object) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	return b.rest.call(ctx, http.MethodPost, fmt.Sprintf("/interactions/%v/%s/callback", e.ID, e.Token.Reveal()), object{"type": kind, "data": data})
}

// option is the value of an option of a command.
func option(e *events.InteractionCreate, name string) discord.Value {
	for _, o := range e.Data.Options {
		if o.Name == name {
			return o.Value
		}
	}
	return nil
}
