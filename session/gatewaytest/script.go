package gatewaytest

import (
	"encoding/json"

	"github.com/signalbox-go/signalbox/events"
)

// Script gives orders for one shard. No order waits, and orders for its connection do nothing
// while there is none. What is sent to a client keeps the order of the calls.
type Script struct {
	server *Server
	index  int
	total  int // 0: the newest session of the index
}

// Shard is the script of the shard with the index; its orders go to the newest session.
func (s *Server) Shard(index int) Script { return Script{s, index, 0} }

// ShardOf is the script of one shard of a total, for a bot that is changing its number of shards.
func (s *Server) ShardOf(id events.ShardID) Script { return Script{s, id.Index, id.Total} }

// with runs f under the server's lock, with the shard's session if there is one.
func (s Script) with(f func(*sess)) {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	session := s.server.latest[s.index]
	if s.total != 0 {
		session = s.server.newest[events.ShardID{Index: s.index, Total: s.total}]
	}
	if session != nil {
		f(session)
	}
}

// withConn runs f with the shard's connection, if there is one.
func (s Script) withConn(f func(*conn)) {
	s.with(func(session *sess) {
		if session.conn != nil {
			f(session.conn)
		}
	})
}

// Dispatch makes an event with d as its data, and returns its sequence: 0 if there is no
// session. While no client is there it waits for a Resume. It panics if d is not JSON.
func (s Script) Dispatch(t events.Type, d any) (seq int64) {
	data := encode(d)
	s.with(func(session *sess) { seq = s.server.dispatchEncoded(session, t, data) })
	return seq
}

// RequestHeartbeat asks for a heartbeat (op 1).
func (s Script) RequestHeartbeat() {
	s.withConn(func(c *conn) { c.payload(events.OpHeartbeat, nil) })
}

// Reconnect asks to reconnect (op 7).
func (s Script) Reconnect() { s.withConn(func(c *conn) { c.payload(events.OpReconnect, nil) }) }

// InvalidSession declares the session invalid (op 9). Unless it is resumable it is gone. The
// connection stays, and has no session until the client identifies or resumes.
func (s Script) InvalidSession(resumable bool) {
	s.with(func(session *sess) {
		session.revoked = session.revoked || !resumable
		if c := session.conn; c != nil {
			c.payload(events.OpInvalidSession, resumable)
			c.leave()
			c.began = false
		}
	})
}

// ending are the codes after which there is no Resume.
//
// Source: topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
var ending = map[events.CloseCode]bool{
	4004: true, 4005: true, 4006: true, 4007: true, 4009: true,
	4010: true, 4011: true, 4012: true, 4013: true, 4014: true,
}

// Close closes the connection with a code. A code after which there is no Resume, such as 4007,
// 4009 and those that are fatal, ends the session.
func (s Script) Close(code events.CloseCode) {
	s.with(func(session *sess) {
		session.revoked = session.revoked || ending[code]
		if session.conn != nil {
			session.conn.closeWith(code)
		}
	})
}

// Drop cuts the connection without a close frame, and without sending what is still queued.
func (s Script) Drop() { s.withConn((*conn).drop) }

// MuteAcks stops the answers to heartbeats on this connection, or lets them go on.
func (s Script) MuteAcks(on bool) { s.withConn(func(c *conn) { c.muted = on }) }

// Freeze stops reading and writing on this connection, without ending it, or goes on: then
// what the client has sent meanwhile is read, and for a minute its timing is not judged. A
// frozen connection is still the session's, until the client gives it up.
func (s Script) Freeze(on bool) {
	s.with(func(session *sess) {
		if session.last != nil {
			session.last.freeze(on)
		}
	})
}

// CutAt cuts the connection after n more bytes have been sent to the client. If there is no
// connection it is done to the next one of the shard, and counts from its READY, or from the
// first that its Resume replays.
func (s Script) CutAt(n int64) {
	planned := true
	s.withConn(func(c *conn) {
		planned = false
		c.cutAfter(n)
	})
	if planned {
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		s.server.cuts[s.index] = n
	}
}

// SendRaw sends a payload as it is: also one that is no JSON, or that breaks the protocol.
func (s Script) SendRaw(payload []byte) { s.withConn(func(c *conn) { c.raw(payload) }) }

// Seq is the sequence of the session's latest event; 0 if there is no session.
func (s Script) Seq() (seq int64) {
	s.with(func(session *sess) { seq = session.seq })
	return seq
}

// Live reports whether the shard has a session with a client.
func (s Script) Live() (live bool) {
	s.withConn(func(c *conn) { live = c.live })
	return live
}

func (c *conn) cutAfter(n int64) { c.wire.left.Store(max(0, n)) }

func (c *conn) drop() {
	c.leave()
	c.cut()
}

// raw sends a payload as it is. A Hello counts as the server's own.
func (c *conn) raw(payload []byte) {
	var envelope struct {
		Op events.Opcode   `json:"op"`
		D  json.RawMessage `json:"d"`
	}
	if json.Unmarshal(payload, &envelope) == nil {
		c.srv.note(c, Entry{Kind: Sent, Op: envelope.Op, Data: envelope.D})
		if envelope.Op == events.OpHello {
			c.greet()
		}
	}
	c.post(outgoing{payload: payload})
}

// Outage refuses all connections and cuts those there are, or ends that.
func (s *Server) Outage(on bool) {
	s.net.refuse.Store(on)
	if on {
		s.DropAll()
	}
}

// Hang takes new connections and does not answer them, not even their handshake, or ends that
// and closes those that wait. Connections that there are go on.
func (s *Server) Hang(on bool) { s.net.hang(on) }

// DropAll cuts all connections.
func (s *Server) DropAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.drop()
	}
}

// ForgetSessions ends all sessions: a Resume is answered with op 9. Connections go on.
func (s *Server) ForgetSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, session := range s.sessions {
		session.revoked = true
	}
}

// OnFrame has f look at every payload of a client before the server does; if f returns true
// the server does not answer it. Limits are judged all the same. It is called on the
// connection's goroutine, and may give orders.
func (s *Server) OnFrame(f func(Frame) (handled bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.intercept = f
}

// OnConnect has f called for every connection, by its number from 1; if f returns true the
// server does not say Hello. It may send something else with SendTo.
func (s *Server) OnConnect(f func(conn int) (silent bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hello = f
}

// SendTo sends a payload on a connection, by its number, as it is.
func (s *Server) SendTo(number int, payload []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.number == number {
			c.raw(payload)
		}
	}
}
