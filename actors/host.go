package actors

import (
	"errors"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/transport"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// host does what the machine asks for.
type host struct{ *shard }

func (h host) Connect(conn uint64, url events.Secret) {
	s := h.shard
	s.owed, s.full = nil, false
	turn := s.turn
	if s.turn = (time.Time{}); turn.IsZero() {
		turn = s.dialer.turn(s.now)
	}
	s.link = s.dialer.dial(s.now, turn, s.key, conn, url, s.system, s.self)
	s.record.connects(s.link)
}

func (h host) Write(conn uint64, op events.Opcode, payload []byte) error {
	s := h.shard
	if op == events.OpIdentify {
		return s.identify(payload)
	}
	err := s.link.write(op, payload)
	if err != nil {
		s.link.lose(err)
	}
	s.wrote()
	return err
}

// identify writes an Identify, if its permit has not expired.
func (s *shard) identify(payload []byte) error {
	if !time.Now().Before(s.expires) {
		s.withdraw()
		s.system.Root.Send(s.self, lost{s.link, errExpired})
		return errExpired
	}
	s.record.identified.Store(s.link.conn)
	err := s.link.write(events.OpIdentify, payload)
	// Used even if the write failed: whether the gateway has seen it is not known.
	s.system.Root.Send(s.supervisor, identified{s.key, s.asking, time.Now()})
	s.identifyMoved(IdentifyWritten, nil)
	s.asking = 0
	if err != nil {
		s.link.lose(err)
	}
	return err
}

func (h host) Close(conn uint64, code events.CloseCode) { h.link.close(code) }

func (h host) Enqueue(conn uint64) { h.ask(conn) }

func (h host) Dequeue(uint64) { h.withdraw() }

func (h host) Wake(at time.Time) { h.wake = at }

func (h host) Deliver(raw events.Raw, meta events.Meta) (full bool) {
	s := h.shard
	meta.Generation = s.key.Generation
	if raw.Type == events.TypeGuildCreate || raw.Type == events.TypeGuildDelete {
		s.record.keep() // before it is handled: what is stored has counted at least what it says was handled
	}
	var of *side
	c := s.cutover.Load()
	if c != nil {
		of = c.side(s.key)
	}
	if of != nil {
		full = c.deliver(s, of, raw, meta)
	} else {
		full = s.publishIfServing(raw, meta)
	}
	if full {
		s.stall()
	}
	s.record.seq.Store(max(meta.Seq, s.record.cursor.Seq)) // there are events without one
	s.record.heard.Store(meta.Received.UnixNano())
	return full
}

// Part hands a part of an answer to a caller who wants it at once.
func (h host) Part(id uint64, raw events.Raw) (taken bool) {
	r := h.asked[id]
	if r == nil || r.parts == nil {
		return false
	}
	if !r.over() {
		r.parts.add(raw)
	}
	return true
}

// Ended answers whoever asked.
func (h host) Ended(o session.Outcome) {
	r := h.asked[o.ID]
	delete(h.asked, o.ID)
	answer := events.Answer{Events: o.Events}
	if !o.Written.IsZero() {
		answer.Receipt = events.Receipt{Shard: h.key.Shard, Queued: o.Written.Sub(r.asked), RoundTrip: o.RoundTrip}
	}
	if o.Err == nil {
		r.finish(answer)
		return
	}
	stage, err := Admitted, o.Err
	if !o.Written.IsZero() {
		stage = stageOf(err)
	}
	if h.machine.State() == session.Closed {
		err = closedBy(err)
	}
	r.fail(stage, err, answer)
}

func (h host) Latency(roundTrip, late time.Duration) {
	s, now := h.shard, h.now
	s.record.keep() // an ACK may end what comes again
	s.present()
	s.board.update(s.key, func(status *standing) { status.latency, status.latencyAt = roundTrip, now })
	tell(s.observers.heartbeat, ObserverHeartbeat.OnHeartbeat, HeartbeatAcknowledged{s.key, s.link.conn, roundTrip, late})
}

func (h host) Changed(c session.Change) {
	h.record.keep()
	h.report(&c)
	h.changed(h.system, h.key, c, false)
}

// report tells the log and the supervisor.
func (h host) report(c *session.Change) {
	s := h.shard
	say := func(level zapcore.Level, what string, more ...zap.Field) {
		if !s.Supervisor.log.Core().Enabled(level) {
			return // most that happens is not logged, and costs nothing
		}
		fields := []zap.Field{zap.Stringer("from", c.From), zap.Stringer("state", c.To), zap.Uint64("conn", c.Conn)}
		if c.To != session.Closed || isFatal(c.Cause) { // else it was asked for: no error
			fields = append(fields, zap.Error(c.Cause))
		}
		s.log().Log(level, what, append(fields, more...)...)
	}
	switch {
	case c.To == session.Ready:
		say(zap.InfoLevel, "shard ready") //seam:session-id-not-logged
		if c.From != session.Ready {      // else the connection is the same, and so is what may be written on it
			up := shardUp{from: s.from, conn: c.Conn, session: c.Session, interval: c.Beat, at: c.At}
			if c.From == session.Identifying {
				up.accepted = s.machine.Terms().Intents
			}
			s.system.Root.Send(s.supervisor, up)
		}
		s.present()
	case c.To == session.Closed:
		fatal := isFatal(c.Cause)
		level := zap.InfoLevel
		if fatal {
			level = zap.ErrorLevel
		}
		say(level, "shard closed")
		s.system.Root.Send(s.supervisor, shardDown{from: s.from, conn: c.Conn, refused: refusedIntents(c.Cause, s.machine.Terms().Intents), final: closedBy(c.Cause), fatal: fatal})
	case c.To == session.Backoff:
		//seam:token-not-logged
		say(zap.WarnLevel, "shard disconnected", zap.Bool("session_lost", c.Lost), zap.Duration("retry_in", c.Retry.Sub(c.At)))
		s.system.Root.Send(s.supervisor, shardDown{from: s.from, conn: c.Conn, refused: refusedIntents(c.Cause, s.machine.Terms().Intents), failed: c.Failed > 0})
	case c.Lost: // as it begins
		say(zap.WarnLevel, "stored session not resumed")
	default:
		say(zap.DebugLevel, "shard state") //seam:shard-up-when-ready
	}
}

func (h host) Odd(err error) {
	h.record.odd.Add(1)
	h.log().Warn("odd gateway", zap.Error(err))
}

// refusedIntents are those asked for, if the cause is that the gateway has refused them.
func refusedIntents(cause error, asked events.Intents) events.Intents {
	var closed *session.CloseError
	if errors.As(cause, &closed) && closed.Code == events.CloseDisallowedIntents {
		return asked
	}
	return 0
}

// identifyMoved tells how the shard's wish to Identify comes along.
func (s *shard) identifyMoved(stage IdentifyStage, err error) {
	tell(s.observers.identify, ObserverIdentify.OnIdentify, IdentifyMoved{s.key, s.asking, stage, err})
}

// isFatal reports whether a session has ended for good, and was not asked to.
func isFatal(cause error) bool { return cause != nil && !errors.Is(cause, ErrClosed) }

// closeCode keeps the session unless somebody wants it to end.
func closeCode(code events.CloseCode) events.CloseCode {
	if code == events.CloseNone {
		return events.CloseUnknownError
	}
	return code
}

var errExpired = errors.New("actors: the permit to Identify came too late")

// dialAgain is when the server that refused a dial wants to be dialled again; zero: it did not say.
func dialAgain(err error) time.Time {
	var refused *transport.DialError
	if errors.As(err, &refused) && refused.RetryAfter > 0 {
		return time.Now().Add(refused.RetryAfter)
	}
	return time.Time{}
}

// refusedUntil is when a refused permit may be asked for again.
func refusedUntil(err error) time.Time {
	var budget *ratelimit.BudgetError
	var ledger *ratelimit.LedgerError
	switch {
	case errors.As(err, &budget):
		return budget.Until
	case errors.As(err, &ledger):
		return ledger.Until
	}
	return time.Time{}
}
