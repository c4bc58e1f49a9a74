// Deploy is a bot as it runs in production: its sessions are kept in a file, SIGTERM closes it in order, probes can ask whether it is alive and ready, systemd is told
// when it is ready, and its exit code says whether starting it again may help. kubernetes.yaml, Dockerfile and bot.service run it; docs/deploying.md
// explains them.
//
// Without a token, go run ./examples/deploy shows on a simulated gateway what comes of it: it runs the bot as a process, ends it by SIGTERM and by SIGKILL
// while messages keep coming, starts it again, has another process follow it without a second between them, and ends with a table. Its exit code is 1 if something was lost, or an Identify spent that need not be.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/filestore"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// exitConfig says that starting again is of no use until somebody mends something (EX_CONFIG of sysexits.h).
const exitConfig = 78

// What is logged.
const (
	logMessage = "message"
	logProbe   = "probes"
	logState   = "state"
)

func main() {
	if os.Getenv("DISCORD_TOKEN") == "" && os.Getenv("STATE_DIRECTORY") == "" { // nobody has meant to run a bot
		os.Exit(showDeploys())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	logging := zap.NewProductionConfig()
	logging.Sampling = nil // each message is to be seen
	log, err := logging.Build(zap.AddStacktrace(zap.FatalLevel))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var opts []shardmanager.Option
	if api := os.Getenv("DISCORD_API"); api != "" { // a gateway on this machine, to try it
		opts = append(opts, shardmanager.WithAPIURL(api))
	}
	b := &bot{
		token:  os.Getenv("DISCORD_TOKEN"),
		file:   filepath.Join(cmp.Or(os.Getenv("STATE_DIRECTORY"), "."), "bot.db"), // systemd sets STATE_DIRECTORY
		log:    log,
		socket: os.Getenv("HANDOVER"),
		message: func(_ context.Context, e *events.MessageCreate, at events.Meta) {
			log.Info(logMessage, zap.Stringer("shard", at.Shard), zap.Stringer("id", e.ID), zap.Bool("redelivered", at.Redelivered))
		},
		notify: notify,
	}
	probes := &http.Server{Handler: b, ReadHeaderTimeout: 5 * time.Second}
	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("PROBE_ADDR"), "127.0.0.1:8090"))
	if err != nil { // the bot matters more
		log.Error("probes are not served", zap.Error(err))
	} else {
		log.Info(logProbe, zap.Stringer("addr", listener.Addr()))
		go func() { _ = probes.Serve(listener) }()
	}
	err = b.run(ctx, opts...)
	_ = probes.Close() // nothing depends on it any more
	if err != nil {
		log.Error("the bot has ended", zap.Error(err))
	}
	_ = log.Sync() // which fails for a terminal
	os.Exit(exitCode(err))
}

// exitCode is 0 after a signal; exitConfig if a start would fail as this one did; and else 1: start again.
func exitCode(err error) int {
	var option *shardmanager.OptionError
	var handler *shardmanager.NoIntentError
	var intents *shardmanager.IntentsError
	var discovery *shardmanager.DiscoveryError
	var closed *session.CloseError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, shardmanager.ErrAuthentication), errors.As(err, &option), errors.As(err, &handler), errors.As(err, &intents),
		errors.As(err, &discovery) && discovery.Fatal(),
		errors.As(err, &closed) && closed.Fatal() && !newTotal(closed.Code),
		errors.Is(err, filestore.ErrKey), errors.Is(err, filestore.ErrOtherKey), errors.Is(err, filestore.ErrVersion):
		return exitConfig
	}
	return 1
}

// newTotal reports whether a code asks for another number of shards: a start asks Discord how many there should be.
func newTotal(code events.CloseCode) bool {
	return code == events.CloseShardingRequired || code == events.CloseInvalidShard
}
