package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/session"
)

// shard hosts one session.Machine: it feeds the machine what happens and does what it asks for
// (see host.go). It knows neither its neighbours, nor the plan, nor a limit. What outlives a crash is in the record.
type shard struct {
	*Supervisor
	*shardLife            // nil: it has not begun
	out        *bus.Shard // where its events go

	system  *actor.ActorSystem
	self    *actor.PID
	machine *session.Machine
	asked   map[uint64]*request // those that the machine was given, by serial; nil: none was yet
	writing *request            // that the machine is to write now; nil: none
	link    *link
	now     time.Time // of the message that is handled
	owed    []debt    // batches whose credit is held back, since the subscribers are behind
	timer   *time.Timer
	armed   time.Time
	wake    time.Time // of the machine
	again   time.Time // when a permit is asked for again, after one that came too late; zero: none did
	asking  uint64    // the connection for which a permit to Identify was asked for and not used; 0: none
	expires time.Time // of the permit
	shows   *request  // the presence that the session is to be sent again; nil: none was yet
	full    bool      // the subscribers are behind
	drains  bool      // it ends when what was sent has its answers
	ended   bool      // it has stopped itself
}

// log is for what is told of this shard, which is little: none is kept.
func (s *shard) log() *zap.Logger {
	of := s.key.Shard
	return s.Supervisor.log.With(zap.Int("shard", of.Index), zap.Int("shard_total", of.Total), zap.Uint64("generation", s.key.Generation))
}

// Receive handles one message. It waits for nothing but the socket's buffer, which takes a
// frame of at most 4096 bytes or fails by the write deadline.
func (s *shard) Receive(ctx actor.Context) {
	s.now = time.Now()
	switch m := ctx.Message().(type) {
	case *shardLife:
		if s.shardLife == nil {
			s.start(ctx, m)
		}
	case *actor.Stopping:
		s.stop()
		return
	case *actor.Restarting: // not by us: another would have nothing to begin with
		s.stop()
		ctx.Stop(ctx.Self())
		return
	case *actor.Stopped:
		return
	}
	if s.machine != nil && !s.ended {
		s.take(ctx.Message())
		s.rest(ctx)
	}
}

// take takes one message, while the session lives. Thousands of these are under way at a start, each with a stack of its own: what needs much of it
// stands in functions of its own, which have returned before the session takes its step.
func (s *shard) take(message any) {
	switch m := message.(type) {
	case *batch:
		s.frames(m)
	case connected, turnCame, lost, reachable:
		s.step(s.input(m))
	case granted:
		s.granted(m)
	case tick:
		s.tick()
	case admitted:
		s.send(m)
	case caughtUp:
		s.flow()
	case cutDue:
		s.cutDue(m.guild)
	case sayVoices:
		m.to <- s.machine.Voices()
	default:
		s.obey(message)
	}
}

// rest ends the actor when its session has ended, or when it drains and nothing is under way any more: an Identify that was spent has its READY.
func (s *shard) rest(ctx actor.Context) {
	if s.drains && len(s.asked) == 0 && !s.full && s.machine.State() != session.Identifying { //seam:drained-shard-stops
		s.step(session.Input{Kind: session.Stop, Code: closeCode(events.CloseNone), Err: ErrClosed})
	}
	if s.machine.State() == session.Closed {
		s.ended = true
		ctx.Stop(s.self)
	}
}

func (s *shard) start(ctx actor.Context, life *shardLife) {
	s.shardLife, s.out = life, s.cfg.Bus.Shard(life.key)
	s.system, s.self = ctx.ActorSystem(), ctx.Self()
	s.out.OnCaughtUp(func() { s.system.Root.Send(s.self, caughtUp{}) })
	if err := s.build(); err != nil {
		s.system.Root.Send(s.supervisor, shardDown{from: s.from, final: err, fatal: true})
		s.changed(s.system, s.key, session.Change{At: s.now, To: session.Closed, Cause: err}, false)
		ctx.Stop(s.self)
		return
	}
	s.record.intents.Store(uint64(s.machine.Terms().Intents))
	s.tookRole()
	s.say(shardBegan, 0)
	s.step(session.Input{Kind: session.Start})
	if s.reidentify != 0 {
		s.renew(s.reidentify, ErrRestart)
	}
}

// build makes the session, of what the shard's actors before it have left.
func (s *shard) build() (err error) {
	conn := s.record.still().conn
	s.machine, err = session.NewMachine(session.Config{ //seam:crash-keeps-session
		Shard: s.key.Shard, Identify: s.identification(s.key), OptionalIntents: s.cfg.OptionalIntents, Cursor: &s.record.cursor,
		Conn: conn, Rand: random(s.cfg.Seed, s.key, conn),
	}, host{s})
	return err
}

// renew begins a new session, in place of the one that there is.
func (s *shard) renew(sessions uint64, cause error) {
	s.step(session.Input{Kind: session.Reidentify, Err: cause}) //seam:reidentify-gives-up-the-session
	s.step(session.Input{Kind: session.Start})
	s.say(shardReidentified, sessions)
}

