package soak_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/filestore"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// The environment of a process that is to be a bot, and not a test.
const (
	envAPI   = "SOAK_API"   // of the gateway
	envLog   = "SOAK_LOG"   // where handled events go; the store is beside it. Empty: there is no store
	envLife  = "SOAK_LIFE"  // its number
	envBlock = "SOAK_BLOCK" // one shard in so many has a handler that blocks for ever, and all shards send all the time
)

func TestMain(m *testing.M) {
	if os.Getenv(envAPI) == "" {
		os.Exit(m.Run())
	}
	run := bot
	if os.Getenv(envGuilds) != "" {
		run = reshardBot
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// process makes this binary a bot.
func process(env map[string]string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = os.Environ()
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stderr = os.Stderr
	return cmd
}

// bot runs until it is told to end.
func bot() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	opts := []shardmanager.Option{
		shardmanager.WithAPIURL(os.Getenv(envAPI)), shardmanager.WithIntents(events.IntentsAll), shardmanager.WithLogger(zap.NewNop()),
		shardmanager.WithDrain(2 * time.Second),
	}
	log := os.Getenv(envLog)
	if log != "" {
		store, err := filestore.Open(filepath.Join(filepath.Dir(log), "bot.db"))
		if err != nil {
			return err
		}
		defer store.Close()
		opts = append(opts, shardmanager.WithSessionStore(store))
	}
	m, err := shardmanager.New("soak", opts...)
	if err != nil {
		return err
	}
	if log != "" {
		if err := record(m, log); err != nil {
			return err
		}
	}
	one, _ := strconv.Atoi(os.Getenv(envBlock)) // 0 if it is not set
	if one > 0 {
		shardmanager.OnRaw(m, func(_ context.Context, _ events.Raw, at events.Meta) {
			if at.Shard.Index%one == 0 {
				select {} // for ever
			}
		})
	}
	if err := m.Start(ctx); err != nil {
		return err
	}
	if one > 0 {
		if err := m.WaitReady(ctx); err != nil {
			return err
		}
		total := m.Status().Total
		for index := range total {
			for range 3 {
				go sender(ctx, m, index, total)
			}
		}
	}
	select {
	case <-ctx.Done():
	case <-m.Done():
		return m.Err()
	}
	err = m.Close(context.Background())
	if cut := (*shardmanager.CutOffError)(nil); one > 0 && errors.As(err, &cut) && cut.Unsaved == nil {
		return nil // the handler that never returns was told of
	}
	return err
}

// record notes each event in the file when it is handled: with one write, so that what was written outlives the process.
func record(m *shardmanager.Manager, name string) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	life := os.Getenv(envLife)
	shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, at events.Meta) {
		if _, err := fmt.Fprintf(file, "%s %d %d %t\n", life, at.Shard.Index, raw.Seq, at.Redelivered); err != nil {
			panic(err)
		}
	})
	return nil
}

// sender keeps the bucket of a shard empty.
func sender(ctx context.Context, m *shardmanager.Manager, index, total int) {
	shard := m.Shard(index)
	guild := events.Snowflake(index+total) << 22
	for ctx.Err() == nil {
		once, cancel := context.WithTimeout(ctx, time.Minute)
		// It fails where nobody reads the answer: the handler blocks.
		_, _ = events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}}.SendEvent(once, shard)
		cancel()
	}
}
