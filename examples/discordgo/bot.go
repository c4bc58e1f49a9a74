// Discordgo is a bot that hears by Signalbox and speaks by discordgo: its slash command and its button are discordgo's, and so are all REST calls, with discordgo's own
// rate limits. The session of discordgo is never opened: the gateway is Signalbox's alone.
//
//	DISCORD_TOKEN=… go run .
//
// It has a module of its own, so that Signalbox does not depend on discordgo. main_test.go runs it in virtual time, without a token.
package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/bwmarrin/discordgo"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// bot has a button that counts how often it was pressed, and welcomes who joins.
type bot struct {
	rest   *discordgo.Session // for REST: its Open is not called
	failed func(error)
}

// commands are written with discordgo's types, as ever.
var commands = []*discordgo.ApplicationCommand{{Name: "count", Description: "A button that counts"}}

// register tells Discord of the commands, in place of those that the bot had.
func (b *bot) register(ctx context.Context) error {
	me, err := b.rest.User("@me", discordgo.WithContext(ctx))
	if err != nil {
		return err
	}
	_, err = b.rest.ApplicationCommandBulkOverwrite(me.ID, "", commands, discordgo.WithContext(ctx))
	return err
}

// attach has the bot listen to m.
func (b *bot) attach(m *shardmanager.Manager) {
	// An interaction stays one of discordgo's: its answers take the whole of it, and its methods know the commands' data.
	on(m, events.TypeInteractionCreate, b.failed, func(ctx context.Context, i *discordgo.InteractionCreate) error {
		switch i.Type {
		case discordgo.InteractionApplicationCommand:
			return b.rest.InteractionRespond(i.Interaction, &discordgo.InteractionResponse{
				Type: discordgo.InteractionResponseChannelMessageWithSource, Data: button(0),
			}, discordgo.WithContext(ctx))
		case discordgo.InteractionMessageComponent:
			n := 0
			if _, err := fmt.Sscanf(i.MessageComponentData().CustomID, "count-%d", &n); err != nil {
				return err
			}
			return b.rest.InteractionRespond(i.Interaction, &discordgo.InteractionResponse{
				Type: discordgo.InteractionResponseUpdateMessage, Data: button(n + 1),
			}, discordgo.WithContext(ctx))
		}
		return nil
	})
	// Where a few fields are enough, Signalbox's own types do: they are decoded once for all handlers, and ids are numbers.
	shardmanager.On(m, func(ctx context.Context, e *events.GuildMemberAdd, _ events.Meta) {
		if e.User == nil || e.User.Bot {
			return
		}
		direct, err := b.rest.UserChannelCreate(e.User.ID.String(), discordgo.WithContext(ctx))
		if err == nil {
			_, err = b.rest.ChannelMessageSend(direct.ID, "Welcome, "+e.User.Username, discordgo.WithContext(ctx))
		}
		if err != nil {
			b.failed(err)
		}
	}, shardmanager.WithWorkers(8)) // REST may take its time, which is that of one guild alone
}

// on has a handler get events in discordgo's type.
func on[E any](m *shardmanager.Manager, name events.Type, failed func(error), h func(context.Context, *E) error) {
	shardmanager.OnRaw(m, func(ctx context.Context, raw events.Raw, _ events.Meta) {
		e := new(E)
		if err := json.Unmarshal(raw.Data, e); err != nil {
			failed(fmt.Errorf("%s: %w", raw.Type, err))
		} else if err := h(ctx, e); err != nil {
			failed(fmt.Errorf("%s: %w", raw.Type, err))
		}
	}, shardmanager.WithTypes(name), shardmanager.WithWorkers(8))
}

// button is a message with a button that knows how often it was pressed.
func button(n int) *discordgo.InteractionResponseData {
	return &discordgo.InteractionResponseData{
		Content: fmt.Sprintf("pressed %d times", n),
		Components: []discordgo.MessageComponent{discordgo.ActionsRow{Components: []discordgo.MessageComponent{
			discordgo.Button{Label: "Once more", CustomID: fmt.Sprintf("count-%d", n)},
		}}},
	}
}
