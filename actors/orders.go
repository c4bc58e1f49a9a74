package actors

import "github.com/signalbox-go/signalbox/session"

// input is what a message of the dialer's is to the session.
func (s *shard) input(message any) (in session.Input) {
	switch m := message.(type) {
	case connected:
		s.record.dialled.Store(m.dialled)
		tell(s.observers.connected, ObserverConnected.OnConnected, Connected{s.key, m.conn, m.took})
		in = session.Input{Kind: session.Connected, Conn: m.conn}
	case turnCame:
		in = session.Input{Kind: session.Waiting, Conn: m.conn, At: m.turn}
	case lost:
		in = session.Input{Kind: session.Lost, Conn: m.conn, Err: m.err, At: dialAgain(m.err)}
	case reachable:
		in = session.Input{Kind: session.Reachable, At: m.before}
	}
	return in
}

// obey does what the supervisor orders.
func (s *shard) obey(message any) {
	switch m := message.(type) {
	case drainShard:
		s.drains = m.drain
	case assignRole:
		s.role = m.role
		s.tookRole()
		s.say(shardTook, m.turn)
	case restartShard:
		s.drains = false
		s.step(session.Input{Kind: session.Restart, Err: m.cause})
		s.step(session.Input{Kind: session.Start})
		s.say(shardRestarted, m.restarts)
	case reidentifyShard:
		s.drains = false
		s.renew(m.sessions, m.cause)
		s.say(shardRestarted, m.restarts)
	case stopShard:
		s.step(session.Input{Kind: session.Stop, Code: closeCode(m.code), Err: ErrClosed})
	case affordable:
		if now := s.record.still(); now.state == session.Backoff && now.refused {
			s.step(session.Input{Kind: session.Start})
		}
	case crash:
		panic("actors: crash rehearsed by CrashShard")
	}
}
