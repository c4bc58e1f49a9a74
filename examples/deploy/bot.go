package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/filestore"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/health"
)

const (
	drain = 15 * time.Second      // for handlers, when the bot ends
	grace = drain + 5*time.Second // for all of Close: what runs the bot must give it longer
)

// bot is one bot's life.
type bot struct {
	token   string
	file    string // where sessions are kept
	socket  string // where the process that follows finds this one; "": none follows
	log     *zap.Logger
	message func(context.Context, *events.MessageCreate, events.Meta)
	notify  func(state string) error // tells whoever runs the bot how it stands

	health atomic.Pointer[health.Probe] // nil: there is no Manager yet
}

// run returns when ctx has ended and the bot was closed in order, when another process has taken over all shards, or with what it cannot go on after.
func (b *bot) run(ctx context.Context, opts ...shardmanager.Option) (err error) {
	store, err := filestore.Open(b.file, filestore.WithLogger(b.log))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }() // after the Manager
	if b.socket != "" {
		opts = append(opts, shardmanager.WithHandover(b.socket))
	}
	m, err := shardmanager.New(b.token, append([]shardmanager.Option{
		shardmanager.WithIntents(events.IntentGuildMessages),
		shardmanager.WithSessionStore(store),
		shardmanager.WithDrain(drain),
		shardmanager.WithLogger(b.log),
	}, opts...)...)
	if err != nil {
		return err
	}
	probe, err := health.New(m)
	if err != nil {
		return err
	}
	b.health.Store(probe)
	shardmanager.On(m, b.message)
	if err := m.Start(ctx); err != nil { // the Manager is closed
		if ctx.Err() != nil {
			return nil // we were asked to end before it had started
		}
		return err
	}
	err = b.live(ctx, m)
	b.tell(isEnding)
	closing, cancel := context.WithTimeout(context.Background(), grace) // ctx has ended, and would leave no time
	defer cancel()
	if ends := m.Err(); !errors.Is(ends, shardmanager.ErrHandedOver) {
		err = errors.Join(err, ends)
	}
	return errors.Join(err, m.Close(closing))
}

// live returns nil when ctx or the Manager has ended, and an error when a shard has ended for good.
func (b *bot) live(ctx context.Context, m *shardmanager.Manager) error {
	changes := m.Watch(ctx) // from here on
	for {
		err := m.WaitReady(ctx)
		var budget *ratelimit.BudgetError
		if !errors.As(err, &budget) {
			if ctx.Err() != nil || m.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			break
		}
		// The day's Identifies are used up. The shards wait for more; another start would only need as many again.
		b.log.Error("waiting for the budget of Identifies", zap.Error(err))
		select {
		case <-time.After(max(time.Until(budget.Until), time.Minute)):
		case <-ctx.Done():
			return nil
		}
	}
	b.tell(isReady)
	for change := range changes {
		if change.To == session.Closed && m.Err() == nil && ctx.Err() == nil && !released(m, change.Shard) {
			return fmt.Errorf("shard %v has ended: %w", change.Shard, change.Cause)
		}
	}
	return nil
}

// released reports whether a shard is another process's now.
func released(m *shardmanager.Manager, shard events.ShardID) bool {
	for _, status := range m.Status().Shards {
		if status.Shard == shard {
			return status.Mode == actors.Release
		}
	}
	return false
}

func (b *bot) tell(state string) {
	b.log.Info(logState, zap.String("state", state))
	if err := b.notify(state); err != nil {
		b.log.Error("systemd was not told", zap.String("state", state), zap.Error(err))
	}
}

// ServeHTTP answers the probes: /livez whether the process is of any use, and any other path whether the bot is ready. Package health says when it is which.
func (b *bot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	probe, live := b.health.Load(), r.URL.Path == "/livez"
	switch {
	case probe == nil && live: // it opens its file
		w.WriteHeader(http.StatusNoContent)
	case probe == nil:
		http.Error(w, "not ready", http.StatusServiceUnavailable)
	case live:
		probe.LivenessHandler().ServeHTTP(w, r)
	default:
		probe.ReadinessHandler().ServeHTTP(w, r)
	}
}
