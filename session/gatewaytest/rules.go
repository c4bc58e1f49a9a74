package gatewaytest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// The limits are counted by looking at all the times, and written down anew: a constant that
// was shared with a client would share its mistakes.
const (
	maxFrames       = 120 // that a client may send on a connection in any 60 s
	maxPresences    = 5   // Presence Updates in any 20 s
	maxSize         = 4096
	identifySpacing = 5 * time.Second
	tolerance       = 250 * time.Millisecond // of identifySpacing, since the network delays one more than another
	grace           = 10 * time.Second       // for a heartbeat beyond an interval and a half
	doubleWait      = time.Second            // in which an old connection may still be found to have ended
)

// acceptable judges the query of a connection's URL.
//
// Source: events/gateway#connecting
func (s *Server) acceptable(c *conn, query url.Values) bool {
	encoding, compress := query.Get("encoding"), query.Get("compress")
	switch {
	case !s.speaks(c, query.Get("v")):
		s.punish(c, events.CloseInvalidAPIVersion, "query", "v=%.20q is not spoken here: ask for v=10", query.Get("v"))
	case encoding == "etf":
		s.punish(c, events.CloseDecodeError, "query", "encoding=etf is not spoken here: ask for encoding=json, without erlpack")
	case encoding != "json" && (encoding != "" || !s.lets(c, "encoding", "the URL has no encoding: it is json")):
		s.punish(c, events.CloseDecodeError, "query", "encoding=%.20q is not spoken here: ask for encoding=json", encoding)
	case compress != "" && !c.streamed:
		s.punish(c, events.CloseDecodeError, "query", "compress=%.20q is not spoken here: ask for zlib-stream or zstd-stream", compress)
	default:
		return true
	}
	return false
}

// speaks reports whether a version of the API is taken. None stands for version 6.
//
// Source: reference#api-versioning
func (s *Server) speaks(c *conn, v string) bool {
	switch c.version, _ = strconv.Atoi(cmp.Or(v, "6")); c.version {
	case 10:
		return true
	case 9:
		return !s.set.exact
	case 8, 7, 6:
		return s.lets(c, "v", fmt.Sprintf("v=%s: version %d is deprecated; it is answered as version 10 is", v, c.version))
	}
	return false
}

// frame takes one payload of a client, judges it and answers it.
func (s *Server) frame(c *conn, text bool, data []byte) {
	now := time.Now()
	var envelope struct {
		Op *events.Opcode  `json:"op"`
		D  json.RawMessage `json:"d"`
	}
	err := json.Unmarshal(data, &envelope)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Frames++
	if c.closing {
		return
	}
	if err == nil && envelope.Op != nil {
		s.note(c, Entry{Kind: Received, Op: *envelope.Op, Data: envelope.D})
	}
	if !s.counted(c, now) {
		return
	}
	if len(data) > maxSize {
		s.punish(c, events.CloseDecodeError, "payload size", "%d bytes", len(data))
		return
	}
	if err != nil || envelope.Op == nil {
		s.punish(c, events.CloseDecodeError, "payload", "it is no JSON object with an op")
		return
	}
	if !text && !s.lets(c, "frame", "JSON in a binary frame: it is read as in a text frame") {
		s.punish(c, events.CloseDecodeError, "payload", "JSON in a binary frame: send text frames")
		return
	}
	op, d := *envelope.Op, envelope.D
	if c.greeted.IsZero() {
		s.violate(c, "before Hello", "%v was sent", op)
	}
	var v verdict
	if op == events.OpIdentify {
		v = s.judge(c, d, now)
	}
	if s.intercepted(Frame{At: now, Shard: c.shard, Conn: c.number, Op: op, Data: d}) || c.closing {
		return
	}
	s.obey(c, op, d, v, now)
}

// intercepted logs a frame, and reports whether a test deals with it instead of the server.
// The hook may give orders: it runs without the lock.
func (s *Server) intercepted(f Frame) bool {
	if s.frames = append(s.frames, f); len(s.frames) >= 2*keptFrames {
		s.frames = append([]Frame(nil), s.frames[keptFrames:]...)
	}
	s.mu.Unlock()
	defer s.mu.Lock()
	return ask(s, &s.frameHooks, f)
}

// within are the times that are less than span before now.
func within(times []time.Time, now time.Time, span time.Duration) []time.Time {
	kept := times[:0]
	for _, at := range times {
		if now.Sub(at) < span {
			kept = append(kept, at)
		}
	}
	return kept
}

