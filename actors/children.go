package actors

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/session"
)

// child is the actor of one shard.
type child struct {
	account *account
	record  *record
	shown   int         // how many send events wait, as the record has it
	spent   bool        // it may have fewer permits than the record has
	pid     *actor.PID  // nil: it has ended
	crashes []time.Time // recent ones, also of others before it; one that somebody has stopped counts as well
	cause   error       // of the restart that is asked for next, if it is not somebody's wish
	crash   error       // not nil: its actor has crashed, and is to end
}

// reconcile carries out what is to be done about some shards.
func (s *incarnation) reconcile(keys []Key) {
	if s.ending {
		return
	}
	for _, key := range keys {
		s.showClosed(key)
		s.admitsAtRest(key)
	}
	actions := reconcile(s.books.plan, s.books.lives, keys)
	s.busiestFirst(actions)
	for _, a := range actions {
		s.carryOut(a)
	}
}

// busiestFirst has shards that begin at one moment dial in the order in which most may be missed: those with a session to resume, the busiest first, and then
// those that have to Identify, as they come. How much the gateway sends again is not known, nor whether it is less for a busy one.
func (s *incarnation) busiestFirst(actions []action) {
	ranks := make(map[Key]float64)
	for _, a := range actions {
		if a.do != spawn {
			ranks[a.key] = math.Inf(1) // what those are told that live goes first
		} else if snapshot, _, resumes := s.board.record(a.key).session(); resumes {
			ranks[a.key] = 1 + snapshot.EventRate
		}
	}
	if len(ranks) > 0 {
		slices.SortStableFunc(actions, func(a, b action) int { return cmp.Compare(ranks[b.key], ranks[a.key]) })
	}
}

// carryOut does one thing: first it is noted, so that a crash in the midst of it is none of what is seen.
func (s *incarnation) carryOut(a action) {
	of := s.books.lives.of[a.key]
	again := of != nil && of.final // somebody has asked for it since
	s.books.lives.told(a)
	switch a.do {
	case spawn:
		s.spawn(a, again)
	case restart:
		s.books.children[a.key].account.closed = nil // it takes a drain back, too
		s.tell(a.key, restartShard{a.restarts, s.cause(a.key)})
	case reidentify:
		s.books.children[a.key].account.closed = nil
		s.tell(a.key, reidentifyShard{a.restarts, a.sessions, s.cause(a.key)})
	case drain:
		s.books.children[a.key].account.refuse(s.whyStopped(a.key))
		s.tell(a.key, drainShard{true})
	case admit:
		s.books.children[a.key].account.closed = nil
		s.tell(a.key, drainShard{false})
	case assign:
		s.tell(a.key, assignRole{a.role, s.books.lives.of[a.key].turns})
	case stop:
		s.close(a.key, s.whyStopped(a.key))
		s.tell(a.key, stopShard{a.code}) //seam:stop-told
	case forget:
		s.forget(a.key)
	}
}

// cause is why a shard gives up its connection, or its session.
func (s *incarnation) cause(key Key) error {
	c := s.books.children[key]
	if c == nil || c.cause == nil {
		return ErrRestart
	}
	cause := c.cause
	c.cause = nil
	return cause
}

// whyStopped is what send events of a shard end in that is stopped.
func (s *incarnation) whyStopped(key Key) error {
	switch want, _ := s.books.plan.want(key); want.Mode {
	case Pause:
		return ErrPaused
	case Drain:
		return ErrDraining
	case Release:
		return ErrMoving
	}
	return ErrClosed
}

// spawn starts the actor of a shard. again: it had ended for good, and begins without a past.
func (s *incarnation) spawn(a action, again bool) {
	key, of := a.key, s.books.lives.of[a.key]
	c := s.books.children[key]
	if c == nil {
		c = &child{account: s.books.admission.newAccount(key), record: s.board.record(key)}
		s.books.children[key] = c
	}
	if c.cause = nil; again {
		c.crashes = nil //seam:mended-shard-without-past
	}
	s.board.update(key, func(status *standing) {
		status.quarantined = false
		status.begins(time.Now())
	})
	c.account.closed = nil
	life := &shardLife{from: from{key, of.number}, record: c.record, role: of.role, supervisor: s.self, turn: s.dialer.turn(time.Now())}
	if a.sessions > of.begun {
		life.reidentify = a.sessions
	}
	pid, err := s.begin(key, life)
	if err != nil {
		s.log.Error("shard not started", zap.Stringer("shard", key), zap.Error(err))
		s.books.lives.gone(key)
		s.rest(c, fmt.Errorf("actors: shard %v: %w", key, err))
		return
	}
	c.pid = pid
	c.record.pid.Store(pid)
}

// shardProps are those of a shard's actor.
func (s *Supervisor) shardProps(more ...actor.PropsOption) *actor.Props {
	return actor.PropsFromProducer(func() actor.Actor { return &shard{Supervisor: s} }, append([]actor.PropsOption{filtered(&s.board.ignored, nil)}, more...)...)
}

