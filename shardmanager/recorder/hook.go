package recorder

import (
	"errors"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/tap"
	"github.com/signalbox-go/signalbox/session"
)

// hook is what the Manager calls, inline: nothing here waits, or calls an error.
type hook struct{ r *Recorder }

var _ tap.Tap = hook{}

func (h hook) Begin(secrets tap.Secrets) { h.r.secrets.Store(&secrets) }

func (h hook) Open(key actors.Key, number uint64) tap.Conn {
	s := h.r.of(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open, s.latest = number, time.Now()
	return &conn{h.r, s, number}
}

// conn hears of one connection.
type conn struct {
	r      *Recorder
	s      *shard
	number uint64
}

func (c *conn) Read(at time.Time, payload []byte) {
	e := entry{kind: entryUnread, at: at.UnixMicro(), conn: c.number, size: len(payload)}
	if h, ok := readHead(payload); ok {
		if e.kind, e.op, e.seq = entryRead, h.op, h.seq; h.op == int64(events.OpDispatch) {
			e.kind, e.name = entryDispatch, c.r.names.number(h.name)
		}
	}
	c.r.entry(c.s, &e)
}

func (c *conn) Write(op events.Opcode, payload []byte) {
	c.r.entry(c.s, &entry{kind: entryWrote, at: time.Now().UnixMicro(), conn: c.number, op: int64(op), size: len(payload)})
}

func (c *conn) Lost(err error) {
	c.over(event{kind: eventLost, conn: c.number, at: time.Now(), cause: err})
}

func (c *conn) Closed(code events.CloseCode) {
	c.over(event{kind: eventClosed, conn: c.number, at: time.Now(), code: code})
}

func (c *conn) over(e event) {
	c.r.event(c.s, e, func(s *shard) {
		if s.open == c.number {
			s.open = 0
		}
	})
	annotate(c.s.key, e.kind, "", "")
}

func (h hook) OnDial(d actors.DialBegun) {
	h.r.event(h.r.of(d.Key), event{kind: eventDial, conn: d.Conn, at: d.At}, nil)
	annotate(d.Key, eventDial, "", "")
}

func (h hook) OnConnected(c actors.Connected) {
	h.r.event(h.r.of(c.Key), event{kind: eventConnected, conn: c.Conn, at: time.Now(), took: c.Took}, nil)
	annotate(c.Key, eventConnected, "", "")
}

func (h hook) OnState(c actors.StateChanged) {
	e := event{kind: eventMove, at: c.At, from: c.From, to: c.To, conn: c.Conn, session: c.Session, lost: c.Lost, failed: c.Failed, retry: c.Retry, cause: c.Cause}
	h.r.event(h.r.of(c.Key), e, nil)
	annotate(c.Key, eventMove, c.From.String(), c.To.String())
	if c.To == session.Closed && c.Cause != nil && h.r.dumps != nil {
		h.r.triggers.ended(h.r, c.Key, c.Cause)
	}
}

func (h hook) OnIdentify(i actors.IdentifyMoved) {
	h.r.event(h.r.of(i.Key), event{kind: eventIdentify, at: time.Now(), conn: i.Conn, stage: int(i.Stage), cause: i.Err}, nil)
	annotate(i.Key, eventIdentify, i.Stage.String(), "")
}

func (h hook) OnCrash(c actors.ShardCrashed) {
	h.r.event(h.r.of(c.Key), event{kind: eventCrash, at: time.Now(), stage: c.Crashes, retry: c.Retry, cause: c.Cause, lost: c.Quarantined}, nil)
	annotate(c.Key, eventCrash, "", "")
}

func (h hook) OnDeaf(d actors.ShardDeaf) {
	h.r.event(h.r.of(d.Key), event{kind: eventDeaf, at: time.Now(), stage: int(d.Step)}, nil)
	annotate(d.Key, eventDeaf, d.Step.String(), "")
}

func (h hook) OnSend(s actors.SendMoved) {
	e := entry{kind: entrySend, at: time.Now().UnixMicro(), op: int64(s.Op), serial: s.Serial, stage: byte(s.Stage), took: s.Waited.Microseconds(), late: s.RoundTrip.Microseconds()}
	if s.Stage == actors.SendEnded {
		e.end = outcomeOf(s.Err)
	}
	of := h.r.of(s.Key)
	of.mu.Lock()
	defer of.mu.Unlock()
	e.conn = of.traffic.conn
	of.traffic.add(&e, e.at-h.r.age.Microseconds())
}

func (h hook) OnHeartbeat(b actors.HeartbeatAcknowledged) {
	h.r.entry(h.r.of(b.Key), &entry{kind: entryBeat, at: time.Now().UnixMicro(), conn: b.Conn, took: b.RoundTrip.Microseconds(), late: b.Late.Microseconds()})
}

// isFatal reports whether a session was not asked to end. It may call the error: it is for the goroutine that dumps.
func isFatal(cause error) bool { return !errors.Is(cause, actors.ErrClosed) }
