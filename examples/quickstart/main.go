// Quickstart shows a whole life of a fleet in a few seconds: shards connect and identify in
// order, events flow, send events are answered, connections are lost and resumed.
//
// Without a token it starts a simulated gateway in the process and uses that. With
// DISCORD_TOKEN it talks to Discord, and with -api to any gateway, such as that of examples/gatewaysim. Then nothing is broken on
// purpose, and what only the gateway knows, such as whether the bot has broken its rules, is said to be not known.
//
//	go run ./examples/quickstart [-shards 16] [-for 20s] [-compress zstd-stream] [-api URL]
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

func main() {
	shards := flag.Int("shards", 0, "number of shards; 0: 16, or with a token as many as Discord recommends")
	length := flag.Duration("for", 20*time.Second, "how long events flow")
	compress := flag.String("compress", string(events.CompressionZstd), "none, payload, zlib-stream or zstd-stream")
	api := flag.String("api", "", "REST base of a gateway other than Discord's, such as http://127.0.0.1:8080/api/v10")
	verbose := flag.Bool("v", false, "log all that the manager does, and not only warnings and errors")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	held, err := run(ctx, os.Stdout, settings{os.Getenv("DISCORD_TOKEN"), *shards, *length, events.Compression(*compress), *api, *verbose})
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
	}
	if err != nil || !held {
		stop()
		os.Exit(1)
	}
}

type settings struct {
	token    string
	shards   int
	length   time.Duration
	compress events.Compression
	api      string
	verbose  bool
}

func run(ctx context.Context, out io.Writer, s settings) (held bool, err error) {
	tally := tally{out: out}
	token, shards := s.token, s.shards
	opts := []shardmanager.Option{
		shardmanager.WithCompression(s.compress),
		shardmanager.WithIntents(events.IntentGuilds | events.IntentGuildMessages),
	}
	var gateway *gatewaytest.Server
	switch {
	case s.api != "":
		opts = append(opts, shardmanager.WithAPIURL(s.api))
		if u, err := url.Parse(s.api); err == nil {
			opts = append(opts, shardmanager.WithGatewayHosts(u.Hostname()))
		}
		token = cmp.Or(token, "quickstart")
		tally.say("using the gateway of %s; nothing is broken on purpose", s.api)
	case token == "":
		shards = cmp.Or(shards, 16)
		// One key for each shard: they identify at once, and not one in 5 s.
		gateway, err = gatewaytest.Start(gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(shards),
			gatewaytest.WithGuildsPerShard(2), gatewaytest.WithMembers(25), gatewaytest.WithSessionStarts(10*shards+1000, 10*shards+1000, 24*time.Hour))
		if err != nil {
			return false, err
		}
		defer gateway.Close()
		opts = append(opts, shardmanager.WithGateway(gateway))
		token = "simulated"
		tally.say("no DISCORD_TOKEN: using a simulated gateway at %s", gateway.URL)
	default:
		tally.say("using Discord; nothing is broken on purpose")
	}
	if shards > 0 {
		opts = append(opts, shardmanager.WithShards(shards))
	}
	if s.verbose {
		log, err := zap.NewDevelopment()
		if err != nil {
			return false, err
		}
		opts = append(opts, shardmanager.WithLogger(log))
	}
	m, err := shardmanager.New(token, opts...)
	if err != nil {
		return false, err
	}
	shardmanager.OnRaw(m, tally.event)
	pause := time.Second // a gateway that others use as well is not to be flooded
	if gateway != nil {
		pause = 100 * time.Millisecond
	}
	asker := newAsker(m, &tally, pause)

	began := time.Now()
	if err := m.Start(ctx); err != nil {
		return false, err
	}
	if err := ready(ctx, m, &tally, began); err != nil {
		closeNow(m)
		return false, err
	}
	asker.first(ctx)

	flow, end := context.WithTimeout(ctx, s.length)
	defer end()
	done := make(chan struct{})
	go func() {
		defer close(done)
		asker.run(flow)
	}()
	if gateway != nil {
		simulate(flow, m, gateway, &tally, s.length)
	} else {
		report(flow, m, &tally)
	}
	<-done
	if ctx.Err() == nil {
		settle(ctx, m, gateway, &tally)
	}
	status := m.Status()
	closed := time.Now()
	closeNow(m)
	tally.say("closed in %v; the sessions can be resumed\n", time.Since(closed).Round(time.Millisecond))
	return summary(status, gateway, &tally), nil
}

// ready shows progress while shards come up.
func ready(ctx context.Context, m *shardmanager.Manager, t *tally, began time.Time) error {
	shown := -1
	for {
		step, cancel := context.WithTimeout(ctx, 250*time.Millisecond)
		err := m.WaitReady(step)
		late := step.Err() != nil
		cancel()
		status := m.Status()
		if n := status.Ready(); n != shown {
			shown = n
			t.say("%7.2fs  shards ready: %d/%d", time.Since(began).Seconds(), n, len(status.Shards))
		}
		if err == nil || !late || ctx.Err() != nil {
			return err
		}
	}
}

// report shows events per second until ctx ends.
func report(ctx context.Context, m *shardmanager.Manager, t *tally) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := t.delivered.Load()
	for {
		select {
		case <-tick.C:
			now := t.delivered.Load()
			status := m.Status()
			t.say("          %6d events/s   ready %d/%d   answered %d",
				now-last, status.Ready(), len(status.Shards), t.answered.Load())
			last = now
		case <-ctx.Done():
			return
		}
	}
}

// settle waits until all shards are back and all that was sent has come.
func settle(ctx context.Context, m *shardmanager.Manager, gateway *gatewaytest.Server, t *tally) {
	ctx, cancel := context.WithTimeout(ctx, 45*time.Second)
	defer cancel()
	if err := m.WaitReady(ctx); err != nil {
		t.say("not all shards came back: %v", err)
	}
	for gateway != nil && t.delivered.Load() < int64(gateway.Stats().Dispatched) && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
	}
}

func closeNow(m *shardmanager.Manager) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := m.Close(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
	}
}

// crash makes the actor of a shard panic.
func crash(m *shardmanager.Manager, shard int) {
	if key, err := m.Shard(shard).Key(); err == nil {
		m.System().Root.Send(m.Supervisor(), actors.CrashShard{Key: key})
	}
}
