package actors

import (
	"errors"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// changed makes a move of a shard's session known. crashed: its actor has ended as it should not.
func (s *Supervisor) changed(system *actor.ActorSystem, key Key, c session.Change, crashed bool) {
	s.board.update(key, func(status *standing) {
		status.state, status.since, status.conn, status.session, status.retry, status.beat = c.To, c.At, c.Conn, c.Session, c.Retry, c.Beat
		status.went(c)
		status.refused = overBudget(c.Cause)
		switch {
		case crashed:
			status.crashes++
			status.quarantined = c.To == session.Closed
		case c.To == session.Identifying:
			status.identifies++
		case c.To == session.Ready && c.From == session.Resuming && !c.Lost:
			status.resumes++
		}
	})
	if r := s.board.record(key); r != nil {
		r.note(c)
	}
	change := StateChanged{Key: key, Change: c}
	s.board.log.add(change)
	if s.cfg.Changed != nil {
		s.tellOwner(change)
	}
	tell(s.observers.state, ObserverState.OnState, change)
	s.feeds.tell(system, change) //seam:subscribers-told
}

// tellOwner calls SupervisorConfig.Changed, on a goroutine of its own, for this runs on actors' goroutines: a shard's crash for it would be one
// more change to tell of.
func (s *Supervisor) tellOwner(change StateChanged) {
	t := tellings.Get().(*telling)
	t.changed, t.change = s.cfg.Changed, change
	err := foreign.Call("SupervisorConfig.Changed", t.tell)
	t.changed, t.change = nil, StateChanged{}
	tellings.Put(t)
	if err != nil {
		s.log.Error("a change of state was not told", zap.Stringer("shard", change.Key), zap.Error(err))
	}
}

// telling is a change of which the owner is told: thousands of shards have several at a start.
type telling struct {
	changed func(Key, session.Change)
	change  StateChanged
	tell    func() error
}

var tellings = sync.Pool{New: func() any {
	t := new(telling)
	t.tell = func() error { t.changed(t.change.Key, t.change.Change); return nil }
	return t
}}

// overBudget reports whether the day's budget of Identifies refuses to go on.
func overBudget(cause error) bool {
	var budget *ratelimit.BudgetError
	return cause != nil && errors.As(cause, &budget)
}
