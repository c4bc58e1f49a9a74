// Env is a bot whose token and options come from the environment. Everything that is wrong with them is told at once, by the name of its variable, and no error and no
// print shows the token. Without any it says what there is:
//
//	go run ./examples/env
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, os.Environ()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		var unusable *unusableError
		if errors.As(err, &unusable) {
			usage(os.Stderr)
			os.Exit(78) // to start again without a change is useless
		}
		os.Exit(1)
	}
}

// unusableError says that the environment has to be mended first.
type unusableError struct{ err error }

func (e *unusableError) Error() string { return "the bot cannot start:\n" + e.err.Error() }
func (e *unusableError) Unwrap() error { return e.err }

// run runs the bot until ctx ends.
func run(ctx context.Context, out io.Writer, environ []string, more ...shardmanager.Option) (err error) {
	c, err := fromEnv(environ)
	if err != nil {
		return &unusableError{err}
	}
	m, release, err := c.manager(more...)
	if err != nil {
		return &unusableError{err}
	}
	defer func() { err = errors.Join(err, m.Close(context.WithoutCancel(ctx)), release()) }()
	fmt.Fprintln(out, c)
	shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, at events.Meta) {
		fmt.Fprintln(out, "shard", at.Shard, "message", e.ID)
	})
	if err := m.Start(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-m.Done(): // it cannot go on
		return m.Err()
	}
}

// usage prints all variables.
func usage(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nThe environment:")
	for _, v := range variables {
		fmt.Fprintf(table, "  %s\t%s\n", v.name, v.what)
	}
	_ = table.Flush()
}
