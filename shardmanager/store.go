package shardmanager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// ErrStoreHangs is told of a session store, or a ledger, that does not return, though its context has ended. It is asked for nothing else
// until it does.
var ErrStoreHangs = errors.New("shardmanager: the session store does not return, though its context has ended")

const (
	hangGrace     = 100 * time.Millisecond // for what is the user's to return, after the end of its context
	storeGrace    = hangGrace
	storePatience = 10 * time.Second // until it is said what the start waits for
)

// askStore asks the store for something, and gives up on it soon after the end of ctx: then its answer is nobody's.
func askStore[R any](ctx context.Context, what string, ask func() (R, error)) (R, error) {
	answer, err := heeding(ctx, "the session store's "+what, ask)
	if hangs := new(hangError); errors.As(err, &hangs) {
		err = fmt.Errorf("%w: %s: %w", ErrStoreHangs, what, hangs.err)
	}
	return answer, err
}

// heeding calls what is the user's and should heed ctx. If it does not, it is left behind soon after the end of ctx, with a *hangError.
func heeding[R any](ctx context.Context, what string, call func() (R, error)) (R, error) {
	type answer struct {
		value R
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		var a answer
		a.err = foreign.Call(what, func() (err error) { a.value, err = call(); return err })
		done <- a
	}()
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
	}
	select {
	case a := <-done:
		return a.value, a.err
	case <-time.After(hangGrace):
		var none R
		return none, &hangError{what, context.Cause(ctx)}
	}
}

// hangError is what is said of what was left behind.
type hangError struct {
	what string
	err  error // the cause of the context's end
}

func (e *hangError) Error() string {
	return fmt.Sprintf("%s does not return, though its context has ended: %v", e.what, e.err)
}

func (e *hangError) Unwrap() error { return e.err }

// callStore is askStore for what has no answer but its error.
func callStore(ctx context.Context, what string, call func() error) error {
	_, err := askStore(ctx, what, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

// saveAll saves a batch. It returns what was kept, and the shards that another process has taken over; err is why the rest was not.
func saveAll(batch []session.Snapshot, save func(...session.Snapshot) error) (kept []session.Snapshot, fenced []events.ShardID, err error) {
	for len(batch) > 0 {
		if err = save(batch...); err == nil {
			return append(kept, batch...), fenced, nil
		}
		if !errors.Is(err, session.ErrFenced) {
			return kept, fenced, err
		}
		var refused *session.FencedError
		var rest []session.Snapshot
		for _, snapshot := range batch {
			if errors.As(err, &refused) && slices.Contains(refused.Shards, snapshot.Shard) {
				fenced = append(fenced, snapshot.Shard)
			} else {
				rest = append(rest, snapshot)
			}
		}
		switch {
		case len(rest) < len(batch):
		case len(batch) == 1:
			return kept, append(fenced, batch[0].Shard), nil
		default: // it does not say which
			for i := range batch {
				more, lost, err := saveAll(batch[i:i+1], save)
				kept, fenced = append(kept, more...), append(fenced, lost...)
				if err != nil {
					return kept, fenced, err
				}
			}
			return kept, fenced, nil
		}
		batch = rest
	}
	return kept, fenced, nil
}

// ledger is the store's, and knows how it does.
type ledger struct {
	ratelimit.Ledger

	mu    sync.Mutex
	began time.Time // of the call under way; zero: there is none
	err   error     // of the latest that has returned
}

// LoadLedger implements ratelimit.Ledger.
func (l *ledger) LoadLedger(ctx context.Context) (state ratelimit.LedgerState, err error) {
	err = l.call("LoadLedger", func() error { state, err = l.Ledger.LoadLedger(ctx); return err })
	return state, err
}

// SaveLedger implements ratelimit.Ledger.
func (l *ledger) SaveLedger(ctx context.Context, state ratelimit.LedgerState) error {
	return l.call("SaveLedger", func() error { return l.Ledger.SaveLedger(ctx, state) })
}

func (l *ledger) call(what string, call func() error) error {
	l.mu.Lock()
	l.began = time.Now()
	l.mu.Unlock()
	err := foreign.Call("the session store's "+what, call)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.began, l.err = time.Time{}, err
	return err
}

// state is why no Identify can be written down; nil: it can, as far as is known.
func (l *ledger) state() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.began.IsZero() && time.Since(l.began) > ratelimit.WorkTimeout+storeGrace {
		return ErrStoreHangs
	}
	return l.err
}
