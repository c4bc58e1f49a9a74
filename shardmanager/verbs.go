package shardmanager

import (
	"context"
	"errors"
	"fmt"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
)

// The verbs of an operator. Each changes what is wanted of shards, and returns when that is noted; what comes of it Status and Watch tell. Asked for
// again they change nothing, but for restarts and new sessions, of which one more means one more. Errors are ErrNotStarted, ErrClosed,
// actors.ErrUnknownShard, errNoShards, a *actors.PlanError, or that of ctx; then nothing has changed.

var errNoShards = errors.New("shardmanager: no shard is named: say which")

// Restart gives up the shard's connection and resumes its session on a new one. It waits until the supervisor has taken that on, and not
// for the session. A shard that was quarantined starts again. After an error nothing is restarted: it is ErrNotStarted, ErrClosed,
// actors.ErrUnknownShard, actors.ErrCrashed if the supervisor has crashed on it three times, or that of ctx.
func (m *Manager) Restart(ctx context.Context, shard int) error {
	key, err := m.key(ctx, shard)
	if err != nil {
		return err
	}
	_, err = m.ask(ctx, actors.RestartShard{Key: key}, supervisorTimeout)
	return err
}

// Reidentify gives up the sessions of shards, and has new ones begin, for one Identify each of the day's budget, in the queue. What they have not
// delivered is lost. Of several shards some may have been asked, if there is an error.
func (m *Manager) Reidentify(ctx context.Context, shards ...int) error {
	keys, err := m.keys(ctx, shards)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if _, err := m.ask(ctx, actors.ReidentifyShard{Key: key}, supervisorTimeout); err != nil {
			return err
		}
	}
	return nil
}

// Pause has shards be without a connection until they are to run again: Unpause. Their sessions are kept here; Discord keeps them for a few
// minutes, after which each costs an Identify. Send events end in actors.ErrPaused. All of them, or none.
func (m *Manager) Pause(ctx context.Context, shards ...int) error {
	return m.setMode(ctx, actors.Pause, shards)
}

// Unpause has shards run again that were paused, drained or stopped. A shard that was released (Release) is adopted instead: it is a *actors.PlanError.
func (m *Manager) Unpause(ctx context.Context, shards ...int) error {
	return m.setMode(ctx, actors.Run, shards)
}

// Drain has shards take no more send events (actors.ErrDraining), and stop when those that were written have their answers, a minute later at the
// most while their handlers keep up. Their sessions are kept, as with Pause. All of them, or none.
func (m *Manager) Drain(ctx context.Context, shards ...int) error {
	return m.setMode(ctx, actors.Drain, shards)
}

func (m *Manager) setMode(ctx context.Context, mode actors.Mode, shards []int) error {
	keys, err := m.keys(ctx, shards)
	if err != nil {
		return err
	}
	_, err = m.ask(ctx, actors.SetMode{Keys: keys, Mode: mode}, supervisorTimeout)
	return err
}

// keys are the keys of shards that serve here.
func (m *Manager) keys(ctx context.Context, shards []int) ([]actors.Key, error) {
	if ctx == nil {
		return nil, errNilContext
	}
	if _, err := m.client(); err != nil {
		return nil, err
	}
	if len(shards) == 0 {
		return nil, errNoShards
	}
	keys := make([]actors.Key, len(shards))
	for i, shard := range shards {
		var err error
		if keys[i], err = m.key(ctx, shard); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// PresenceSet is what has come of a presence on one shard.
type PresenceSet struct {
	Shard   events.ShardID
	Receipt events.Receipt // of the write: nothing acknowledges a presence
	Err     error          // an *actors.SendError; nil: it was written
}

// SetPresence sets the bot's presence on all shards that run here, and tells what has come of it on each, in their order: they fail one by one, such as
// with actors.ErrSuperseded, where a newer one took its place. New sessions begin with the latest that was written. Each waits for its shard's
// turn until ctx ends. The error is that nothing was tried: ErrNotStarted, ErrClosed, or what is wrong with the presence.
func (m *Manager) SetPresence(ctx context.Context, presence events.UpdatePresence) ([]PresenceSet, error) {
	if ctx == nil {
		return nil, errNilContext
	}
	if _, err := m.client(); err != nil {
		return nil, err
	}
	if _, err := presence.Request(); err != nil {
		return nil, fmt.Errorf("shardmanager: %w", err)
	}
	parts := m.toAll(presence)
	answers, failures := m.Priority(Normal).sendEach(ctx, parts)
	set := make([]PresenceSet, len(parts))
	for i, p := range parts {
		set[i] = PresenceSet{p.key.Shard, answers[i].Receipt, failures[i]}
	}
	return set, nil
}

// Moves are the latest moves of the shard from one state to another, 20 at the most, the oldest first, with their causes: why it is not Ready, and what
// happened before. Retry and Beat are not kept. nil: it does not run here.
func (s *Shard) Moves() (moves []Change) {
	_, key, err := s.client()
	if err != nil {
		return nil
	}
	for _, c := range s.manager.board.Moves(key) {
		moves = append(moves, Change{Shard: key.Shard, Generation: key.Generation, Change: c})
	}
	return moves
}
