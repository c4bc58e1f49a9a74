package shardmanager

import (
	"context"
	"errors"
	"fmt"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// WaitReady waits until every shard is Ready. It returns early, with the reason, when that
// will not come about by itself: a shard or the Manager has ended, or the daily budget of
// Identifies refuses to go on (a *ratelimit.BudgetError). When ctx ends first, the error wraps its cause, and says what the shards
// wait for.
func (m *Manager) WaitReady(ctx context.Context) error {
	if ctx == nil {
		return errNilContext
	}
	m.mu.Lock()
	phase := m.phase
	m.mu.Unlock()
	if phase == phaseNew {
		return ErrNotStarted
	}
	waiting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(m.life, func() { cancel(context.Cause(m.life)) })()
	err := m.board.Wait(waiting, func(t actors.Tally) bool {
		return t.Wanted > 0 && (t.Ready == t.Wanted || t.Ended > 0 || t.Refused > 0)
	})
	switch {
	case m.life.Err() != nil:
		return context.Cause(m.life)
	case err != nil:
		tally := m.board.Tally()
		return fmt.Errorf("shardmanager: waiting for shards, %d of %d ready: %w: %s", tally.Ready, tally.Wanted, err, m.notReady())
	}
	err = whyNotReady(m.board.Status())
	if refusal(err) { // it is the end of all, which says more
		<-waiting.Done()
		if m.life.Err() == nil {
			return fmt.Errorf("%w: %w", context.Cause(waiting), err)
		}
		return context.Cause(m.life)
	}
	return err
}

func whyNotReady(status Status) error {
	for _, shard := range status.Shards {
		var budget *ratelimit.BudgetError
		switch {
		case shard.Mode != actors.Run:
		case shard.Ended():
			return &closedError{whyEnded(shard.Key(), shard.Cause)}
		case shard.State == session.Backoff && errors.As(shard.Cause, &budget):
			return fmt.Errorf("shardmanager: shard %v: %w", shard.Shard, shard.Cause)
		}
	}
	return nil
}

// Status is how all shards stood at some moment.
type Status = actors.Status

// ShardStatus is how one shard stood.
type ShardStatus = actors.ShardStatus

// Status is how all shards stand: a copy, made without asking them. Before Start it is empty.
func (m *Manager) Status() Status {
	return m.board.Status()
}
