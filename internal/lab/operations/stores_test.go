package operations_test

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// disk is a session store that may be full.
type disk struct {
	session.Store
	full atomic.Bool
}

var errFull = errors.New("the disk is full")

func (d *disk) Save(ctx context.Context, all ...session.Snapshot) error {
	if d.full.Load() {
		return errFull
	}
	return d.Store.Save(ctx, all...)
}

// ledgered is a session store with a ledger, which alone may fail.
type ledgered struct {
	session.Store
	fails atomic.Bool
	state atomic.Pointer[ratelimit.LedgerState]
}

func (l *ledgered) LoadLedger(context.Context) (ratelimit.LedgerState, error) {
	if state := l.state.Load(); state != nil {
		return *state, nil
	}
	return ratelimit.LedgerState{}, nil
}

func (l *ledgered) SaveLedger(_ context.Context, state ratelimit.LedgerState) error {
	if l.fails.Load() {
		return errFull
	}
	l.state.Store(&state)
	return nil
}

func init() {
	full, ledger, shared := &disk{}, &ledgered{}, &disk{}
	store := func(s session.Store) []shardmanager.Option {
		return []shardmanager.Option{shardmanager.WithSessionStore(s)}
	}
	faults["SignalboxStoreFailing"] = fault{
		manager: store(full), before: func(*bot) { full.Store = session.NewMemoryStore() },
		happens: func(b *bot) {
			full.full.Store(true)
			b.pass(10 * time.Minute)
			full.full.Store(false)
			b.pass(10 * time.Second)
		},
	}
	faults["SignalboxLedgerFailing"] = fault{
		manager: store(ledger), before: func(*bot) { ledger.Store = session.NewMemoryStore() },
		happens: func(b *bot) {
			ledger.fails.Store(true)
			b.lose()
			b.pass(10 * time.Minute)
		},
	}
	faults["SignalboxShardsFenced"] = fault{
		manager: store(shared), before: func(*bot) { shared.Store = session.NewMemoryStore() },
		happens: func(b *bot) {
			other := b.manager(append(store(shared), shardmanager.WithFreshSessions())...)
			if err := other.Start(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.pass(10 * time.Minute)
		},
	}
}
