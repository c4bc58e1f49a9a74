// Command foreign runs a small client of each of several Discord libraries against the simulated gateway, and prints a table of what
// each of them got and did. What a library does wrong is printed, not judged. It needs what its clients need: node and npm, python3
// with discord.py, and the Go command; a client that cannot be run is a row that says why.
//
// Its exit status is 1 if a client that could be run was not ready or got no typed message, since that is
// the gateway's promise, or if the gateway or this program failed, and 2 if the flags cannot be used.
//
//	go run ./internal/lab/foreign [-only discord.js,eris] [-shards 1,4] [-compress none,zlib-stream] [-o docs/foreign-clients.md]
package main

import (
	"context"
	"crypto/tls"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// page is the documentation around the table.
//
//go:embed page.md
var page string

// place is where the table stands in the page.
const place = "<!-- the table -->\n"

// setting is what the flags say.
type setting struct {
	trials   []planned
	parallel int
	comeback time.Duration
	limit    time.Duration
	output   string
}

// planned is a trial to come.
type planned struct {
	library     library
	shards      int
	compression string
}

// parse reads the flags.
func parse(args []string) (setting, error) {
	var names []string
	for _, l := range libraries {
		names = append(names, l.name)
	}
	flags := flag.NewFlagSet("foreign", flag.ContinueOnError)
	only := flags.String("only", strings.Join(names, ","), "libraries")
	shards := flags.String("shards", "1,4", "numbers of shards")
	compress := flags.String("compress", "none,payload,zlib-stream,zstd-stream", "compressions, where the library has them; default: what it does unless told otherwise")
	set := setting{}
	flags.IntVar(&set.parallel, "parallel", 4, "trials at a time")
	flags.DurationVar(&set.comeback, "comeback", 90*time.Second, "how long a client has to return; the slowest one waits for a minute, and then some")
	flags.DurationVar(&set.limit, "limit", 30*time.Minute, "for all")
	flags.StringVar(&set.output, "o", "", "write the page of the documentation to this file as well")
	if err := flags.Parse(args); err != nil {
		return setting{}, err
	}
	if set.parallel < 1 {
		return setting{}, fmt.Errorf("-parallel is %d: 1 or more", set.parallel)
	}
	for _, c := range strings.Split(*compress, ",") {
		if c != "none" && c != "payload" && c != "zlib-stream" && c != "zstd-stream" && c != "default" {
			return setting{}, fmt.Errorf("-compress: there is no %q: take some of none,payload,zlib-stream,zstd-stream, or default", c)
		}
	}
	for _, name := range strings.Split(*only, ",") {
		l, err := find(name)
		if err != nil {
			return setting{}, fmt.Errorf("-only: %w", err)
		}
		for _, number := range strings.Split(*shards, ",") {
			n, err := strconv.Atoi(number)
			if err != nil || n < 1 || n > 16 {
				return setting{}, fmt.Errorf("-shards: %q: numbers from 1 to 16", number)
			}
			for _, compression := range l.among(strings.Split(*compress, ",")) {
				set.trials = append(set.trials, planned{l, n, compression})
			}
		}
	}
	if len(set.trials) == 0 {
		return setting{}, errors.New("no library of -only has a compression of -compress: there is nothing to try")
	}
	return set, nil
}

func main() {
	set, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if err := run(set); err != nil {
		fmt.Fprintln(os.Stderr, "foreign:", err)
		os.Exit(1)
	}
}

func run(set setting) error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, set.limit)
	defer cancel()
	dir, err := os.MkdirTemp("", "foreign-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := newWorkshop(ctx, dir)
	if err != nil {
		return err
	}
	all, err := tryAll(ctx, set, w)
	if err != nil {
		return err
	}
	fmt.Print(table(all))
	if set.output != "" {
		if err := os.WriteFile(set.output, []byte(strings.Replace(page, place, table(all), 1)), 0o644); err != nil {
			return err
		}
	}
	return promise(all)
}

// tryAll makes all trials, some at a time, in the order of the table.
func tryAll(ctx context.Context, set setting, w *workshop) ([]outcome, error) {
	all, errs, gate := make([]outcome, len(set.trials)), make([]error, len(set.trials)), make(chan struct{}, set.parallel)
	var group sync.WaitGroup
	for i, p := range set.trials {
		gate <- struct{}{}
		group.Go(func() {
			defer func() { <-gate }()
			all[i], errs[i] = p.try(ctx, w, set.comeback)
			fmt.Fprintln(os.Stderr, strings.Join(cells(all[i]), " | "))
		})
	}
	group.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s, %d shards, %s: %w", set.trials[i].library.name, set.trials[i].shards, set.trials[i].compression, err)
		}
	}
	return all, nil
}

// try makes one trial, on loopback.
func (p planned) try(ctx context.Context, w *workshop, comeback time.Duration) (outcome, error) {
	command, err := p.library.command(ctx, w, p.compression)
	o := outcome{shards: p.shards}
	var options []gatewaytest.Option
	ca := ""
	if err == nil && p.library.tls {
		var config *tls.Config
		config, ca, err = w.certificate()
		options = append(options, gatewaytest.WithTLS(config))
	}
	if err != nil {
		o.absent = err.Error()
		err = ctx.Err()
	} else {
		o, err = try(ctx, p.shards, comeback, func(server *gatewaytest.Server, tell func(line)) (bot, error) {
			command.Env = environment(server, p.compression, ca)
			return start(command, tell)
		}, options...)
	}
	o.library, o.compression = p.library.name, p.compression
	return o, err
}

// promise is an error if a client that ran did not get what the gateway promises to all.
func promise(all []outcome) error {
	for _, o := range all {
		if o.absent == "" && (o.ready < o.shards || o.messages < o.shards) {
			return fmt.Errorf("%s %s, %d shards, %s: %d were ready, and %d got a typed message: the simulated gateway should do for it", o.library, o.version, o.shards, o.compression, o.ready, o.messages)
		}
	}
	return nil
}
