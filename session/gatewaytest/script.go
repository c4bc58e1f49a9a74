package gatewaytest

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// Script gives orders for one shard. No order waits, and orders for its connection do nothing
// while there is none. What is sent to a client keeps the order of the calls.
type Script struct {
	server *Server
	index  int
	total  int // 0: the newest session of the index
	number int // of the session; 0: the newest
}

// Shard is the script of the shard with the index; its orders go to the newest session.
func (s *Server) Shard(index int) Script { return Script{server: s, index: index} }

// ShardOf is the script of one shard of a total, for a bot that is changing its number of shards.
func (s *Server) ShardOf(id events.ShardID) Script {
	return Script{server: s, index: id.Index, total: id.Total}
}

// Session is the script of one session, by its number from 1 (see [Entry]), for a shard that has
// several. It does nothing once a session was forgotten that is long over.
func (s *Server) Session(number int) Script { return Script{server: s, number: number} }

// with runs f under the server's lock, with the shard's session if there is one.
func (s Script) with(f func(*sess)) {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	session := s.server.latest[s.index]
	if s.total != 0 {
		session = s.server.newest[events.ShardID{Index: s.index, Total: s.total}]
	}
	if s.number != 0 {
		session = nil
		for _, other := range s.server.sessions {
			if other.number == s.number {
				session = other
			}
		}
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

// Dispatch makes an event of this session alone, with d as its data, whatever its intents, and
// returns its sequence: 0 if there is no session. While no client is there it waits for a Resume.
// It panics if d is not JSON. What happens to a guild is an order to the [World].
func (s Script) Dispatch(t events.Type, d any) (seq int64) {
	data := encode(d)
	s.with(func(session *sess) { seq = s.server.dispatchEncoded(session, t, data) })
	return seq
}

// RequestHeartbeat asks for a heartbeat (op 1).
func (s Script) RequestHeartbeat() {
	s.withConn(func(c *conn) {
		c.asked++
		c.payload(events.OpHeartbeat, nil)
	})
}

// Reconnect asks to reconnect (op 7).
func (s Script) Reconnect() { s.withConn(func(c *conn) { c.payload(events.OpReconnect, nil) }) }

// InvalidSession declares the session invalid (op 9). Unless it is resumable it is gone. The
// connection stays, and has no session until the client identifies or resumes.
func (s Script) InvalidSession(resumable bool) {
	s.with(func(session *sess) {
		if !resumable {
			s.server.revoke(session)
		}
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
		if ending[code] {
			s.server.revoke(session)
		}
		if session.conn != nil {
			session.conn.closeWith(code, "")
		}
	})
}

// Drop cuts the connection without a close frame, and without sending what is still queued.
func (s Script) Drop() { s.withConn((*conn).drop) }

// Lag has the session hear of what happens to the world only after d. The order stays; 0 ends it,
// and what is late comes at once. What the session asks for is answered without lag.
func (s Script) Lag(d time.Duration) {
	s.with(func(session *sess) {
		if session.lag = d; d == 0 && len(session.late) > 0 {
			time.AfterFunc(0, func() { s.server.catchUp(session) })
		}
	})
}

// Disorder has the session hear of each event of the world after a time of its own, at random and less than d: so in another order
// than other sessions, and one that is the same in each run. That the bot joins or leaves a guild, and a guild's outage, keep their
// place. 0 ends it, and what is late comes at once.
func (s Script) Disorder(d time.Duration) {
	s.with(func(session *sess) {
		if session.disorder = d; session.dice == nil {
			session.dice = rand.New(rand.NewPCG(uint64(session.number), 0x646963))
		}
		if d == 0 && len(session.late) > 0 {
			time.AfterFunc(0, func() { s.server.catchUp(session) })
		}
	})
}

// Lose keeps the next n events of the world from the session: it is never told of them, and its
// sequence has no gap. That is what a loss of Discord's own looks like.
func (s Script) Lose(n int) { s.with(func(session *sess) { session.losing = n }) }

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

// OutageAt is an outage of one address alone, such as that of [Server.ResumeURL]. A server that
// listens on a port has one address, in which ResumeURL's path is told apart: connections to it end without an answer.
func (s *Server) OutageAt(url string, on bool) {
	host := s.addressOf(url)
	s.net.at(host, func(a *address) { a.refused = on })
	if !on {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if s.net.one(c.wire.LocalAddr().String()) == host || c.resumes && host == resumePath {
			c.drop()
		}
	}
}

// addressOf is what the network knows the address of a URL by.
func (s *Server) addressOf(url string) string {
	if url == s.ResumeURL && s.net.tcp != nil {
		return resumePath
	}
	return s.net.one(hostOf(url))
}

// Hang takes new connections and does not answer them, not even their handshake, or ends that
// and closes those that wait. Connections that there are go on.
func (s *Server) Hang(on bool) { s.net.hang(on) }

// HangAt is Hang for one address alone.
func (s *Server) HangAt(url string, on bool) {
	s.net.at(s.addressOf(url), func(a *address) { a.hanging = on })
	if !on {
		s.net.release()
	}
}

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
	s.revokeAll()
}

// revokeAll ends all sessions, the oldest first.
func (s *Server) revokeAll() {
	all := slices.SortedFunc(maps.Values(s.sessions), func(a, b *sess) int { return a.number - b.number })
	for _, session := range all {
		s.revoke(session)
	}
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
