package gatewaytest

import (
	"net/http"

	"github.com/signalbox-go/signalbox/events"
)

// Script gives orders for one shard. Orders for its connection do nothing while there is none.
type Script struct {
	server *Server
	index  int
}

// plan is what is to be done to the next connection of a shard, once its session is live.
type plan struct {
	cut int64 // bytes; 0: none
}

// Shard is the script of the shard with the index; its orders go to the newest session.
func (s *Server) Shard(index int) Script { return Script{s, index} }

// with runs f under the server's lock, with the shard's session if there is one.
func (s Script) with(f func(*sess)) {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if session := s.server.newest[s.index]; session != nil {
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
// session. While no client is there it waits for a Resume.
func (s Script) Dispatch(t events.Type, d any) (seq int64) {
	s.with(func(session *sess) { seq = s.server.dispatch(session, t, d) })
	return seq
}

// RequestHeartbeat asks for a heartbeat (op 1).
func (s Script) RequestHeartbeat() {
	s.withConn(func(c *conn) { c.payload(events.OpHeartbeat, nil) })
}

// Reconnect asks to reconnect (op 7).
func (s Script) Reconnect() { s.withConn(func(c *conn) { c.payload(events.OpReconnect, nil) }) }

// InvalidSession declares the session invalid (op 9). Unless it is resumable it is gone.
func (s Script) InvalidSession(resumable bool) {
	s.with(func(session *sess) {
		session.revoked = session.revoked || !resumable
		if session.conn != nil {
			session.conn.payload(events.OpInvalidSession, resumable)
		}
	})
}

// Close closes the connection with a code. A code after which there is no Resume ends the session.
func (s Script) Close(code events.CloseCode) {
	s.with(func(session *sess) {
		session.revoked = session.revoked || code.Verdict() != events.VerdictResume
		if session.conn != nil {
			session.conn.closeWith(code)
		}
	})
}

// Drop cuts the connection without a close frame, and without sending what is still queued.
func (s Script) Drop() { s.withConn(func(c *conn) { c.cut() }) }

// MuteAcks stops the answers to heartbeats on this connection, or lets them go on.
func (s Script) MuteAcks(on bool) { s.withConn(func(c *conn) { c.muted = on }) }

// Freeze stops reading and writing on this connection, without ending it, or goes on.
func (s Script) Freeze(on bool) { s.withConn(func(c *conn) { c.freeze(on) }) }

// CutAt cuts the connection after n more bytes have been sent to the client; if there is no
// connection, the next one after READY or RESUMED is on its way.
func (s Script) CutAt(n int64) {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if session := s.server.newest[s.index]; session != nil && session.conn != nil {
		session.conn.cutAfter(n)
		return
	}
	p := s.server.plans[s.index]
	p.cut = n
	s.server.plans[s.index] = p
}

// SendRaw sends a payload as it is.
func (s Script) SendRaw(payload []byte) {
	s.withConn(func(c *conn) { c.post(outgoing{payload: payload}) })
}

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

// carryOut does to a connection what was planned for its shard.
func (s *Server) carryOut(c *conn) {
	if p, ok := s.plans[c.shard.Index]; ok {
		delete(s.plans, c.shard.Index)
		c.cutAfter(p.cut)
	}
}

func (c *conn) cutAfter(n int64) {
	if w, ok := c.ws.NetConn().(*wire); ok {
		w.left.Store(n)
	}
}

// Outage refuses all connections and cuts those there are, or ends that.
func (s *Server) Outage(on bool) {
	s.net.refuse.Store(on)
	if on {
		s.DropAll()
	}
}

// DropAll cuts all connections.
func (s *Server) DropAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.cut()
	}
}

// ForgetSessions ends all sessions: a Resume is answered with op 9.
func (s *Server) ForgetSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, session := range s.sessions {
		session.revoked = true
	}
}

// OnFrame has f look at every payload of a client before the server does; if f returns true
// the server does nothing with it.
func (s *Server) OnFrame(f func(Frame) (handled bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.intercept = f
}

// OnConnect has f called for every connection, by its number from 1; if f returns true the
// server does not say Hello.
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
			c.post(outgoing{payload: payload})
		}
	}
}

// OnDiscovery has f answer GET /gateway/bot; if it returns false the server does.
func (s *Server) OnDiscovery(f func(http.ResponseWriter) (handled bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.discovery = f
}

// SetSessionStarts changes how many Identifies are left today.
func (s *Server) SetSessionStarts(remaining int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remaining = remaining
}
