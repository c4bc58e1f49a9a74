// Nats is a bot whose events are handled elsewhere: one process keeps the gateway and puts events into a stream of NATS JetStream, and any number of workers take them
// out. README.md says what that gives, and what it costs.
//
//	go run .          # shows it in this process: a simulated gateway, an embedded NATS, two workers, one of which dies
//	go run . bot      # with DISCORD_TOKEN, and NATS_URL
//	go run . worker   # with NATS_URL
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/filestore"
	"github.com/signalbox-go/signalbox/shardmanager"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	role := "story"
	if len(os.Args) > 1 {
		role = os.Args[1]
	}
	var err error
	switch role {
	case "story":
		err = story(ctx, os.Stdout)
	case "bot", "worker":
		err = serve(ctx, role)
	default:
		err = fmt.Errorf("%q is no role: bot, worker, or nothing for the story", role)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// serve is the bot, or a worker, with a NATS server of its own.
func serve(ctx context.Context, role string) error {
	conn, err := nats.Connect(cmp.Or(os.Getenv("NATS_URL"), nats.DefaultURL), nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	if err := prepare(ctx, js, jetstream.FileStorage); err != nil {
		return err
	}
	failed := func(err error) { log.Print(err) }
	if role == "worker" {
		return work(ctx, js, func(_ context.Context, j job) error {
			fmt.Println(j.Type, len(j.Data), "bytes, again:", j.Again) // yours
			return nil
		}, failed)
	}
	store, err := filestore.Open("bot.db")
	if err != nil {
		return err
	}
	defer store.Close()
	m, err := shardmanager.New(os.Getenv("DISCORD_TOKEN"), shardmanager.WithSessionStore(store), shardmanager.WithIntentsFromHandlers())
	if err != nil {
		return err
	}
	life, end := context.WithCancel(context.Background())
	defer end() // when the Manager has been closed
	publish(life, m, js, failed, events.TypeMessageCreate, events.TypeInteractionCreate, events.TypeGuildMemberAdd)
	if err := m.Start(ctx); err != nil {
		return errors.Join(err, m.Close(context.Background()))
	}
	select {
	case <-ctx.Done():
	case <-m.Done(): // it cannot go on: m.Err says why
	}
	return errors.Join(m.Err(), m.Close(context.Background()))
}
