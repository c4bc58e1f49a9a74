package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const (
	storyGuilds   = 8
	storyMessages = 25 // in each guild, ten in a second
)

// tally is what the workers have handled.
type tally struct {
	mu      sync.Mutex
	last    map[events.Snowflake]int // by guild
	handled int
	again   int
	wrong   int // that came out of order
	slowest time.Duration
}

// handle is a worker's handler. A message says its number, and when it was written.
func (t *tally) handle(_ context.Context, j job) error {
	var message struct {
		GuildID events.Snowflake `json:"guild_id"`
		Content string
	}
	var number int
	var written int64
	if err := json.Unmarshal(j.Data, &message); err != nil {
		return err
	}
	if _, err := fmt.Sscan(message.Content, &number, &written); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if number != t.last[message.GuildID]+1 {
		t.wrong++
	}
	t.last[message.GuildID], t.handled = number, t.handled+1
	t.slowest = max(t.slowest, time.Since(time.UnixMilli(written)))
	if j.Again {
		t.again++
	}
	return nil
}

// story runs a bot and two workers, one of which dies with events in its hands, and says what that has cost.
func story(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "nats")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	server, err := embedded(dir)
	if err != nil {
		return err
	}
	defer func() { server.Shutdown(); server.WaitForShutdown() }()
	gateway, err := gatewaytest.Start(gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2), gatewaytest.WithGuildsPerShard(storyGuilds/2))
	if err != nil {
		return err
	}
	defer gateway.Close()
	conn, js, err := connect(server)
	if err != nil {
		return err
	}
	defer conn.Close()
	m, err := shardmanager.New("token", shardmanager.WithGateway(gateway), shardmanager.WithLogger(zap.NewNop()),
		shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages|events.IntentMessageContent))
	if err != nil {
		return err
	}
	life, end := context.WithCancel(context.Background())
	defer end()
	publish(life, m, js, func(err error) { fmt.Fprintln(out, "publish:", err) }, events.TypeMessageCreate)
	defer func() { err = errors.Join(err, m.Close(context.Background())) }()
	if err := errors.Join(prepare(ctx, js, jetstream.FileStorage), m.Start(ctx), m.WaitReady(ctx)); err != nil {
		return err
	}

	t := &tally{last: make(map[events.Snowflake]int)}
	worker := func(ctx context.Context, h func(context.Context, job) error) (die func(), err error) {
		own, js, err := connect(server)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithCancel(ctx)
		go func() { _ = work(ctx, js, h, func(error) {}) }()
		return func() { own.Close(); cancel() }, nil
	}
	stop, err := worker(ctx, t.handle)
	if err != nil {
		return err
	}
	defer stop()
	stuck := make(chan struct{}) // the second worker takes events, and handles none
	defer close(stuck)
	die, err := worker(ctx, func(ctx context.Context, _ job) error { <-stuck; return errors.New("dead") })
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "two workers; one of them dies after a second, with events in its hands\n")
	time.AfterFunc(time.Second, die)
	for n := 1; n <= storyMessages && ctx.Err() == nil; n++ {
		for g := range storyGuilds {
			gateway.World().Message(gatewaytest.GuildOf(events.ShardID{Index: g % 2, Total: 2}, g/2), gatewaytest.Message{Content: fmt.Sprint(n, " ", time.Now().UnixMilli())})
		}
		sleep(ctx, 100*time.Millisecond)
	}
	const all = storyGuilds * storyMessages
	for begun := time.Now(); time.Since(begun) < 30*time.Second && ctx.Err() == nil; sleep(ctx, 50*time.Millisecond) {
		t.mu.Lock()
		done := t.handled >= all
		t.mu.Unlock()
		if done {
			break
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(out, "messages written %d   handled %d   again %d   out of order %d   the slowest waited %v\n", all, t.handled, t.again, t.wrong, t.slowest.Round(100*time.Millisecond))
	if t.handled != all || t.wrong != 0 {
		return errors.New("messages were lost, came twice, or came out of order")
	}
	return nil
}