// begin spawns an actor, and tells it what it begins with. It fails if the name is taken by somebody whom we do not know, or if the user's props
// do not return, or the middleware of what is sent: an actor that has not begun would be of no use.
func (s *incarnation) begin(key Key, life *shardLife) (pid *actor.PID, err error) {
	err = foreign.Call("SupervisorConfig.ShardProps", func() (err error) { // what props do as the actor is spawned is the user's as well
		props := s.shards
		if s.cfg.ShardProps != nil {
			props = s.shardProps(s.cfg.ShardProps(key)...)
		}
		if pid, err = s.parent.SpawnNamed(props, fmt.Sprintf(shardName, key.Generation, key.Shard.Total, key.Shard.Index)); err != nil {
			pid = nil // who has the name is not ours
			return err
		}
		s.system.Root.Send(pid, life)
		return nil
	})
	if err != nil && pid != nil {
		s.system.Root.Stop(pid)
	}
	return pid, err
}

// tell sends something to a shard's actor, if it lives.
func (s *incarnation) tell(key Key, message any) {
	if of, c := s.books.lives.of[key], s.books.children[key]; of != nil && of.phase != ended && c != nil && c.pid != nil {
		s.system.Root.Send(c.pid, message)
	}
}

// heard takes what a shard's actor says of itself.
func (s *incarnation) heard(m shardSays) {
	if !s.books.lives.current(m.key, m.number) {
		return
	}
	ceased := false
	switch m.what {
	case shardBegan:
		s.books.lives.began(m.key)
	case shardRestarted:
		s.books.lives.restarted(m.key, m.count)
	case shardReidentified:
		s.books.lives.reidentified(m.key, m.count)
	case shardTook:
		ceased = s.books.lives.took(m.key, m.count)
	}
	s.settled(m.key, ceased)
}

// settled looks at a shard of which something was seen, and, if it has ceased to serve, at those who may have waited for that.
func (s *incarnation) settled(key Key, ceased bool) {
	s.reconcile([]Key{key})
	if ceased {
		s.reconcile(slices.SortedFunc(s.books.plan.servers.overlapping(key.Shard), Key.Compare))
	}
}

// terminated takes note that a shard's actor has ended.
func (s *incarnation) terminated(who *actor.PID) {
	if c := s.childOf(who); c != nil {
		s.gone(c.record.key)
	}
}

// gone takes note that the actor of a shard has ended.
func (s *incarnation) gone(key Key) {
	c, now := s.books.children[key], time.Now()
	if status, _ := s.board.Shard(key); status.State == session.Closed {
		s.down(s.closing(key, status)) // its own word of that may come after this one
	}
	c.account.shut()
	c.pid = nil
	unasked, ceased := s.books.lives.gone(key)
	s.endIdentify(key, 0)
	s.landed() // all that it has told
	c.account.grounded(now, ErrCrashed)
	c.waits()
	delete(s.books.reopen, key)
	why := c.crash
	if c.crash = nil; unasked {
		why = ErrStoppedByOthers //seam:stopped-by-others-runs-again
	}
	if why != nil {
		s.rest(c, why)
	}
	s.settled(key, ceased)
	s.releaseGoesOn(key, now)
}

// closing is what the actor of a shard says when its session has ended.
func (s *incarnation) closing(key Key, status ShardStatus) shardDown {
	return shardDown{
		from: from{key, s.books.lives.of[key].number}, conn: status.Conn, refused: refusedIntents(status.Cause, status.Intents),
		final: closedBy(status.Cause), fatal: isFatal(status.Cause),
	}
}

// close takes no more send events for a shard.
func (s *incarnation) close(key Key, err error) {
	c := s.books.children[key]
	c.account.shut()
	c.account.refuse(err)
	delete(s.books.reopen, key)
	c.waits()
}

// forget keeps nothing of a shard any more.
func (s *incarnation) forget(key Key) {
	if c := s.books.children[key]; c != nil {
		c.account.refuse(ErrUnknownShard)
	}
	delete(s.books.children, key)
	delete(s.books.resting, key)
	delete(s.books.reopen, key)
	s.board.remove(key)
	s.cfg.Bus.Forget(key)
}

// lookAround finds out what may have been lost with a crash: what was written, or an actor that has ended, or has become Ready or not.
func (s *incarnation) lookAround() {
	s.hear()
	for _, key := range sortedKeys(s.books.children) {
		c := s.books.children[key]
		if c == nil || c.pid == nil {
			continue
		}
		if _, lives := s.system.ProcessRegistry.Get(c.pid); !lives {
			s.gone(key)
		}
	}
	s.reconcile(s.allKeys())
}

// closedBy is what send events of a closed shard end in.
func closedBy(cause error) error {
	if cause == nil || errors.Is(cause, ErrClosed) {
		return ErrClosed
	}
	return fmt.Errorf("%w: %w", ErrClosed, cause)
}
