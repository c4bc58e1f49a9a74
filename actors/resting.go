package actors

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/session"
)

const (
	crashWindow   = 5 * time.Minute // crashes further apart are not counted together
	crashLimit    = 5               // in a crashWindow, then the shard is quarantined
	restartBase   = 500 * time.Millisecond
	restartSpread = 2 // the longest delay is this many times the shortest
)

// rest has a shard wait before its actor is spawned again: longer each time. One that keeps ending is given up.
func (s *incarnation) rest(c *child, cause error) {
	now := time.Now()
	c.crashes = append(c.crashes, now)
	for now.Sub(c.crashes[0]) > crashWindow {
		c.crashes = c.crashes[1:]
	}
	log := s.log.With(zap.Stringer("shard", c.record.key), zap.Int("crashes", len(c.crashes)), zap.NamedError("cause", cause))
	status, _ := s.board.Shard(c.record.key)
	if len(c.crashes) >= crashLimit { //seam:quarantine-after-five
		cause = fmt.Errorf("%w: %w", ErrQuarantined, cause)
		s.books.lives.giveUp(c.record.key)
		delete(s.books.resting, c.record.key)
		s.close(c.record.key, closedBy(cause))
		log.Error("shard quarantined: its actor keeps ending")
		s.crashed(ShardCrashed{c.record.key, len(c.crashes), cause, time.Time{}, true})
		s.changed(s.system, c.record.key, session.Change{At: now, From: status.State, To: session.Closed, Conn: status.Conn, Cause: cause}, true)
		return
	}
	delay := restartBase << (len(c.crashes) - 1)
	spread := (restartSpread - 1) * delay
	if random := random(s.cfg.Seed, c.record.key, uint64(1)<<31|uint64(len(c.crashes))); random != nil {
		delay += time.Duration(random.Int64N(int64(spread)))
	} else {
		delay += rand.N(spread)
	}
	s.books.lives.rest(c.record.key)
	s.restUntil(c.record.key, now.Add(delay)) //seam:crashed-shard-restarts
	log.Error("shard actor ended: it starts again and resumes", zap.Duration("delay", delay))
	s.crashed(ShardCrashed{c.record.key, len(c.crashes), cause, now.Add(delay), false})
	s.changed(s.system, c.record.key, session.Change{
		At: now, From: status.State, To: session.Backoff, Conn: status.Conn, Session: status.Session, Cause: cause, Retry: now.Add(delay),
	}, true)
}

// restUntil has a shard's actor spawned again at a time, if it is to run then. The time is kept in the books: a timer's message
// could be lost with the supervisor.
func (s *incarnation) restUntil(key Key, at time.Time) {
	s.books.resting[key] = at
	s.arm(at)
}

// showClosed shows as Closed a shard that is not to run and whose actor is gone: one that was stopped before it could say so, or rested.
func (s *incarnation) showClosed(key Key) {
	want, named := s.books.plan.want(key)
	if of := s.books.lives.of[key]; of == nil || of.phase != ended || named && want.Mode == Run {
		return
	}
	status, _ := s.board.Shard(key)
	if status.State != session.Closed && status.State != session.Idle { //seam:not-to-run-is-closed
		s.changed(s.system, key, session.Change{At: time.Now(), From: status.State, To: session.Closed, Conn: status.Conn, Session: status.Session, Cause: ErrClosed}, false)
	}
}

// admitsAtRest has a shard that rests take send events, or not, as the plan says: it has no actor to be told of it.
func (s *incarnation) admitsAtRest(key Key) {
	of, c := s.books.lives.of[key], s.books.children[key]
	if of == nil || of.phase != ended || !of.resting || of.final || c == nil {
		return
	}
	if want, _ := s.books.plan.want(key); want.Mode == Run {
		c.account.closed = nil
		return
	}
	c.account.refuse(s.whyStopped(key))
	c.waits()
}

func (s *incarnation) crashed(c ShardCrashed) {
	tell(s.observers.crash, ObserverCrash.OnCrash, c)
}

// restedDue lets those actors be spawned again that have rested.
func (s *incarnation) restedDue(now time.Time) {
	var rested []Key
	for key, at := range s.books.resting {
		if now.Before(at) {
			s.arm(at)
			continue
		}
		rested = append(rested, key)
	}
	slices.SortFunc(rested, Key.Compare)
	for _, key := range rested {
		delete(s.books.resting, key)
		s.books.lives.rested(key)
	}
	s.reconcile(rested)
}
