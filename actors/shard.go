package actors

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
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
	asked   map[uint64]*request // those that the machine was given, by serial
	link    *link
	now     time.Time // of the message that is handled
	owed    []debt    // batches whose credit is held back, since the subscribers are behind
	full    bool
	timer   *time.Timer
	armed   time.Time
	wake    time.Time // of the machine

	pace     pace
	withdraw func() // takes back what the identify queue was asked for
	permit   ratelimit.Permit
}

func newShard(f *Fleet, r *record, supervisor *actor.PID) *shard {
	return &shard{
		fleet: f, record: r, supervisor: supervisor, asked: make(map[uint64]*request),
		log: f.log.With(zap.Int("shard", r.id.Index), zap.Int("shard_total", r.id.Total)),
	}
}

// granted brings a permit to Identify, or its refusal. Identify queue → shard.
type granted struct {
	conn   uint64
	permit ratelimit.Permit
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
	case restartShard:
		s.step(session.Input{Kind: session.Restart, Err: errRestart})
		s.step(session.Input{Kind: session.Start})
	case reachable:
		s.step(session.Input{Kind: session.Reachable, At: m.before})
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
	s.arm()
}

// arm sets the one timer, unless it fires early enough already: a timer that fires too early
// costs less than one that is set anew by every frame.
func (s *shard) arm() {
	at := s.wake
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
	if m.conn != s.machine.Conn() || s.machine.State() != session.Queued {
		m.permit.Release()
		return
	}
	if err := m.permit.Err(); err != nil {
		s.withdraw = nil
		s.log.Error("identify refused", zap.Error(err))
		s.step(session.Input{Kind: session.Refused, Conn: m.conn, Err: err, At: refusedUntil(err)})
		return
	}
	s.permit = m.permit
	s.step(session.Input{Kind: session.Granted, Conn: m.conn})
}

// send writes a request that was admitted onto this very connection.
func (s *shard) send(m admitted) {
	r, now := m.request, s.now
	if !s.machine.Sendable(m.conn) {
		s.system.Root.Send(s.supervisor, readmit{request: r})
		return
	}
	if r.expired(now, Admitted) {
		return
	}
	if at, early := s.pace.early(now, m); early {
		s.system.Root.Send(s.supervisor, readmit{r, m.conn, at, s.pace.round})
		return
	}
	if !r.claim() {
		return
	}
	s.asked[r.serial] = r
	s.step(session.Input{
		Kind: session.Send, Conn: m.conn, ID: r.serial, Request: &r.event, Payload: r.payload, Deadline: r.Deadline,
	})
}

// close ends what this incarnation holds; the session stays in the record.
func (s *shard) close() {
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.withdraw != nil {
		s.withdraw()
	}
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
