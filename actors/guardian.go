package actors

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/session"
)

// HandleFailure is the strategy for shards' actors. A crash costs the shard its connection and
// nothing else: the socket is closed in a way that keeps the session, the actor stops, and after a delay that doubles with each
// crash another is spawned, which resumes. One that keeps crashing is quarantined. No other shard is touched.
func (s *incarnation) HandleFailure(_ *actor.ActorSystem, parent actor.Supervisor, who *actor.PID, _ *actor.RestartStatistics, reason, message any) {
	parent.StopChildren(who) // whatever else happens: an actor that has crashed waits for this
	s.guard("the strategy for shards", func() { s.failed(who, reason, message) })
}

// failed notes that a shard's actor has crashed on a message. What comes of it is seen to when the actor has ended.
func (s *incarnation) failed(who *actor.PID, reason, message any) {
	c := s.childOf(who)
	if c == nil {
		return
	}
	if envelope, ok := message.(*actor.MessageEnvelope); ok {
		message = envelope.Message
	}
	if l := c.record.link.Load(); l != nil {
		l.close(events.CloseUnknownError)
	}
	c.account.shut()
	c.crash = fmt.Errorf("%w: %s", ErrCrashed, foreign.Text(reason))
	s.books.lives.closed(c.record.key, false)
	s.log.Error("shard actor crashed", zap.Stringer("shard", c.record.key), zap.String("reason", foreign.Text(reason)), zap.String("message", fmt.Sprintf("%T", message)))
}

// guardian is the strategy for a supervisor. What it loses in a crash is the message that it
// crashed on, so it goes on with the next one: its shards never notice.
type guardian struct{}

const recoveryPause = time.Second // after a crash on the recovery itself, or on the end of a shard's actor

// Guardian returns the strategy under which a supervisor survives a crash: the asker is
// answered, and the supervisor goes on with the next message. Use it with actor.WithGuardian,
// or as the strategy of the supervisor's parent.
func Guardian() actor.SupervisorStrategy { return guardian{} }

// HandleFailure implements actor.SupervisorStrategy.
func (guardian) HandleFailure(system *actor.ActorSystem, parent actor.Supervisor, who *actor.PID, _ *actor.RestartStatistics, reason, message any) {
	var asker *actor.PID
	if envelope, ok := message.(*actor.MessageEnvelope); ok {
		message, asker = envelope.Message, envelope.Sender
	}
	if r, ok := message.(*request); ok && r != nil {
		r.fail(Queued, ErrCrashed, events.Answer{})
	}
	if answer := lostAnswer(byValue(message), ErrCrashed); answer != nil && asker != nil {
		system.Root.Send(asker, answer)
	}
	system.Logger().LogAttrs(context.Background(), slog.LevelError, "supervisor crashed: it goes on", slog.String("reason", foreign.Text(reason)), slog.String("message", fmt.Sprintf("%T", message)))
	parent.ResumeChildren(who)
	if _, ended := message.(*actor.Terminated); ended { // in the handling of which the library ends a supervisor that stops: it is given another
		time.AfterFunc(recoveryPause, func() {
			if supervisor, lives := system.ProcessRegistry.Get(who); lives {
				supervisor.SendSystemMessage(who, &actor.Terminated{Who: who}) // of nobody: a shard's name may be another actor's by now
			}
		})
	}
	if _, twice := message.(recovered); twice {
		time.AfterFunc(recoveryPause, func() {
			if _, lives := system.ProcessRegistry.Get(who); lives {
				system.Root.Send(who, recovered{})
			}
		})
		return
	}
	system.Root.Send(who, recovered{again(message)}) //seam:crashed-supervisor-catches-up
}

// lostAnswer is what whoever asked the supervisor by a message is told that is lost, or nil.
func lostAnswer(message any, err error) any {
	switch m := message.(type) {
	case SendEvent:
		return &SendFailed{ID: m.ID, Err: &SendError{Op: m.Op, Stage: Queued, Err: err}}
	case StartShards:
		return &ShardsStarted{Err: err}
	case SetPlan, SetMode, StopShards, RestartShard, ReidentifyShard, ReleaseShard, AdoptShard, GetPlan, GetStatus, Subscribe:
		return &Refusal{err}
	}
	return nil
}

// late answers what still stands in the mailbox when the actor has ended, and reports whether it has.
func (s *Supervisor) late(message any) bool {
	if s.books.ended == nil {
		return false
	}
	var asker *actor.PID
	if envelope, ok := message.(*actor.MessageEnvelope); ok {
		message, asker = envelope.Message, envelope.Sender
	}
	closed := closedBy(ErrSupervisorEnded)
	if r, ok := message.(*request); ok && r != nil {
		r.fail(Queued, closed, events.Answer{})
	}
	if asker != nil {
		answer := lostAnswer(byValue(message), closed)
		if answer == nil {
			answer = &Refusal{closed}
		}
		s.books.ended.Root.Send(asker, answer)
	}
	return true
}

// again is what is tried a second time after a crash, since nobody would say it again.
func again(message any) any {
	switch message.(type) {
	case joined, askIdentify, withdrawIdentify, identified, shardUp, shardDown, shardSays, UpdateSessionStart, *UpdateSessionStart, LeaveOut, *LeaveOut:
		return message
	}
	return nil
}

// recovered follows a crash of the supervisor: what the message that it crashed on would have
// told it, it is told again, or finds out by itself. Guardian → supervisor.
type recovered struct{ lost any }

// catchUp brings the supervisor up to date with its shards.
func (s *incarnation) catchUp(ctx actor.Context, m recovered) {
	s.armed = time.Time{} // the tick may be what was lost
	if m.lost != nil {
		s.take(ctx, m.lost)
	}
	for _, r := range s.board.all() {
		of := s.books.lives.of[r.key]
		if of == nil || of.phase == ended {
			continue
		}
		var status ShardStatus
		r.copyTo(&status)
		name := from{r.key, of.number}
		c := s.books.children[r.key]
		switch {
		case status.State == session.Closed:
			s.down(s.closing(r.key, status))
		case status.State != session.Ready:
			c.account.shut()
		case c.account.conn != status.Conn || c.account.bucket == nil:
			s.up(shardUp{from: name, conn: status.Conn, session: status.Session, interval: status.beat, at: status.Since})
		}
		s.flush(time.Now(), c)
	}
	s.catchUpIdentify()
	s.slow = time.Time{}
	s.due()
}

// shardName is the name of a shard's actor, by generation, total and index.
const shardName = "shard-%d-%d-%d"

// childOf is the child that has an actor; nil: none has.
func (s *incarnation) childOf(who *actor.PID) *child {
	var key Key
	name := who.Id[strings.LastIndexByte(who.Id, '/')+1:]
	if n, _ := fmt.Sscanf(name, shardName, &key.Generation, &key.Shard.Total, &key.Shard.Index); n < 3 {
		return nil
	}
	if c := s.books.children[key]; c != nil && c.pid != nil && c.pid.Id == who.Id {
		return c
	}
	return nil
}
