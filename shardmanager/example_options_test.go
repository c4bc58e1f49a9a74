package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/filestore"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// What cannot work is told at once, all of it, and by its option.
func ExampleNew() {
	_, err := shardmanager.New("Bot abc", shardmanager.WithShards(4, 7))
	fmt.Println(err)
	// Output:
	// shardmanager: token: it begins with a prefix that only the Authorization header of REST calls has: pass what stands after "Bot "
	// shardmanager: WithShards: shard 7 is not within the total of 4: its shards are 0 to 3
}

// The bot has four shards, of which two run in this process.
func ExampleWithShards() {
	gateway := simulated(gatewaytest.WithMaxConcurrency(4))
	defer gateway.Close()
	m, err := shardmanager.New("token", shardmanager.WithGateway(gateway), shardmanager.WithShards(4, 2, 3))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	defer run(ctx, m, err).Close(ctx)
	for _, shard := range m.Status().Shards {
		fmt.Println(shard.Shard, shard.State)
	}
	// Output:
	// 2/4 Ready
	// 3/4 Ready
}

// Intents decide which events come. A handler whose event none of them feeds is an error of Start, unless the handlers decide.
func ExampleWithIntentsFromHandlers() {
	gateway := simulated()
	defer gateway.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, option := range []shardmanager.Option{shardmanager.WithIntents(events.IntentGuilds), shardmanager.WithIntentsFromHandlers()} {
		m, err := shardmanager.New("token", shardmanager.WithGateway(gateway), option)
		if err != nil {
			log.Fatal(err)
		}
		shardmanager.On(m, func(context.Context, *events.GuildBanAdd, events.Meta) {})
		var unfed *shardmanager.NoIntentError
		if err := m.Start(ctx); errors.As(err, &unfed) {
			fmt.Println(unfed.Event, "needs", unfed.Gates)
		} else {
			fmt.Println("started:", err)
		}
		m.Close(ctx)
	}
	// Output:
	// GUILD_BAN_ADD needs GUILD_MODERATION
	// started: <nil>
}

// With a session store a new process goes on where the one before it has ended: without an Identify, and without a gap.
func ExampleWithSessionStore() {
	gateway := simulated()
	defer gateway.Close()
	folder, err := os.MkdirTemp("", "signalbox")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for range 2 { // each is a process
		store, err := filestore.Open(filepath.Join(folder, "bot.db"))
		if err != nil {
			log.Fatal(err)
		}
		m, err := shardmanager.New("token", shardmanager.WithGateway(gateway), shardmanager.WithSessionStore(store))
		run(ctx, m, err)
		shard, _ := m.Shard(0).Status()
		fmt.Println("Identifies:", shard.Identifies, "Resumes:", shard.Resumes)
		if err := errors.Join(m.Close(ctx), store.Close()); err != nil { // in this order
			log.Fatal(err)
		}
	}
	// Output:
	// Identifies: 1 Resumes: 0
	// Identifies: 0 Resumes: 1
}

// Close tells handlers that it is about to end, waits for them, and names those that it had to cut off.
func ExampleWithDrain() {
	const guild events.Snowflake = 613425648685547541
	gateway := simulated(gatewaytest.WithGuilds(guild))
	defer gateway.Close()
	m, err := shardmanager.New("token", shardmanager.WithGateway(gateway), shardmanager.WithIntents(events.IntentGuildMessages),
		shardmanager.WithDrain(100*time.Millisecond), shardmanager.WithLogger(zap.NewNop()))
	begun, release := make(chan struct{}, 2), make(chan struct{})
	defer close(release)
	shardmanager.On(m, func(ctx context.Context, _ *events.MessageCreate, _ events.Meta) {
		begun <- struct{}{}
		<-ctx.Done() // as it should
	}, shardmanager.WithName("polite"))
	shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) {
		begun <- struct{}{}
		<-release // without a look at its context
	}, shardmanager.WithName("deaf"))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	run(ctx, m, err)
	gateway.World().Message(guild, gatewaytest.Message{})
	<-begun
	<-begun

	var cut *shardmanager.CutOffError
	if errors.As(m.Close(ctx), &cut) {
		for _, handler := range cut.Handlers {
			fmt.Println(handler.Handler, "has", handler.Running, "event in hand")
		}
	}
	// Output: deaf has 1 event in hand
}

// Of the presences of one user that wait, the newest is enough: a handler that is slow gets the first and the newest.
func ExampleCoalesceBy() {
	gateway := simulated()
	defer gateway.Close()
	m, err := shardmanager.New("token", shardmanager.WithGateway(gateway), shardmanager.WithIntents(events.IntentGuildPresences),
		shardmanager.WithLogger(zap.NewNop()))
	got, goOn := make(chan string), make(chan struct{})
	shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, _ events.Meta) {
		got <- string(raw.Data)
		<-goOn
	}, shardmanager.WithTypes("STATUS", "LAST"), shardmanager.WithOverflow(shardmanager.CoalesceBy(func(raw events.Raw) string {
		return string(raw.Type)
	})))
	seen := make(chan struct{})
	shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) { close(seen) }, shardmanager.WithTypes("LAST"))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	defer run(ctx, m, err).Close(ctx)

	gateway.Shard(0).Dispatch("STATUS", 1)
	fmt.Println(<-got) // and the handler is busy
	for n := 2; n <= 5; n++ {
		gateway.Shard(0).Dispatch("STATUS", n)
	}
	gateway.Shard(0).Dispatch("LAST", 6)
	<-seen // now all of them wait
	close(goOn)
	fmt.Println(<-got, <-got, <-got)
	// Output:
	// 1
	// 2 5 6
}

// Warnings and errors go to a logger, or nowhere with zap.NewNop(). No token is ever in them.
func ExampleWithLogger() {
	var lines strings.Builder
	log := zap.New(toLines(&lines))
	gateway := simulated(gatewaytest.WithToken("right"))
	defer gateway.Close()
	m, err := shardmanager.New("wrong", shardmanager.WithGateway(gateway), shardmanager.WithLogger(log))
	if err != nil {
		fmt.Println(err)
		return
	}
	err = m.Start(context.Background()) // it does not try again: nothing but another token helps
	fmt.Println(errors.Is(err, shardmanager.ErrAuthentication), strings.Contains(err.Error()+lines.String(), "wrong"))
	// Output: true false
}

// The bot begins with a presence, and shows another one later.
func ExampleWithPresence() {
	gateway := simulated()
	defer gateway.Close()
	m, err := shardmanager.New("token", shardmanager.WithGateway(gateway), shardmanager.WithPresence(events.UpdatePresence{
		Status:     events.StatusOnline,
		Activities: []events.Activity{{Name: "the trains", Type: events.ActivityWatching}},
	}))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	defer run(ctx, m, err).Close(ctx)

	_, err = events.UpdatePresence{Status: events.StatusIdle}.SendEvent(ctx, m) // on all shards
	fmt.Println(err)
	// Output: <nil>
}

// toLines is a zap core that writes to w.
func toLines(w *strings.Builder) zapcore.Core {
	return zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(w), zap.WarnLevel)
}
