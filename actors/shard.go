package actors

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// shard hosts one session.Machine: it feeds the machine what happens and does what it asks for
// (see host.go). What outlives a crash is in the record.
type shard struct {
	fleet      *Fleet
	record     *record
	supervisor *actor.PID
	log        *zap.Logger

	system  *actor.ActorSystem
	self    *actor.PID
	machine *session.Machine
	replies session.Replies
	asked   map[uint64]*request // those in replies, by serial
	link    *link
	now     time.Time // of the message that is handled
	owed    []debt    // batches whose credit is held back, since the subscribers are behind
	full    bool
	timer   *time.Timer
	armed   time.Time
	wake    time.Time // of the machine

	pace    pace
	asking  uint64    // the connection for which a permit to Identify was asked for and not used; 0: none
	expires time.Time // of the permit
}

func newShard(f *Fleet, r *record, supervisor *actor.PID) *shard {
	s := &shard{
		fleet: f, record: r, supervisor: supervisor, asked: make(map[uint64]*request),
		log: f.log.With(zap.Int("shard", r.id.Index), zap.Int("shard_total", r.id.Total)),
	}
	s.replies.Part = s.part
	return s
}

// part hands a part of an answer to a caller who wants it at once.
func (s *shard) part(id uint64, raw events.Raw) bool {
	r := s.asked[id]
	if r == nil || r.parts == nil {
		return false
	}
	if !r.over() {
		r.parts.add(raw)
	}
	return true
}

// Receive handles one message. It waits for nothing but the socket's buffer, which takes a
// frame of at most 4096 bytes or fails by the write deadline.
func (s *shard) Receive(ctx actor.Context) {
	s.now = time.Now()
	switch m := ctx.Message().(type) {
	case *batch:
		s.frames(m)
	case connected:
		s.step(session.Input{Kind: session.Connected, Conn: m.conn})
	case paced:
		s.step(session.Input{Kind: session.Waiting, Conn: m.conn, At: m.turn})
	case lost:
		s.step(session.Input{Kind: session.Lost, Conn: m.conn, Err: m.err, At: dialAgain(m.err)})
	case granted:
		s.granted(m)
	case tick:
		s.tick()
	case admitted:
		s.send(m)
	case drained:
		s.flow()
	case stopShard:
		s.step(session.Input{Kind: session.Stop, Code: closeCode(m.code), Err: ErrClosed})
		s.settle(s.replies.Reset(s.now, ErrClosed))
	case restartShard:
		s.step(session.Input{Kind: session.Restart, Err: errRestart})
		s.step(session.Input{Kind: session.Start})
	case crash:
		panic("actors: crash rehearsed by CrashShard")
	case *actor.Started:
		s.start(ctx)
	case *actor.Restarting, *actor.Stopping:
		s.close()
	}
	if s.machine != nil && s.machine.State() == session.Closed && s.self != nil {
		self := s.self
		s.self = nil // once
		ctx.Stop(self)
	}
}

func (s *shard) start(ctx actor.Context) {
	s.system, s.self = ctx.ActorSystem(), ctx.Self()
	identify := s.fleet.cfg.Identify
	machine, err := session.NewMachine(session.Config{ //seam:crash-keeps-session
		Shard: s.record.id, Identify: identify, Cursor: &s.record.cursor,
		Conn: s.record.now().Conn, Rand: s.fleet.random(s.record.id.Index, s.record.now().Conn),
	}, host{s})
	if err != nil {
		s.fleet.changed(s.record, session.Change{At: time.Now(), To: session.Closed, Cause: err}, false)
		s.system.Root.Send(s.supervisor, shardDown{shard: s.record.id.Index, final: err})
		ctx.Stop(ctx.Self())
		return
	}
	s.machine = machine
	s.step(session.Input{Kind: session.Start})
}

func (s *shard) step(in session.Input) {
	s.machine.Step(s.now, in)
	s.arm()
}

// debt is the credit of one batch.
type debt struct {
	*link
	frames int
}

// frames takes what came, and gives back its credit unless the subscribers are behind.
func (s *shard) frames(b *batch) {
	for _, data := range b.frames {
		s.machine.Step(s.now, session.Input{Kind: session.Frame, Conn: b.conn, Data: data, At: b.at})
	}
	s.arm()
	owed := debt{b.link, len(b.frames)}
	b.done()
	if s.full {
		s.owed = append(s.owed, owed)
		return
	}
	owed.repay(owed.frames)
}

// stall holds back credits: in the end the gateway has to wait, not we.
func (s *shard) stall() {
	if !s.full {
		s.full = true
		s.log.Warn("subscribers are behind: reading pauses")
	}
}

func (s *shard) flow() {
	if !s.full {
		return
	}
	s.full = false
	for _, d := range s.owed {
		d.repay(d.frames)
	}
	s.owed = nil
	s.step(session.Input{Kind: session.Flowing})
}

