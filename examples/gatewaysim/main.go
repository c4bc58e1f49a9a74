// Gatewaysim is the simulated gateway on a port, for bots in any language: point the bot's REST base at the address that it prints.
// It prints every violation as it happens, and what it takes though Discord does not document it. docs/gatewaysim.md has all flags, and
// says for each library how it is pointed there.
//
//	go run github.com/signalbox-go/signalbox/examples/gatewaysim@latest -events 1 -say '!ping'
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run is the whole program but for signals. It returns the exit status.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	o, err := parse(args, getenv)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = fmt.Fprint(stdout, help()) // nobody is there to tell
		return 0
	case err == nil && o.version:
		_, _ = fmt.Fprintln(stdout, version())
		return 0
	case err == nil:
		report := newReport(stdout, o)
		defer report.close()
		var server *gatewaytest.Server
		if err = o.outside.prepare(); err != nil {
			break
		}
		if server, err = start(o, gatewaytest.WithTrace(report.entry)); err == nil {
			return simulate(ctx, server, o, report)
		}
	}
	_, _ = fmt.Fprintln(stderr, "gatewaysim:", err)
	return unusable
}

// start starts the server, with options besides those of the flags.
func start(o *options, more ...gatewaytest.Option) (*gatewaytest.Server, error) {
	opts, err := o.gateway()
	if err != nil {
		return nil, err
	}
	server, err := gatewaytest.Start(append(opts, more...)...)
	return server, inFlags(err)
}

// simulate runs until the context ends, or the scenario, or the time that -for gives. It closes the server, and returns the exit status.
func simulate(ctx context.Context, server *gatewaytest.Server, o *options, report *report) int {
	if o.length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.length)
		defer cancel()
	}
	report.listening(server)
	o.outside.tell = report.tell
	status := o.outside.run(ctx, server, func(ctx context.Context) { talk(ctx, server, o, report) })
	if o.json || o.outside.scenario == nil { // else the scenario's result says it
		report.summary(server)
	}
	return status
}

// version is the module's version, as the go command has written it into the binary.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "gatewaysim of an unknown version"
	}
	return "gatewaysim " + info.Main.Version + ", " + info.GoVersion
}
