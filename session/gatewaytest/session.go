package gatewaytest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
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
	lostAt  time.Time
	revoked bool
	voice   map[events.Snowflake]events.Snowflake // the channel that the bot is in, by guild
}

type dispatch struct {
	seq     int64
	payload []byte
}

// botID is the bot's own user id.
const botID events.Snowflake = 4242

// resumePath tells resume_gateway_url from the gateway's own.
const resumePath = "/resume"

// dispatch makes an event of the session, and sends it if a client is there.
func (s *Server) dispatch(session *sess, t events.Type, d any) int64 {
	return s.dispatchEncoded(session, t, encode(d))
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

// identify starts a session, unless it was judged that it may not.
//
// Source: events/gateway#identifying
func (s *Server) identify(c *conn, v verdict, now time.Time) {
	switch {
	case v.code != events.CloseNone:
		s.stats.Refused++
		c.closeWith(v.code)
		return
	case v.invalid: // the client may ask again, on this connection
		s.stats.Refused++
		c.payload(events.OpInvalidSession, false)
		return
	}
	c.began, c.shard = true, v.shard
	if before := s.newest[v.shard]; before != nil && before.conn != nil {
		s.suspect(c, before.conn)
	}
	if v.compress && !c.streamed {
		c.post(outgoing{compress: true})
	}
	session := &sess{id: rand.Text(), shard: v.shard, intents: v.intents, voice: make(map[events.Snowflake]events.Snowflake)}
	s.sweep(now)
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
	session.conn, session.last = c, c
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
	guilds := s.guildsOf(session.shard)
	stubs := make([]map[string]any, 0, len(guilds))
	for _, guild := range guilds {
		stubs = append(stubs, map[string]any{"id": guild, "unavailable": true})
	}
	ready := map[string]any{
		"v": 10, "user": map[string]any{"id": botID, "username": "signalbox", "discriminator": "0", "bot": true},
		"guilds": stubs, "session_id": session.id, "resume_gateway_url": s.URL + resumePath,
		"application": map[string]any{"id": botID, "flags": 0},
	}
	if sharded { // it echoes what was sent
		ready["shard"] = [2]int{session.shard.Index, session.shard.Total}
	}
	s.dispatch(session, "READY", ready)
	if session.intents&intentGuilds == 0 {
		return
	}
	for _, guild := range guilds {
		s.dispatch(session, "GUILD_CREATE", map[string]any{
			"id": guild, "name": "guild " + guild.String(), "owner_id": "1", "member_count": s.set.members,
			"members": []any{}, "channels": []any{}, "threads": []any{}, "roles": []any{}, "emojis": []any{},
			"voice_states": []any{}, "presences": []any{}, "joined_at": "2026-01-01T00:00:00Z",
			"large": s.set.members > 50, "unavailable": false,
		})
	}
}

func (s *Server) guildsOf(shard events.ShardID) []events.Snowflake {
	var guilds []events.Snowflake
	for n := range s.set.guildsPerShard {
		guilds = append(guilds, GuildOf(shard, n))
	}
	for _, guild := range s.set.guilds {
		if belongs(guild, shard) {
			guilds = append(guilds, guild)
		}
	}
	return guilds
}

// resume continues a session: what was missed comes again, then RESUMED.
//
// Source: events/gateway#resuming
func (s *Server) resume(c *conn, d []byte, now time.Time) {
	var ask struct {
		Token     *string `json:"token"`
		SessionID *string `json:"session_id"`
		Seq       *int64  `json:"seq"`
	}
	if json.Unmarshal(d, &ask) != nil || ask.Token == nil || ask.SessionID == nil || ask.Seq == nil {
		s.punish(c, events.CloseUnknownOpcode, "payload", "Resume needs token, session_id and seq")
		return
	}
	if !s.accepts(*ask.Token) {
		s.stats.Refused++
		s.punish(c, events.CloseAuthenticationFailed, "token", "a Resume with a token that is not the bot's")
		return
	}
	session := s.sessions[*ask.SessionID]
	if session != nil {
		c.shard = session.shard
	}
	switch {
	case session == nil, s.dead(session, now), *ask.Seq < session.seq-int64(len(session.log)):
		s.stats.Refused++
		if session != nil {
			session.revoked = true
		}
		c.payload(events.OpInvalidSession, false)
		return
	case *ask.Seq > session.seq:
		s.stats.Refused++
		session.revoked = true
		s.punish(c, events.CloseInvalidSeq, "resume sequence", "%d, but only %d were sent", *ask.Seq, session.seq)
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
		if missed.seq > *ask.Seq {
			c.post(outgoing{payload: missed.payload})
		}
	}
	c.live = true
	s.stats.Resumes++
	s.note(c, Entry{Kind: Resumed, Seq: *ask.Seq})
	s.dispatch(session, "RESUMED", map[string]any{})
}
