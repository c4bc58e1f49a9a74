package gatewaytest

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// sess is a session: it outlives its connections, and keeps what it has sent.
type sess struct {
	id      string
	number  int // from 1
	shard   events.ShardID
	intents events.Intents
	seq     int64
	log     []dispatch // the latest, for a replay
	conn    *conn      // nil: no client is there
	last    *conn      // the newest that was there
	since   time.Time  // when conn came
	lostAt  time.Time
	revoked bool

	threshold int // Identify's large_threshold
	hearing
}

type dispatch struct {
	seq     int64
	payload []byte
}

// resumePath tells resume_gateway_url from the gateway's own.
const resumePath = "/resume"

// dispatch makes an event of the session, and sends it if a client is there.
func (s *Server) dispatch(session *sess, t events.Type, d any) int64 {
	return s.dispatchEncoded(session, t, s.world.encode(d))
}

func (s *Server) dispatchEncoded(session *sess, t events.Type, d []byte) int64 {
	session.seq++
	s.note(session.conn, Entry{Kind: Dispatched, Shard: session.shard, Session: session.number, Type: t, Seq: session.seq, Data: d})
	payload := fmt.Appendf(nil, `{"t":%q,"s":%d,"op":0,"d":%s}`, t, session.seq, d)
	session.log = append(session.log, dispatch{session.seq, payload})
	if len(session.log) > s.set.replay {
		session.log = session.log[len(session.log)-s.set.replay:]
	}
	s.stats.Dispatched++
	if session.conn != nil && session.conn.live {
		session.conn.post(outgoing{payload: payload})
	}
	return session.seq
}

// dead reports whether a session can be resumed no more.
func (s *Server) dead(session *sess, now time.Time) bool {
	return session.revoked || session.conn == nil && now.Sub(session.lostAt) > s.set.resumeTimeout
}

// sweep forgets dead sessions once they are many.
func (s *Server) sweep(now time.Time) {
	if len(s.sessions) < 64+2*len(s.newest) {
		return
	}
	for id, session := range s.sessions {
		if s.dead(session, now) && s.newest[session.shard] != session {
			delete(s.sessions, id)
		}
	}
}

// revoke ends a session: it cannot be resumed, and the bot leaves the voice channels that it had it in.
func (s *Server) revoke(session *sess) {
	if !session.revoked {
		session.revoked = true
		s.world.hangUp(session)
	}
}

// enrol has a session hear of the world. Those of its shard that are over hear no more.
func (s *Server) enrol(session *sess, now time.Time) {
	if !slices.Contains(s.totals, session.shard.Total) {
		s.totals = append(s.totals, session.shard.Total)
		slices.Sort(s.totals)
	}
	var kept []*sess
	for _, other := range s.told[session.shard] {
		if other.conn != nil || !s.dead(other, now) {
			kept = append(kept, other)
		} else {
			s.revoke(other)
		}
	}
	s.told[session.shard] = append(kept, session)
}

// identify starts a session, unless it was judged that it may not.
//
// Source: events/gateway#identifying
func (s *Server) identify(c *conn, v verdict, now time.Time) {
	switch {
	case v.code != events.CloseNone:
		s.stats.Refused++
		c.closeWith(v.code, v.detail)
		return
	case v.invalid: // the client may ask again, on this connection
		s.stats.Refused++
		c.payload(events.OpInvalidSession, false)
		return
	}
	c.began, c.shard = true, v.shard
	if before := s.newest[v.shard]; before != nil && before.conn != nil && !s.set.parallel {
		s.suspect(c, before.conn)
	}
	if v.compress && !c.streamed {
		c.post(outgoing{compress: true})
	}
	session := &sess{id: rand.Text(), shard: v.shard, intents: v.intents, threshold: v.threshold}
	s.sweep(now)
	s.enrol(session, now)
	s.sessions[session.id] = session
	s.newest[v.shard], s.latest[v.shard.Index] = session, session
	s.stats.Identifies++
	session.number = s.stats.Identifies
	s.attach(c, session)
	s.note(c, Entry{Kind: Began, Data: []byte(session.id)})
	c.live = true
	s.welcome(session, v.sharded)
}

// attach makes c the session's connection, and does to it what was planned.
func (s *Server) attach(c *conn, session *sess) {
	session.conn, session.last, session.since = c, c, time.Now()
	c.session, c.orphan = session, false
	if n, planned := s.cuts[session.shard.Index]; planned {
		delete(s.cuts, session.shard.Index)
		c.cutAfter(n)
	}
}

// welcome sends READY and the guilds.
//
// Source: events/gateway-events#ready, events/gateway#guild-availability
func (s *Server) welcome(session *sess, sharded bool) {
	guilds := s.world.guildsOf(session.shard)
	stubs := make([]object, 0, len(guilds))
	for _, g := range guilds {
		stubs = append(stubs, object{"id": g.id, "unavailable": true})
	}
	ready := object{
		"v": session.conn.version, "user": s.world.self(), "guilds": stubs, "session_id": session.id, "resume_gateway_url": session.conn.resume,
		"application": object{"id": BotID, "flags": s.applicationFlags(), "flags_new": strconv.Itoa(s.applicationFlags())},
	}
	if !s.set.exact { // it is sent and not documented, and there are libraries that need it
		ready["private_channels"] = []any{}
	}
	if sharded { // it echoes what was sent
		ready["shard"] = [2]int{session.shard.Index, session.shard.Total}
	}
	s.dispatch(session, "READY", ready)
	if session.intents&intentGuilds == 0 {
		return
	}
	for _, g := range guilds {
		if g.unavailable {
			s.dispatch(session, "GUILD_DELETE", object{"id": g.id, "unavailable": true})
		} else {
			s.dispatch(session, "GUILD_CREATE", g.create(session))
		}
	}
}

// resume continues a session: what was missed comes again, then RESUMED.
//
// Source: events/gateway#resuming
func (s *Server) resume(c *conn, d []byte, now time.Time) {
	var token, id string
	var seq int64
	ask := read(d)
	ask.need("token", &token)
	ask.need("session_id", &id)
	if ask.need("seq", &seq); ask.err != nil {
		s.punish(c, events.CloseUnknownOpcode, "payload", "Resume: %v", ask.err)
		return
	}
	if !s.accepts(token) {
		s.stats.Refused++
		s.punish(c, events.CloseAuthenticationFailed, "token", "a Resume with a token that is not the bot's")
		return
	}
	session := s.sessions[id]
	if session != nil {
		c.shard = session.shard
	}
	switch {
	case session == nil, s.dead(session, now), seq < session.seq-int64(len(session.log)):
		s.stats.Refused++
		if session != nil {
			s.revoke(session)
		}
		c.payload(events.OpInvalidSession, false)
		return
	case seq > session.seq:
		s.stats.Refused++
		s.revoke(session)
		s.punish(c, events.CloseInvalidSeq, "resume sequence", "seq is %d, but only %d were sent", seq, session.seq)
		return
	}
	if c.claimed > session.seq {
		s.violate(c, "heartbeat", "d was %d, but only %d were sent", c.claimed, session.seq)
	}
	if old := session.conn; old != nil {
		old.leave()
		old.cut()
	}
	c.began = true
	s.attach(c, session)
	for _, missed := range session.log {
		if missed.seq > seq {
			c.post(outgoing{payload: missed.payload})
		}
	}
	c.live = true
	s.stats.Resumes++
	s.note(c, Entry{Kind: Resumed, Seq: seq})
	s.dispatch(session, "RESUMED", map[string]any{})
}