func (s *shard) tick() {
	s.armed = time.Time{}
	if !s.wake.IsZero() && !s.now.Before(s.wake) {
		s.machine.Step(s.now, session.Input{Kind: session.Tick})
	}
	s.settle(s.replies.Expire(s.now))
	s.arm()
}

// arm sets the one timer, unless it fires early enough already: a timer that fires too early
// costs less than one that is set anew by every frame.
func (s *shard) arm() {
	at := s.wake
	if next := s.replies.Next(); !next.IsZero() && (at.IsZero() || next.Before(at)) {
		at = next
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
	if m.conn != s.asking || m.conn != s.machine.Conn() || s.machine.State() != session.Queued {
		return // it was withdrawn, and goes back without it
	}
	switch {
	case m.err != nil:
		s.asking = 0
		s.log.Error("identify refused", zap.Error(m.err))
		s.step(session.Input{Kind: session.Refused, Conn: m.conn, Err: m.err, At: refusedUntil(m.err)})
	case !s.now.Before(m.expires):
		s.withdraw() // it came too late
		s.ask(m.conn)
	default:
		s.expires = m.expires
		s.step(session.Input{Kind: session.Granted, Conn: m.conn})
	}
}

// ask asks for a permit to Identify on a connection.
func (s *shard) ask(conn uint64) {
	s.asking = conn
	s.system.Root.Send(s.supervisor, askIdentify{s.record.id, conn})
}

// withdraw takes back what was asked for, if it was not used.
func (s *shard) withdraw() {
	if s.asking != 0 {
		s.system.Root.Send(s.supervisor, withdrawIdentify{s.record.id, s.asking})
		s.asking = 0
	}
}

// send writes a request that was admitted onto this very connection.
func (s *shard) send(m admitted) {
	r, now := m.request, s.now
	if m.conn != s.machine.Conn() || s.machine.State() != session.Ready { //seam:send-needs-live-session
		s.system.Root.Send(s.supervisor, readmit{request: r})
		return
	}
	if r.expired(now, Admitted) {
		s.unwritten(m)
		return
	}
	if at, early := s.pace.early(now, m); early {
		s.system.Root.Send(s.supervisor, readmit{r, m.conn, at, s.pace.round})
		return
	}
	if !r.claim() {
		s.unwritten(m)
		return
	}
	r.written = now
	defer s.wrote(m)
	if session.Answered(r.Op) {
		s.asked[r.serial] = r
		s.replies.Add(now, r.serial, r.event, r.Deadline)
	}
	if r.Op == events.OpHeartbeat {
		s.machine.Heartbeat(now)
	} else if err := s.link.write(r.payload); err != nil { //seam:send-written-once
		s.system.Root.Send(s.self, lost{s.link, err})
		if !session.Answered(r.Op) {
			r.fail(Written, session.ErrConnectionLost, events.Answer{})
		}
		return
	}
	if !session.Answered(r.Op) {
		r.finish(s.answer(r, 0, nil))
	}
	s.arm()
}

// wrote tells that the permit of a request counts from now on.
func (s *shard) wrote(m admitted) {
	s.system.Root.Send(s.supervisor, wrote{s.record.id.Index, m.conn, time.Now()})
}

// unwritten gives the permit of a request back.
func (s *shard) unwritten(m admitted) {
	s.system.Root.Send(s.supervisor, unwritten{s.record.id.Index, m.conn})
}

func (s *shard) answer(r *request, roundTrip time.Duration, got []events.Raw) events.Answer {
	return events.Answer{
		Receipt: events.Receipt{Shard: s.record.id, Queued: r.written.Sub(r.asked), RoundTrip: roundTrip},
		Events:  got,
	}
}

// settle answers those whose requests have ended.
func (s *shard) settle(outcomes []session.Outcome) {
	for _, o := range outcomes {
		r := s.asked[o.ID]
		delete(s.asked, o.ID)
		answer := s.answer(r, o.RoundTrip, o.Events)
		if o.Err != nil {
			r.fail(stageOf(o.Err), o.Err, answer)
		} else {
			r.finish(answer)
		}
	}
}

// close ends what this incarnation holds; the session stays in the record.
func (s *shard) close() {
	if s.timer != nil {
		s.timer.Stop()
	}
	s.withdraw()
	if s.link != nil {
		s.link.close(events.CloseUnknownError, &s.fleet.links)
	}
	for _, r := range s.asked {
		r.fail(Written, session.ErrConnectionLost, events.Answer{})
	}
}

// wants reports whether a subscriber asked for the type.
func (s subscriber) wants(t events.Type) bool { return s.types == nil || slices.Contains(s.types, t) }

// closeCode keeps the session unless somebody wants it to end.
func closeCode(code events.CloseCode) events.CloseCode {
	if code == events.CloseNone {
		return events.CloseUnknownError
	}
	return code
}
