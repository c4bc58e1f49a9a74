package actors

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

const (
	crashWindow   = 5 * time.Minute // crashes further apart are not counted together
	crashLimit    = 5               // in a crashWindow, then the shard is quarantined
	restartBase   = 500 * time.Millisecond
	restartSpread = 2 // the longest delay is this many times the shortest
)

// HandleFailure is the strategy for shard actors. A crash costs the shard its connection and
// nothing else: whoever asked for what was in hand is answered, the socket is closed in a way
// that keeps the session, and after a delay that doubles with each crash the actor starts
// again and resumes. One that keeps crashing is quarantined. No other shard is touched.
func (s *supervisor) HandleFailure(system *actor.ActorSystem, parent actor.Supervisor, who *actor.PID, _ *actor.RestartStatistics, reason, message any) {
	answerCrashed(message)
	index, ok := s.byPID[who.Id]
	if !ok {
		parent.StopChildren(who)
		return
	}
	c, record := s.shards[index], s.fleet.record(index)
	if l := record.link.Load(); l != nil {
		l.close(events.CloseUnknownError, &s.fleet.links)
	}
	c.admission.shut()
	system.Root.Send(s.self, shardCrashed{index, record.now().Conn}) // behind what the shard has said
	now := time.Now()
	c.crashes = append(c.crashes, now)
	for now.Sub(c.crashes[0]) > crashWindow {
		c.crashes = c.crashes[1:]
	}
	log := s.log.With(zap.Int("shard", index), zap.Int("crashes", len(c.crashes)),
		zap.String("reason", panicText(reason)), zap.String("message", fmt.Sprintf("%T", message)))
	cause := fmt.Errorf("%w: %s", ErrCrashed, panicText(reason))
	if len(c.crashes) >= crashLimit {
		log.Error("shard quarantined: its actor keeps crashing")
		cause = fmt.Errorf("%w: %s", ErrQuarantined, panicText(reason))
		s.fleet.want(index, false)
		s.fleet.changed(record, session.Change{At: now, From: record.now().State, To: session.Closed, Conn: record.now().Conn, Cause: cause}, true)
		s.down(shardDown{shard: index, final: cause})
		parent.StopChildren(who)
		return
	}
	delay := restartBase << (len(c.crashes) - 1)
	spread := (restartSpread - 1) * delay
	if random := s.fleet.random(index, uint64(1)<<31|uint64(len(c.crashes))); random != nil {
		delay += time.Duration(random.Int64N(int64(spread)))
	} else {
		delay += rand.N(spread)
	}
	log.Error("shard actor crashed: it restarts and resumes", zap.Duration("delay", delay))
	s.fleet.changed(record, session.Change{
		At: now, From: record.now().State, To: session.Backoff, Conn: record.now().Conn,
		Session: record.now().Session, Cause: cause, Retry: now.Add(delay),
	}, true)
	time.AfterFunc(delay, func() { parent.RestartChildren(who) }) //seam:crashed-shard-restarts
}

// answerCrashed answers whoever asked for what was in hand when an actor crashed.
func answerCrashed(message any) {
	if envelope, ok := message.(*actor.MessageEnvelope); ok {
		message = envelope.Message
	}
	switch m := message.(type) {
	case admitted:
		stage := Admitted
		if m.state.Load() == claimed {
			stage = Written
		}
		m.fail(stage, ErrCrashed, events.Answer{})
	case readmit:
		m.fail(Admitted, ErrCrashed, events.Answer{})
	case *request:
		m.fail(Queued, ErrCrashed, events.Answer{})
	}
}

// panicText is a panic's text without what may be secret, such as a token that an error of the
// user's code quotes: only the runtime's errors and our own strings come through, others by type.
func panicText(reason any) string {
	switch r := reason.(type) {
	case runtime.Error:
		return cut(r.Error())
	case string:
		if strings.HasPrefix(r, "actors: ") {
			return cut(r)
		}
	}
	return fmt.Sprintf("%T", reason)
}

func cut(text string) string {
	const most = 256
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

// guardian is the strategy for a supervisor. What it loses in a crash is the message that it
// crashed on, so it goes on with the next one: its shards never notice.
type guardian struct{}

// Guardian returns the strategy under which a supervisor survives a crash: the asker is
// answered, and the supervisor goes on with the next message. Use it with actor.WithGuardian,
// or as the strategy of the supervisor's parent.
func Guardian() actor.SupervisorStrategy { return guardian{} }

// HandleFailure implements actor.SupervisorStrategy.
func (guardian) HandleFailure(system *actor.ActorSystem, parent actor.Supervisor, who *actor.PID, _ *actor.RestartStatistics, reason, message any) {
	answerCrashed(message)
	lost := recovered{}
	if envelope, ok := message.(*actor.MessageEnvelope); ok {
		message = envelope.Message
		if answer := crashAnswer(message); answer != nil && envelope.Sender != nil {
			system.Root.Send(envelope.Sender, answer)
		}
	}
	switch m := message.(type) {
	case *EventSent:
		lost.request = m.ID
	case *SendFailed:
		lost.request = m.ID
	}
	system.Logger().LogAttrs(context.Background(), 8, "supervisor crashed: it goes on")
	parent.ResumeChildren(who)
	system.Root.Send(who, lost) //seam:crashed-supervisor-catches-up
}

// crashAnswer is what whoever asked the supervisor by a message is told, or nil.
func crashAnswer(message any) any {
	switch m := message.(type) {
	case SendEvent:
		return &SendFailed{ID: m.ID, Err: &SendError{m.Shard, m.Op, Queued, ErrCrashed}}
	case *SendEvent:
		return &SendFailed{ID: m.ID, Err: &SendError{m.Shard, m.Op, Queued, ErrCrashed}}
	case StartShards, *StartShards:
		return ShardsStarted{Err: ErrCrashed}
	}
	return nil
}

// recovered follows a crash of the supervisor: what the message that it crashed on would have
// told it, it finds out by itself. Guardian → supervisor.
type recovered struct {
	request uint64 // one that the supervisor made, and whose outcome is lost; 0: none
}

// catchUp brings the supervisor up to date with its shards.
func (s *supervisor) catchUp(ctx actor.Context, m recovered) {
	if m.request != 0 {
		s.settleShared(ctx, m.request, events.Answer{}, &SendError{Stage: Written, Err: ErrCrashed})
	}
	s.armed = time.Time{} // the tick may be what was lost
	for index, c := range s.shards {
		status := s.fleet.record(index).now()
		switch {
		case c.final != nil:
		case status.State == session.Closed:
			s.down(shardDown{shard: index, final: closedBy(status.Cause)})
		case status.State != session.Ready:
			c.admission.shut()
		case c.admission.conn != status.Conn || c.admission.bucket == nil:
			s.up(ctx, shardUp{index, status.Conn, status.beat, status.Since})
		}
		s.drain(ctx, c)
	}
	s.catchUpIdentify(ctx)
}

// closedBy is what send events of a closed shard end in.
func closedBy(cause error) error {
	if cause == nil || errors.Is(cause, ErrClosed) {
		return ErrClosed
	}
	return errors.Join(ErrClosed, cause)
}
