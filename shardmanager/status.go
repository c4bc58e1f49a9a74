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
	if phase == PhaseNotStarted {
		return ErrNotStarted
	}
	waiting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(m.life, func() { cancel(context.Cause(m.life)) })()
	if m.cfg.place != nil { // also while it is not known yet whether there is a process before
		select {
		case <-m.taken:
		case <-waiting.Done():
		}
	}
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
		case shard.Mode != actors.Run || shard.Role != actors.Serving:
		case shard.Ended():
			return &closedError{whyEnded(shard.Key(), shard.Cause)}
		case shard.State == session.Backoff && errors.As(shard.Cause, &budget):
			return fmt.Errorf("shardmanager: shard %v: %w", shard.Shard, shard.Cause)
		}
	}
	return nil
}

// Status is how all shards stood at some moment. It is an [actors.Status].
//
//	type Status struct {
//		Total  int           // how many shards the bot has; those that run here may be fewer. 0: before Start
//		Shards []ShardStatus // those that run here, by index
//		// LeftOut are the intents of WithOptionalIntents that sessions begin without.
//		LeftOut events.Intents
//	}
//
//	func (s Status) Ready() int // how many of them are Ready
type Status = actors.Status

// ShardStatus is how one shard stood. It is an [actors.ShardStatus], whose comments say more.
//
//	type ShardStatus struct {
//		Shard      events.ShardID
//		Generation uint64
//		Mode       actors.Mode // what is wanted of it; 0: to run
//		Role       actors.Role // 0: it serves
//		Fence      uint64      // under which it runs, and its session is saved
//
//		State      session.State
//		Since      time.Time // in this state
//		Away       time.Time // since when it is not Ready; zero: it is
//		Cause      error     // what went wrong, until the shard is Ready again; in Closed: why
//		CauseSince time.Time // when that began
//		Retry      time.Time // in Backoff: when it connects again
//		Place      int       // in Queued: 1 is the next to identify; 0: not known
//		Expected   time.Time // in Queued: when it may identify; zero: not known
//
//		Intents    events.Intents // that the session began with
//		Conn       uint64         // connections so far
//		Session    uint64 // see events.Meta
//		Seq        int64  // of the latest event
//		LastEvent  time.Time
//		LastFrame  time.Time // when anything was last read, an ACK of a heartbeat too
//		Guilds     int           // that it has, outages included
//		Dialled    time.Time     // when the dial of its latest connection began
//		Latency    time.Duration // of the latest heartbeat
//		LatencyAt  time.Time     // when it was measured
//		Odd        int           // what the gateway should not have sent
//		Permits    int           // send events that its connection takes at once
//		Waiting    int           // send events that wait for a permit
//		Sharing    int           // send events that share the answer of another
//		Frames     int           // read, and not yet dealt with
//
//		Identifies  int // sessions begun
//		Resumes     int // sessions continued
//		Crashes     int // of the shard's actor
//		Quarantined bool
//	}
//
//	func (s *ShardStatus) Ended() bool     // for good: only Restart starts it again
//	func (s *ShardStatus) Key() actors.Key
type ShardStatus = actors.ShardStatus

// Status is how all shards stand: a copy, made without asking them. Before Start it is empty.
func (m *Manager) Status() Status {
	return m.board.Status()
}
