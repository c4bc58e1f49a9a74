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
	shard   events.ShardID
	token   string
	intents events.Intents
	seq     int64
	log     []dispatch // the latest, for a replay
	conn    *conn      // nil: no client is there
	lostAt  time.Time
	revoked bool
}

type dispatch struct {
	seq     int64
	payload []byte
}

// botID is the bot's own user id.
const botID events.Snowflake = 4242

// dispatch makes an event of the session, and sends it if a client is there.
func (s *Server) dispatch(session *sess, t events.Type, d any) int64 {
	session.seq++
	data, err := json.Marshal(d)
	if err != nil {
		panic(fmt.Sprintf("gatewaytest: %s cannot be encoded: %v", t, err))
	}
	payload := fmt.Appendf(nil, `{"t":%q,"s":%d,"op":0,"d":%s}`, t, session.seq, data)
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

// identify starts a session, or refuses to.
//
// Source: events/gateway#identifying, events/gateway#session-start-limit-object
func (s *Server) identify(c *conn, d []byte) {
	var identify struct {
		Token      string             `json:"token"`
		Properties *events.Properties `json:"properties"`
		Compress   bool               `json:"compress"`
		Shard      *events.ShardID    `json:"shard"`
		Intents    *events.Intents    `json:"intents"`
	}
	now := time.Now()
	if err := json.Unmarshal(d, &identify); err != nil || identify.Properties == nil || identify.Intents == nil {
		s.punish(c, events.CloseUnknownOpcode, "identify", "it lacks properties or intents, or cannot be read")
		return
	}
	shard := events.ShardID{Index: 0, Total: 1}
	if identify.Shard != nil {
		shard = *identify.Shard
	}
	c.shard = shard
	if !s.accepts(identify.Token) {
		s.stats.Refused++
		c.closeWith(events.CloseAuthenticationFailed)
		return
	}
	if code := s.invalid(shard, *identify.Intents); code != events.CloseNone {
		s.stats.Refused++
		c.closeWith(code)
		return
	}
	s.refill()
	if s.remaining--; s.remaining < 0 {
		s.reset = true
		s.violate(c, "budget", "an Identify beyond the daily budget: the token is reset")
		c.closeWith(events.CloseAuthenticationFailed)
		return
	}
	if !s.spaced(c, shard, now) {
		s.stats.Refused++
		c.payload(events.OpInvalidSession, false)
		return
	}
	if before := s.newest[shard.Index]; before != nil && before.shard == shard && before.conn != nil && before.conn.live {
		s.violate(c, "two sessions", "shard %v has a live session already", shard)
	}
	if identify.Compress && !c.streamed {
		c.post(outgoing{compress: true})
	}
	session := &sess{id: rand.Text(), shard: shard, token: identify.Token, intents: *identify.Intents, conn: c}
	s.sessions[session.id] = session
	s.newest[shard.Index] = session
	c.session, c.live = session, true
	s.stats.Identifies++
	s.welcome(session)
	s.carryOut(c)
}

// invalid are the close codes for what Identify asks for.
func (s *Server) invalid(shard events.ShardID, intents events.Intents) events.CloseCode {
	switch {
	case !shard.Valid():
		return events.CloseInvalidShard
	case intents.Unknown() != 0:
		return events.CloseInvalidIntents
	case !s.set.intents.Has(intents):
		return events.CloseDisallowedIntents
	}
	return events.CloseNone
}

// spaced counts by brute force: one Identify of a key in 5 s, and one for each key in all.
//
// Source: events/gateway#max-concurrency
func (s *Server) spaced(c *conn, shard events.ShardID, now time.Time) bool {
	const interval = 5 * time.Second
	kept := s.identified[:0]
	for _, i := range s.identified {
		if now.Sub(i.at) < interval {
			kept = append(kept, i)
		}
	}
	s.identified = kept
	key, ok := shard.Index%s.set.concurrency, true
	for _, i := range kept {
		if i.key == key {
			s.violate(c, "identify spacing", "key %d again after %v", key, now.Sub(i.at))
			ok = false
		}
	}
	if len(kept) >= s.set.concurrency {
		s.violate(c, "identify concurrency", "%d within 5 s, of at most %d", len(kept)+1, s.set.concurrency)
		ok = false
	}
	s.identified = append(s.identified, identifyAt{key, now})
	return ok
}

// welcome sends READY and the guilds.
func (s *Server) welcome(session *sess) {
	guilds := s.guildsOf(session.shard)
	stubs := make([]map[string]any, 0, len(guilds))
	for _, guild := range guilds {
		stubs = append(stubs, map[string]any{"id": guild, "unavailable": true})
	}
	s.dispatch(session, "READY", map[string]any{
		"v": 10, "user": map[string]any{"id": botID, "username": "signalbox", "discriminator": "0", "bot": true},
		"guilds": stubs, "session_id": session.id, "resume_gateway_url": s.URL + "/resume",
		"shard": session.shard, "application": map[string]any{"id": botID, "flags": 0},
	})
	if !session.intents.Has(events.IntentGuilds) {
		return
	}
	for _, guild := range guilds {
		s.dispatch(session, "GUILD_CREATE", map[string]any{
			"id": guild, "name": "guild " + guild.String(), "owner_id": "1", "member_count": s.set.members,
			"channels": []any{}, "roles": []any{}, "emojis": []any{}, "joined_at": "2026-01-01T00:00:00Z",
		})
	}
}

func (s *Server) guildsOf(shard events.ShardID) []events.Snowflake {
	var guilds []events.Snowflake
	for n := range s.set.guildsPerShard {
		guilds = append(guilds, GuildOf(shard, n))
	}
	for _, guild := range s.set.guilds {
		if events.ShardFor(guild, shard.Total) == shard.Index {
			guilds = append(guilds, guild)
		}
	}
	return guilds
}

// resume continues a session: what was missed comes again, then RESUMED.
//
// Source: events/gateway#resuming
func (s *Server) resume(c *conn, d []byte) {
	var resume struct {
		Token     string `json:"token"`
		SessionID string `json:"session_id"`
		Seq       int64  `json:"seq"`
	}
	if json.Unmarshal(d, &resume) != nil {
		s.punish(c, events.CloseDecodeError, "resume", "it cannot be read")
		return
	}
	if !s.accepts(resume.Token) {
		s.stats.Refused++
		c.closeWith(events.CloseAuthenticationFailed)
		return
	}
	session := s.sessions[resume.SessionID]
	gone := session == nil || session.revoked || session.conn == nil && time.Since(session.lostAt) > s.set.resumeTimeout
	if session != nil {
		c.shard = session.shard
	}
	oldest := int64(1)
	if !gone && len(session.log) > 0 {
		oldest = session.log[0].seq
	}
	switch {
	case gone || resume.Seq+1 < oldest:
		s.stats.Refused++
		if session != nil {
			session.revoked = true
		}
		c.payload(events.OpInvalidSession, false)
		return
	case resume.Seq > session.seq:
		session.revoked = true
		s.punish(c, events.CloseInvalidSeq, "resume sequence", "%d, but only %d were sent", resume.Seq, session.seq)
		return
	}
	if old := session.conn; old != nil {
		old.session = nil
		old.cut()
	}
	session.conn, c.session = c, session
	for _, missed := range session.log {
		if missed.seq > resume.Seq {
			c.post(outgoing{payload: missed.payload})
		}
	}
	c.live = true
	s.stats.Resumes++
	s.dispatch(session, "RESUMED", map[string]any{})
	s.carryOut(c)
}
