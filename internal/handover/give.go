package handover

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/session"
)

// Giver is a process whose shards another takes over.
type Giver interface {
	Offer() Offer
	// Release gives a shard up. It is called for several at a time. An error that is ErrGone says that this process is about to end: the other one
	// finds out when it has.
	Release(ctx context.Context, shard int) (session.Snapshot, error)
}

// Give has the process at the other end take over what from offers, until all runs there. Then the error is nil. If not, all is again
// the giver's again, those which the other process has asked for as well: it does not go on, whether it is alive or not. Give closes the connection
// when ctx ends, and when it returns.
func Give(ctx context.Context, conn net.Conn, from Giver) (asked []int, err error) {
	w := newWire(conn)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer w.leave(ctx)()
	g := giving{w: w, from: from, offer: from.Offer(), asked: make(map[int]bool), late: make(map[int]*time.Timer)}
	defer func() {
		cancel(err)
		_ = conn.Close()
		g.busy.Wait()
		asked = g.all()
	}()
	if err := w.say(message{Kind: offers, Version: version, Offer: &g.offer}); err != nil {
		return nil, err
	}
	for {
		m, err := w.hear(waitTime)
		if err == nil {
			err = g.heard(ctx, cancel, m)
		}
		if cause := context.Cause(ctx); err != nil && cause != nil {
			return nil, cause
		}
		if err != nil {
			return nil, err
		}
		if m.Kind == all {
			return nil, w.say(message{Kind: all})
		}
	}
}

// giving is one hand-over as the giver sees it.
type giving struct {
	w     *wire
	from  Giver
	offer Offer
	busy  sync.WaitGroup // releases

	mu    sync.Mutex
	asked map[int]bool        // for which shards; true: and it runs there
	late  map[int]*time.Timer // of those that were given out, and do not run there yet
}

func (g *giving) heard(ctx context.Context, cancel context.CancelCauseFunc, m message) error {
	switch m.Kind {
	case take:
		g.mu.Lock()
		_, again := g.asked[m.Shard]
		if again || !slices.Contains(g.offer.Shards, m.Shard) {
			g.mu.Unlock()
			return fmt.Errorf("handover: the other process asks for shard %d, which was not offered, or for the second time", m.Shard)
		}
		g.asked[m.Shard] = false
		g.mu.Unlock()
		g.busy.Go(func() {
			if err := g.give(ctx, cancel, m.Shard); err != nil && !errors.Is(err, ErrGone) && ctx.Err() == nil {
				_ = g.w.say(message{Kind: refuses, Problem: fmt.Sprintf("shard %d: %v", m.Shard, err)})
				cancel(err)
			}
		})
	case runs:
		g.mu.Lock()
		defer g.mu.Unlock()
		timer := g.late[m.Shard]
		if timer == nil {
			return fmt.Errorf("handover: the other process says that shard %d runs there, which it was not given", m.Shard)
		}
		timer.Stop()
		delete(g.late, m.Shard)
		g.asked[m.Shard] = true
	case all:
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, shard := range g.offer.Shards {
			if !g.asked[shard] {
				return fmt.Errorf("handover: the other process says that all runs there, and has not told of shard %d", shard)
			}
		}
	default:
		return fmt.Errorf("handover: the other process says %q, which this one does not know", m.Kind)
	}
	return nil
}

func (g *giving) give(ctx context.Context, cancel context.CancelCauseFunc, shard int) error {
	bounded, end := context.WithTimeout(ctx, giveTime)
	defer end()
	snapshot, err := g.from.Release(bounded, shard)
	if err != nil {
		return err
	}
	if ctx.Err() != nil { // it is not given out any more
		return context.Cause(ctx)
	}
	g.mu.Lock()
	g.late[shard] = time.AfterFunc(adoptTime, func() {
		cancel(fmt.Errorf("%w: it was given shard %d %v ago, and has not said that it runs", ErrGone, shard, adoptTime))
	})
	g.mu.Unlock() // the other process may say something meanwhile
	return g.w.say(message{Kind: given, Shard: shard, Snapshot: &snapshot})
}

// all are the shards that were asked for, by index.
func (g *giving) all() []int {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, timer := range g.late {
		timer.Stop()
	}
	return slices.Sorted(maps.Keys(g.asked))
}