// counted enforces 120 payloads in any 60 s.
//
// Source: events/gateway#rate-limiting. That heartbeats count is not documented, but observed.
func (s *Server) counted(c *conn, now time.Time) bool {
	if now.Before(c.excused) {
		return true
	}
	c.times = append(within(c.times, now, time.Minute), now)
	if len(c.times) > maxFrames {
		s.punish(c, events.CloseRateLimited, "120 in 60 s", "%d payloads", len(c.times))
		return false
	}
	return true
}

// punish writes a violation down and closes the connection.
func (s *Server) punish(c *conn, code events.CloseCode, rule, format string, args ...any) {
	c.closeWith(code, s.violate(c, rule, format, args...))
}

// obey does what a payload asks for.
func (s *Server) obey(c *conn, op events.Opcode, d json.RawMessage, v verdict, now time.Time) {
	switch {
	case op == events.OpHeartbeat:
		s.heartbeat(c, d, now)
	case (op == events.OpIdentify || op == events.OpResume) && c.began:
		s.punish(c, events.CloseAlreadyAuthenticated, "authenticated twice", "%v on a connection that has a session", op)
	case op == events.OpIdentify:
		s.identify(c, v, now)
	case op == events.OpResume:
		s.resume(c, d, now)
	case c.orphan:
		// It crossed the payload that took the session away.
	case !c.live:
		s.punish(c, events.CloseNotAuthenticated, "not authenticated", "%v before READY or RESUMED", op)
	default:
		if err := s.answer(c, op, d, now); err != nil {
			s.punish(c, events.CloseUnknownOpcode, "payload", "%v: %v", op, err)
		}
	}
}

// heartbeat answers with an ACK, and measures how late it came.
//
// Source: events/gateway#sending-heartbeats
func (s *Server) heartbeat(c *conn, d json.RawMessage, now time.Time) {
	s.stats.Heartbeats++
	var seq *int64
	if d == nil && s.lets(c, "d", "a heartbeat without d: it is null") {
		d = json.RawMessage("null")
	}
	switch err := json.Unmarshal(d, &seq); {
	case err != nil || seq != nil && *seq < 0:
		s.violate(c, "heartbeat", "d is %.40s: send the last sequence, or null", d)
	case seq == nil:
	case c.session == nil: // it may be of the session that will be resumed
		c.claimed = max(c.claimed, *seq)
	case *seq > c.session.seq:
		s.violate(c, "heartbeat", "d is %d, but only %d were sent", *seq, c.session.seq)
	}
	if c.watchdog != nil {
		c.watchdog.Reset(s.patience())
	}
	s.timed(c, now)
	if !c.muted {
		c.payload(events.OpHeartbeatACK, nil)
	}
}

// timed compares a heartbeat with the rhythm: the first within an interval of Hello, then one
// each interval. One that comes well before it is due, since the server or a user asked for
// it, is beside the rhythm.
func (s *Server) timed(c *conn, now time.Time) {
	interval := s.set.interval
	early := min(interval/4, time.Second)
	switch {
	case now.Before(c.excused) || c.greeted.IsZero():
	case c.beatDue.IsZero() && c.asked > 0:
		c.asked-- // it is the answer, and not the first that is owed
	case c.beatDue.IsZero():
		if c.excused.IsZero() {
			s.stats.Lateness = max(s.stats.Lateness, now.Sub(c.greeted)-interval)
		}
		c.beatDue = now.Add(interval)
	case !now.Before(c.beatDue.Add(-early)):
		s.stats.Lateness = max(s.stats.Lateness, now.Sub(c.beatDue))
		c.beatDue = c.beatDue.Add(interval)
	}
}

// patience is how long a client may be silent.
func (s *Server) patience() time.Duration { return s.set.interval*3/2 + grace }

// overdue closes the connection of a client that sends no heartbeats. Its session can be resumed.
func (c *conn) overdue() {
	s := c.srv
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed || c.closing || !s.conns[c]:
	case c.wire.frozen():
		c.watchdog.Reset(s.patience())
	default:
		s.punish(c, events.CloseSessionTimedOut, "heartbeat", "none came for %v", s.patience())
	}
}

// suspect writes down that a shard has two sessions, unless the older connection turns out to
// have ended: the server may read of its end a little later than of the new session.
func (s *Server) suspect(c, old *conn) {
	shard := old.shard
	time.AfterFunc(doubleWait, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.closed && s.conns[old] && old.live && !old.wire.frozen() && s.conns[c] {
			s.violate(c, "two sessions", "shard %v has one already, on connection %d", shard, old.number)
		}
	})
}
