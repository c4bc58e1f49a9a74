// Dashboard shows the dashboard of a bot whose gateway has a bad day: connections are cut, the gateway asks to reconnect, sessions become invalid, one is late. It needs no
// token, for the gateway is a simulated one in the same process. It prints a URL, and runs until Ctrl-C.
//
//	go run ./examples/dashboard [-shards 64] [-addr 127.0.0.1:8484] [-keys 16] [-calm] [-look TOKEN] [-control TOKEN] [-for 0s]
//
// What a bot of yours needs of it is in serve.go.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/dashboard"
	"github.com/signalbox-go/signalbox/shardmanager/recorder"
)

type settings struct {
	shards, keys  int
	addr          string
	look, control string
	calm          bool
	length        time.Duration
}

func main() {
	var s settings
	flag.IntVar(&s.shards, "shards", 64, "number of shards")
	flag.IntVar(&s.keys, "keys", 0, "how many shards may identify at once, in 5 s; 0: a quarter of them")
	flag.StringVar(&s.addr, "addr", "127.0.0.1:8484", "where to listen; port 0 takes a free one. Beyond loopback it needs -look")
	flag.StringVar(&s.look, "look", "", "token without which nothing is shown; empty: none is needed, on this machine")
	flag.StringVar(&s.control, "control", "", "token for changes; empty: one is made up, and printed")
	flag.BoolVar(&s.calm, "calm", false, "nothing goes wrong")
	flag.DurationVar(&s.length, "for", 0, "how long it runs; 0: until Ctrl-C")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if s.length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.length)
		defer cancel()
	}
	if err := run(ctx, os.Stdout, s); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

// run has a bot live with its dashboard until ctx ends.
func run(ctx context.Context, out io.Writer, s settings) (err error) {
	s.keys = cmp.Or(s.keys, max(s.shards/4, 1))
	s.control = cmp.Or(s.control, rand.Text())
	starts := 20*s.shards + 1000
	beat := 5 * time.Second // so that there are latencies to see
	if s.shards > 1000 {
		beat = 41250 * time.Millisecond
	}
	// Without a port of its own, so that thousands of shards need no files.
	gateway, err := gatewaytest.Start(gatewaytest.WithVirtualNetwork(), gatewaytest.WithHeartbeatInterval(beat), gatewaytest.WithShards(s.shards), gatewaytest.WithMaxConcurrency(s.keys), gatewaytest.WithGuildsPerShard(2),
		gatewaytest.WithMembers(5), gatewaytest.WithSessionStarts(starts, starts, 24*time.Hour))
	if err != nil {
		return err
	}
	defer gateway.Close()
	sends, flight := dashboard.NewSends(), recorder.New()
	m, err := shardmanager.New("simulated", shardmanager.WithGateway(gateway), shardmanager.WithShards(s.shards), shardmanager.WithLogger(zap.NewNop()), shardmanager.WithHooks(append(flight.Hooks(), sends)...),
		shardmanager.WithCompression(events.CompressionNone), shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages), shardmanager.WithDialRate(1000))
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err = errors.Join(err, m.Close(closing))
	}()
	shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) {})

	opts := []dashboard.Option{dashboard.WithSends(sends), dashboard.WithControl(s.control), dashboard.WithRecorder(flight), dashboard.WithTitle("A simulated bot")}
	if s.look != "" {
		opts = append(opts, dashboard.WithToken(s.look))
	}
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err
	}
	serving := make(chan error, 1)
	served, end := context.WithCancel(ctx)
	defer func() {
		end()
		err = errors.Join(err, <-serving)
	}()
	go func() { serving <- serve(served, l, m, opts...) }()
	fmt.Fprintf(out, "the dashboard: http://%s/dashboard/\nchanges need the token %s\n", l.Addr(), s.control)

	if err := m.Start(ctx); err != nil {
		return err
	}
	day{gateway: gateway, m: m, calm: s.calm}.pass(ctx)
	return nil
}
