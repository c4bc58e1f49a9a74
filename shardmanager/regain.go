package shardmanager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/internal/handover"
	"github.com/signalbox-go/signalbox/session"
)

// regain has a shard run here of which somebody else had, or was to have, what given tells: from there, or from where that one has come to since by
// what is stored. It tries until ctx ends.
func (s *succession) regain(ctx context.Context, given func(context.Context) (session.Snapshot, error)) error {
	for failures := 1; ; failures++ {
		snapshot, err := given(ctx)
		if err == nil && s.m.cfg.store != nil {
			snapshot, err = s.later(ctx, snapshot)
		}
		if err == nil {
			err = s.m.Adopt(ctx, snapshot)
		}
		switch {
		case err == nil, errors.Is(err, actors.ErrRunsHere):
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case seldom(failures):
			s.m.log.Error("hand-over: a shard cannot be taken over: tried again each second", zap.Stringer("shard", snapshot.Shard), zap.Int("failures", failures), zap.Error(err))
		}
		select {
		case <-time.After(saveEvery):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// later is what the store has of a shard, if somebody has saved that under as high a fence as the snapshot's or the snapshot has no session.
func (s *succession) later(ctx context.Context, snapshot session.Snapshot) (session.Snapshot, error) {
	stored, err := s.m.load(ctx, snapshot.Shard)
	switch {
	case errors.Is(err, session.ErrNoSnapshot):
		return snapshot, nil
	case err != nil:
		return snapshot, fmt.Errorf("shardmanager: session store: %w", err)
	case snapshot.SessionID != "" && stored.Fence < snapshot.Fence:
		return snapshot, nil
	}
	fence := max(stored.Fence+1, snapshot.Fence, uint64(time.Now().UnixMicro())) // above what that one saves under, which is no higher than when it began
	if stored.SessionID == "" || !s.m.resumable(snapshot.Shard, stored) {
		stored = session.Snapshot{Shard: snapshot.Shard}
	}
	stored.Fence = fence
	return stored, nil
}

// takeBack is what a shard was released with of which another process says nothing more. One that was not released, since a reshard has begun, runs here.
func (s *succession) takeBack(ctx context.Context, shard int) (session.Snapshot, error) {
	snapshot, err := s.m.Release(ctx, shard)
	if errors.Is(err, ErrResharding) && !s.m.gaveUp(shard) || errors.Is(err, actors.ErrUnknownShard) {
		err = actors.ErrRunsHere
	}
	if s.m.cfg.store == nil {
		snapshot.Exact = false // nobody says how far it has run elsewhere
	}
	return snapshot, err
}

// gaveUp reports whether a shard was released, or is about to be.
func (m *Manager) gaveUp(shard int) bool {
	_, key, err := m.clientOf(shard)
	status, _ := m.board.Shard(key)
	return err == nil && status.Mode == actors.Release
}

// giver is the Manager whose shards are handed over.
type giver struct{ m *Manager }

func (g giver) Offer() handover.Offer {
	status := g.m.Status()
	offer := handover.Offer{Total: status.Total, Bot: session.BotOf(g.m.cfg.identify.Token), Resharding: g.m.isResharding()}
	for _, shard := range status.Shards {
		if shard.Role == actors.Serving && shard.Mode != actors.Release { // or it was given to somebody else
			offer.Shards = append(offer.Shards, shard.Shard.Index)
		}
	}
	slices.Sort(offer.Shards)
	return offer
}

func (g giver) Release(ctx context.Context, shard int) (session.Snapshot, error) {
	snapshot, err := g.m.Release(ctx, shard)
	if err != nil && g.m.life.Err() != nil {
		err = handover.ErrGone
	}
	return snapshot, err
}
