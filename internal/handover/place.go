package handover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Place is where a process of a bot is found by the one that comes after it. At one time it is one process's.
type Place interface {
	// Claim makes the place this process's, and reports whether it is: no other process has it. Who has it keeps it until Close, or its death.
	Claim() (bool, error)
	// Listen lets the process that comes next find this one, whose place it is.
	Listen() (net.Listener, error)
	// Dial finds the process whose place it is. The error is ErrNobody if that one does not listen.
	Dial(ctx context.Context) (net.Conn, error)
	Close() error
}

// ErrNobody: no process listens.
var ErrNobody = errors.New("handover: no process listens")

// ErrBusy: another process has the place and does not listen, or hands over to a third.
var ErrBusy = errors.New("handover: another process has the place, and does not let go")

const tryEvery = 50 * time.Millisecond

// Meet returns the connection to the process whose place it is, or nil once the place is this process's. While another has it and does not
// listen, Meet waits.
func Meet(ctx context.Context, p Place) (net.Conn, error) {
	for {
		mine, err := p.Claim()
		if err != nil || mine {
			return nil, err
		}
		conn, err := p.Dial(ctx)
		if !errors.Is(err, ErrNobody) {
			return conn, err
		}
		select {
		case <-time.After(tryEvery):
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
		}
	}
}

// Inherit waits until the process whose place it is has ended, and it is this one's.
func Inherit(ctx context.Context, p Place) error {
	for {
		mine, err := p.Claim()
		if err != nil || mine {
			return err
		}
		select {
		case <-time.After(tryEvery):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
		}
	}
}