// say tells the supervisor of the actor's life.
func (s *shard) say(what word, count uint64) {
	s.system.Root.Send(s.supervisor, shardSays{s.from, what, count})
}

func (s *shard) step(in session.Input) {
	s.machine.Step(s.now, in)
	s.arm()
}

func (s *shard) tick() {
	s.armed = time.Time{}
	if !s.wake.IsZero() && !s.now.Before(s.wake) {
		s.machine.Step(s.now, session.Input{Kind: session.Tick})
	}
	if !s.again.IsZero() && !s.now.Before(s.again) {
		s.again = time.Time{}
		if s.machine.State() == session.Queued && s.asking == 0 {
			s.ask(s.machine.Conn())
		}
	}
	s.arm()
}

// arm sets the one timer, unless it fires early enough already: a timer that fires too early
// costs less than one that is set anew by every frame.
func (s *shard) arm() {
	at := s.wake
	if !s.again.IsZero() && (at.IsZero() || s.again.Before(at)) {
		at = s.again
	}
	if at.IsZero() || (!s.armed.IsZero() && !at.Before(s.armed)) {
		return
	}
	s.armed = at
	if s.timer == nil {
		root, self := s.system.Root, s.self
		s.timer = time.AfterFunc(time.Until(at), func() { root.Send(self, tick{}) })
		return
	}
	s.timer.Reset(time.Until(at))
}

func (s *shard) granted(m granted) {
	if s.asking == 0 && !s.again.IsZero() && m.conn == s.machine.Conn() && s.machine.State() == session.Queued {
		s.asking, s.again = m.conn, time.Time{} // the supervisor has crashed since, and asked in its place
	}
	if m.conn != s.asking || m.conn != s.machine.Conn() || s.machine.State() != session.Queued {
		return // it was withdrawn, and goes back without it
	}
	switch {
	case m.err != nil:
		s.identifyMoved(IdentifyRefused, m.err)
		s.asking = 0
		s.log().Error("identify refused", zap.Error(m.err))
		s.step(session.Input{Kind: session.Refused, Conn: m.conn, Err: m.err, At: refusedUntil(m.err)})
	case !s.now.Before(m.expires): // it came too late
		s.withdraw()
		s.again = s.now.Add(limiterPause) // a limiter whose permits are always late would be asked without end
		s.arm()
	default:
		s.identifyMoved(IdentifyGranted, nil)
		s.expires = m.expires
		s.machine.SetIntents(m.intents)
		s.record.intents.Store(uint64(m.intents))
		s.step(session.Input{Kind: session.Granted, Conn: m.conn})
	}
}

// ask asks for a permit to Identify on a connection.
func (s *shard) ask(conn uint64) {
	s.asking = conn
	s.identifyMoved(IdentifyAsked, nil)
	s.system.Root.Send(s.supervisor, askIdentify{s.from, conn})
}

// withdraw takes back what was asked for, if it was not used.
func (s *shard) withdraw() {
	if s.asking != 0 {
		s.identifyMoved(IdentifyWithdrawn, nil)
		s.system.Root.Send(s.supervisor, withdrawIdentify{s.key, s.asking})
		s.asking = 0
	}
}

// send writes a request that has its permits for this very connection, or says that it does not.
func (s *shard) send(m admitted) {
	r := m.request
	if !s.machine.Sendable(m.conn) || r.expired(s.now, Admitted) || s.outdated(r) || !r.claim() {
		s.landed(r, time.Time{})
		return
	}
	if s.asked == nil {
		s.asked = make(map[uint64]*request)
	}
	s.asked[r.serial], s.writing = r, r
	s.step(session.Input{
		Kind: session.Send, Conn: m.conn, ID: r.serial, Request: &r.event, Payload: r.payload, Deadline: r.deadline,
	})
	if r.event.Op == events.OpPresenceUpdate {
		s.record.keep()
	}
	s.landed(r, time.Now())
}

// wrote tells that a request was written, before it may end by that.
func (s *shard) wrote() {
	if r := s.writing; r != nil {
		s.writing = nil
		r.tell(s.observers.send, SendMoved{Stage: SendWritten, Waited: s.now.Sub(r.asked), Sent: true})
	}
}

func (s *shard) landed(r *request, wrote time.Time) {
	if s.landings.add(r, wrote) {
		s.system.Root.Send(s.supervisor, landed{})
	}
}

// stop ends what this actor holds, whoever has it stop; the session stays in the record. A panic here would leave an actor that never ends.
func (s *shard) stop() {
	defer func() {
		if reason := recover(); reason != nil {
			s.log().Error("shard actor did not end in order", zap.String("reason", foreign.Text(reason)))
		}
	}()
	if s.timer != nil {
		s.timer.Stop()
	}
	s.withdraw()
	if s.link != nil { //seam:ended-actor-closes-connection
		s.link.close(events.CloseUnknownError)
	}
	for _, r := range s.asked {
		r.fail(Written, session.ErrConnectionLost, events.Answer{})
	}
	clear(s.asked)
}
