package gatewaytest

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// ShardState is how the newest session of a shard stands.
type ShardState string

// The states of a shard.
const (
	ShardReady ShardState = "ready" // a client is there, and has had READY or RESUMED
	ShardLost  ShardState = "lost"  // no client is there; it may resume
	ShardOver  ShardState = "over"  // it can be resumed no more, and the shard has no newer one: the client has to identify
)

// ShardStatus is what the server knows of a shard, by its newest session.
type ShardStatus struct {
	Shard   events.ShardID
	State   ShardState
	Since   time.Time // when the client came, or was lost
	Session int       // number of the session, from 1: see Server.Session
	Conn    int       // number of the connection, from 1; 0: no client is there
	Intents events.Intents
	Seq     int64         // of the session's latest event
	Muted   bool          // see Script.MuteAcks
	Frozen  bool          // see Script.Freeze
	Lag     time.Duration // see Script.Lag
}

// Shards are all shards that have had a session, in order: those of each total, the lowest first.
func (s *Server) Shards() []ShardStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	all := make([]ShardStatus, 0, len(s.newest))
	for _, shard := range slices.SortedFunc(maps.Keys(s.newest), func(a, b events.ShardID) int {
		return cmp.Or(a.Total-b.Total, a.Index-b.Index)
	}) {
		session := s.newest[shard]
		status := ShardStatus{
			Shard: shard, State: ShardLost, Since: session.lostAt, Session: session.number, Intents: session.intents, Seq: session.seq,
			Frozen: session.last.wire.frozen(), Lag: session.lag,
		}
		switch c := session.conn; {
		case c != nil:
			status.State, status.Since, status.Conn, status.Muted = ShardReady, session.since, c.number, c.muted
		case s.dead(session, now):
			status.State = ShardOver
		}
		all = append(all, status)
	}
	return all
}

// Guilds are the ids of the bot's guilds of a shard: the ones of WithGuildsPerShard, then those that were given or added.
func (w *World) Guilds(shard events.ShardID) (ids []events.Snowflake) {
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	for _, g := range w.guildsOf(shard) {
		ids = append(ids, g.id)
	}
	return ids
}
