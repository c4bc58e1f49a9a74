package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/session/gatewaytest/control"
)

// The exit statuses. 1 and 3 are those of control.Result.
const (
	violated = 1 // the bot did what Discord would have punished
	unusable = 2 // the flags or the scenario cannot be used; package flag uses it, too
)

// outside is what gives orders to the server: the control port, and a scenario.
type outside struct {
	addr, token, file string

	tell     func(kind, line string) // of what happens; kind is what -json calls it
	listener net.Listener            // nil: no port
	scenario *control.Scenario       // nil: none
}

// flags are those of the orders from outside.
func (o *outside) flags(fs *flag.FlagSet) {
	fs.StringVar(&o.addr, "control", "127.0.0.1:8081", "`host:port` of the control port: a page, and orders over HTTP; empty: nowhere")
	fs.StringVar(&o.token, "control-token", "", "the `token` that the control port asks for; needed where other machines reach it")
	fs.StringVar(&o.file, "scenario", "", "`file` of orders with their times; the program ends with it, with a status: 0 all is well, 1 violations, 2 flags or a scenario that cannot be used, 3 a step failed")
}

// prepare checks the scenario and opens the port, before anything else starts.
func (o *outside) prepare() error {
	if o.file != "" {
		text, err := os.ReadFile(o.file)
		if err != nil {
			return fmt.Errorf("-scenario: %w", err)
		}
		if o.scenario, err = control.ParseScenario(text); err != nil {
			return fmt.Errorf("-scenario %s:\n%w", o.file, err)
		}
	}
	if o.addr == "" {
		return nil
	}
	var err error
	if o.listener, err = control.Listen(o.addr, o.token); err != nil {
		return fmt.Errorf("%w (flags -control and -control-token; -control \"\" is no port)", err)
	}
	return nil
}

// run serves the port beside what the program does, until the scenario or the context has ended, closes the server, and returns the exit
// status.
func (o *outside) run(ctx context.Context, server *gatewaytest.Server, beside func(context.Context)) (status int) {
	port := control.New(server, control.WithToken(o.token))
	var running sync.WaitGroup
	defer running.Wait()
	if o.listener != nil {
		o.tell("control", "control    "+urlOf(o.listener.Addr()))
		web := &http.Server{Handler: port.Handler(), ReadHeaderTimeout: 10 * time.Second}
		running.Go(func() {
			if err := web.Serve(o.listener); !errors.Is(err, http.ErrServerClosed) {
				o.tell("control", fmt.Sprint("the control port has ended: ", err))
			}
		})
		defer func() { _ = web.Close() }() // its listener is closed either way
	}
	defer server.Close()
	if o.scenario == nil {
		beside(ctx)
		server.Close() // what comes before its end counts, as in the summary
		if len(server.Violations()) > 0 {
			return violated
		}
		return 0
	}
	ctx, cancel := context.WithCancel(ctx)
	running.Go(func() { beside(ctx) })
	defer cancel()
	result := o.scenario.Run(ctx, port, func(line string) { o.tell("step", line) })
	if errors.Is(result.Err, context.DeadlineExceeded) {
		result.Err = errors.New("the scenario was stopped: the time of -for was over: give it more, or leave -for out")
	}
	o.tell("result", strings.TrimSuffix(result.String(), "\n"))
	return result.Status()
}

// urlOf is where the port can be opened: every machine that has all addresses has 127.0.0.1.
func urlOf(addr net.Addr) string {
	host := addr.String()
	if tcp, is := addr.(*net.TCPAddr); is && tcp.IP.IsUnspecified() {
		host = fmt.Sprint("127.0.0.1:", tcp.Port)
	}
	return "http://" + host + "/"
}
