// Gatewaysim is the simulated gateway on a port, for bots in any language. Point a bot's REST
// base at the address that it prints. It prints every violation as it happens, what it takes though Discord does not document it, and with -events
// sends messages to the shards that are connected.
//
//	go run ./examples/gatewaysim [-addr 127.0.0.1:8080] [-shards 4] [-max-concurrency 1] [-events 10] [-exact] [-control 127.0.0.1:8081] [-scenario file.yaml]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// guilds is how many each shard has.
const guilds = 2

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	shards := flag.Int("shards", 4, "shards that discovery recommends")
	concurrency := flag.Int("max-concurrency", 1, "max_concurrency of the session start limit")
	rate := flag.Int("events", 0, "messages a second to each shard")
	exact := flag.Bool("exact", false, "take only what Discord documents, to the letter and to the millisecond")
	length := flag.Duration("for", 0, "how long to run; 0: until interrupted")
	out := outsideFlags()
	flag.Parse()
	if err := out.prepare(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(unusable)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *length)
		defer cancel()
	}
	opts := []gatewaytest.Option{
		gatewaytest.WithAddr(*addr), gatewaytest.WithShards(*shards), gatewaytest.WithMaxConcurrency(*concurrency),
		gatewaytest.WithGuildsPerShard(guilds), gatewaytest.WithTrace(note),
	}
	if *exact {
		opts = append(opts, gatewaytest.WithExact())
	}
	server, err := gatewaytest.Start(opts...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(unusable)
	}
	fmt.Printf("REST base  %s\ngateway    %s\n", server.APIURL, server.URL)
	os.Exit(out.run(ctx, server, func(ctx context.Context) { run(ctx, server, *shards, *rate) }))
}

// note prints what the server took that Discord does not document.
func note(e gatewaytest.Entry) {
	if e.Kind == gatewaytest.Noted {
		fmt.Printf("note: shard %v connection %d: %s\n", e.Shard, e.Conn, e.Text)
	}
}

func run(ctx context.Context, server *gatewaytest.Server, shards, rate int) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	seen := 0
	var last gatewaytest.Stats
	for n := 1; ; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for shard := range shards {
			for range rate {
				server.World().Message(gatewaytest.GuildOf(events.ShardID{Index: shard, Total: shards}, n%guilds), gatewaytest.Message{Content: "hello"})
			}
		}
		violations := server.Violations()
		for _, v := range violations[seen:] {
			fmt.Println("violation:", v)
		}
		seen = len(violations)
		stats := server.Stats()
		if stats.Connections != last.Connections || stats.Live != last.Live {
			fmt.Printf("connections %d (%d now)   identifies %d   resumes %d   refused %d   frames %d\n",
				stats.Connections, stats.Live, stats.Identifies, stats.Resumes, stats.Refused, stats.Frames)
		}
		last = stats
	}
}
