package actors

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/transport"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

var (
	errRestart       = errors.New("actors: restart asked for")
	errPermitExpired = errors.New("actors: the permit to Identify expired before it could be used")
)

// host does what the machine asks for.
type host struct{ *shard }

func (h host) Connect(conn uint64, url events.Secret) {
	s := h.shard
	s.owed, s.full, s.pace = nil, false, pace{}
	l := newLink(s.record.id, conn, s.system, s.self)
	s.link = l
	s.record.link.Store(l)
	if url == "" {
		url = events.Secret(*s.fleet.url.Load()) //seam:dial-discovered-host
	}
	cfg := transport.Config{
		Compression: s.fleet.cfg.Compression, Decoders: &s.fleet.decoders, NetDial: s.fleet.cfg.NetDial, Hosts: s.fleet.cfg.GatewayHosts,
	}
	turn := s.fleet.pacer.turn(s.now)
	if turn.After(s.now) {
		s.system.Root.Send(s.self, paced{l, turn})
	}
	s.fleet.links.Go(func() { l.run(turn, url, cfg) })
}

func (h host) Write(conn uint64, op events.Opcode, payload []byte) error {
	s := h.shard
	if op == events.OpIdentify {
		if now := time.Now(); !now.Before(s.expires) {
			s.withdraw()
			s.system.Root.Send(s.self, lost{s.link, errPermitExpired})
			return
		}
		s.record.identified.Store(conn)
	}
	err := s.link.write(payload)
	if op == events.OpIdentify {
		// Used even if the write failed: whether the gateway has seen it is not known.
		s.system.Root.Send(s.supervisor, identified{s.record.id, conn, time.Now()})
		s.asking = 0
	}
	if err != nil {
		s.system.Root.Send(s.self, lost{s.link, err})
	}
	return err
}

func (h host) Close(conn uint64, code events.CloseCode) {
	h.link.close(code, &h.fleet.links)
}

func (h host) Enqueue(conn uint64) { h.ask(conn) }

func (h host) Dequeue(uint64) { h.withdraw() }

func (h host) Wake(at time.Time) { h.wake = at }

func (h host) Deliver(raw events.Raw, meta events.Meta) (full bool) {
	s := h.shard
	if s.fleet.cfg.Deliver != nil && s.fleet.cfg.Deliver(raw, meta) {
		s.stall()
		full = true
	}
	s.record.seq.Store(max(meta.Seq, s.record.cursor.Seq)) // there are events without one
	if meta.Seq == 0 {
		meta.Seq = max(raw.Seq, 0) // subscribers are told what came
	}
	for _, sub := range *s.fleet.hub.Load() {
		if sub.wants(raw.Type) {
			s.system.Root.Send(sub.pid, &Dispatch{Raw: raw, Meta: meta})
		}
	}
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
	stage := Admitted
	if !o.Written.IsZero() {
		stage = stageOf(o.Err)
		answer.Receipt = events.Receipt{Shard: h.record.id, Queued: o.Written.Sub(r.asked), RoundTrip: o.RoundTrip}
	}
	switch {
	case o.Err == nil:
		r.finish(answer)
	case h.machine.State() == session.Closed:
		r.fail(stage, closedBy(o.Err), answer)
	default:
		r.fail(stage, o.Err, answer)
	}
}

func (h host) Latency(d time.Duration) {
	s, now := h.shard, h.now
	s.record.keep() // an ACK may end what comes again
	s.record.update(func(status *ShardStatus) { status.Latency, status.LatencyAt = d, now })
}

func (h host) Changed(c session.Change) {
	s := h.shard
	s.record.keep()
	fields := []zap.Field{
		zap.Stringer("from", c.From), zap.Stringer("state", c.To), zap.Uint64("conn", c.Conn), zap.Error(c.Cause),
	}
	index := s.record.id.Index
	switch {
	case c.To == session.Ready:
		s.log.Info("shard ready", fields...) //seam:session-id-not-logged
		if c.From != session.Ready {         // else the connection is the same, and so is what may be written on it
			s.system.Root.Send(s.supervisor, shardUp{index, c.Conn, c.Beat, c.At})
		}
	case c.To == session.Closed:
		final := closedBy(c.Cause)
		if c.Cause != nil && !errors.Is(c.Cause, ErrClosed) {
			s.log.Error("shard closed", fields...)
		} else {
			s.log.Info("shard closed", fields...)
		}
		s.system.Root.Send(s.supervisor, shardDown{shard: index, conn: c.Conn, final: final})
	case c.To == session.Backoff:
		//seam:token-not-logged
		s.log.Warn("shard disconnected", append(fields, zap.Bool("session_lost", c.Lost), zap.Duration("retry_in", c.Retry.Sub(c.At)))...)
		s.system.Root.Send(s.supervisor, shardDown{shard: index, conn: c.Conn, failed: c.Failed > 0})
	default:
		s.log.Debug("shard state", fields...) //seam:shard-up-when-ready
	}
	for _, sub := range *s.fleet.hub.Load() {
		s.system.Root.Send(sub.pid, &StateChanged{Shard: s.record.id, Change: c})
	}
	s.fleet.changed(s.record, c, false)
}

func (h host) Odd(err error) {
	h.record.odd.Add(1)
	h.log.Warn("odd gateway", zap.Error(err))
}

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
