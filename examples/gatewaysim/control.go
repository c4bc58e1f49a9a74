package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
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

	listener net.Listener      // nil: no port
	scenario *control.Scenario // nil: none
}

func outsideFlags() *outside {
	o := &outside{}
	flag.StringVar(&o.addr, "control", "127.0.0.1:8081", "where the control port listens: a page, and orders over HTTP; empty: nowhere")
	flag.StringVar(&o.token, "control-token", "", "what the control port asks for; needed where other machines reach it")
	flag.StringVar(&o.file, "scenario", "", "a file of orders with their times; the program ends with it, with a status: 0 all is well, 1 violations, 2 flags or a scenario that cannot be used, 3 a step failed")
	return o
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
		fmt.Printf("control    http://%s/\n", o.listener.Addr())
		web := &http.Server{Handler: port.Handler(), ReadHeaderTimeout: 10 * time.Second}
		running.Go(func() {
			if err := web.Serve(o.listener); !errors.Is(err, http.ErrServerClosed) {
				fmt.Fprintln(os.Stderr, "control port:", err)
			}
		})
		defer func() { _ = web.Close() }() // its listener is closed either way
	}
	defer server.Close()
	if o.scenario == nil {
		if beside(ctx); len(server.Violations()) > 0 {
			return violated
		}
		return 0
	}
	ctx, cancel := context.WithCancel(ctx)
	running.Go(func() { beside(ctx) })
	defer cancel()
	result := o.scenario.Run(ctx, port, func(line string) { fmt.Println(line) })
	fmt.Print(result)
	return result.Status()
}
