package main

import (
	"context"
	"errors"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/bwmarrin/discordgo"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/filestore"
	"github.com/signalbox-go/signalbox/shardmanager"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	store, err := filestore.Open("bot.db") // the next process resumes
	if err != nil {
		log.Fatal(err)
	}
	token := os.Getenv("DISCORD_TOKEN")
	rest, err := discordgo.New("Bot " + token) // discordgo wants the prefix, and Signalbox does not
	if err == nil {
		err = run(ctx, token, &bot{rest: rest, failed: func(err error) { log.Print(err) }}, shardmanager.WithSessionStore(store))
	}
	if err := errors.Join(err, store.Close()); err != nil {
		log.Fatal(err)
	}
}

// run runs the bot until ctx ends.
func run(ctx context.Context, token string, b *bot, opts ...shardmanager.Option) (err error) {
	m, err := shardmanager.New(token, append(opts, shardmanager.WithIntents(events.IntentGuildMembers))...) // interactions need no intent
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close(context.WithoutCancel(ctx))) }()
	b.attach(m)
	if err := b.register(ctx); err != nil {
		return err
	}
	if err := m.Start(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-m.Done(): // it cannot go on
		return m.Err()
	}
}
