package soak_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/filestore"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// The environment of a process that is to be a bot which reshards, besides envAPI, envLog and envLife.
const envGuilds = "SOAK_GUILDS" // how many it has

// What such a process writes into its file, a line each.
const (
	lineMessage = "message" // handled: guild, number, whether it may have come before
	lineAsked   = "asked"   // a send has begun
	lineEnded   = "ended"   // a send has ended: with what error
)

// reshardBot runs until it is told to end. It reads totals from its standard input, has each of them serve, and says on its standard output how far it is.
func reshardBot() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	name := os.Getenv(envLog)
	store, err := filestore.Open(filepath.Join(filepath.Dir(name), "bot.db"))
	if err != nil {
		return err
	}
	defer store.Close()
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	note := func(line ...any) { // with one write, so that what was written outlives the process
		if _, err := file.WriteString(fmt.Sprintln(line...)); err != nil {
			panic(err)
		}
	}
	m, err := shardmanager.New("soak", shardmanager.WithAPIURL(os.Getenv(envAPI)), shardmanager.WithIntents(reshardIntents), shardmanager.WithSessionStore(store))
	if err != nil {
		return err
	}
	shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, at events.Meta) {
		note(lineMessage, uint64(e.GuildID), e.Content, at.Redelivered)
	})
	if err := errors.Join(m.Start(ctx), m.WaitReady(ctx)); err != nil {
		return err
	}
	life, _ := strconv.Atoi(os.Getenv(envLife))
	n, _ := strconv.Atoi(os.Getenv(envGuilds))
	guilds := reshardGuilds(n)
	var sends sync.WaitGroup
	for i := range reshardAskers {
		sends.Go(func() {
			ask(ctx, m, life, i, func(n int) events.Snowflake { return guilds[n%len(guilds)] },
				func(who events.Snowflake) { note(lineAsked, uint64(who)) },
				func(who events.Snowflake, err error) { note(lineEnded, uint64(who), err) })
		})
	}
	fmt.Println("ready")
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			total, _ := strconv.Atoi(lines.Text()) // 0 is refused
			err := reach(ctx, m, total, shardmanager.WithReshardProgress(func(p shardmanager.ReshardProgress) {
				fmt.Printf("%v: %d of %d guilds are cut over\n", p.Phase, p.Cut, p.Guilds)
			}))
			fmt.Println("reached", m.Status().Total, err)
		}
		stop() // whoever has started it is gone
	}()
	<-ctx.Done()
	sends.Wait()
	return m.Close(context.Background())
}
