package gatewaytest

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// hearing is how a session is told of the world.
type hearing struct {
	lag      time.Duration
	disorder time.Duration // more lag, of each event anew and at random
	dice     *rand.Rand    // for that
	late     []lateEvent   // what it will be told
	wake     time.Time     // when it is looked for what is due; zero: nothing is late
	losing   int           // how many events it is not told
}

// hear has a session hear of an event: at once, or after its lag, or not at all.
func (s *Server) hear(session *sess, t events.Type, d []byte) {
	switch {
	case session.losing > 0:
		session.losing--
		s.note(session.conn, Entry{Kind: Missed, Shard: session.shard, Session: session.number, Type: t, Data: d})
	case session.lag == 0 && session.disorder == 0 && len(session.late) == 0:
		s.dispatchEncoded(session, t, d)
	default:
		session.hearLate(lateEvent{time.Now().Add(session.lag), t, d})
		s.wakeFor(session)
	}
}

// hearLate keeps an event until it is told of. Where there is no order, those that say which guilds there are keep their place all the same.
func (h *hearing) hearLate(e lateEvent) {
	place := len(h.late)
	if h.disorder > 0 && !e.fixed() {
		e.at = e.at.Add(time.Duration(h.dice.Int64N(int64(h.disorder))))
		for place > 0 && h.late[place-1].at.After(e.at) && !h.late[place-1].fixed() {
			place--
		}
	}
	if place > 0 && h.late[place-1].at.After(e.at) {
		e.at = h.late[place-1].at
	}
	h.late = slices.Insert(h.late, place, e)
}

func (e lateEvent) fixed() bool {
	return e.kind == events.TypeGuildCreate || e.kind == events.TypeGuildDelete
}

// wakeFor has catchUp come when the next event is due.
func (s *Server) wakeFor(session *sess) {
	if len(session.late) == 0 {
		return
	}
	if at := session.late[0].at; session.wake.IsZero() || at.Before(session.wake) {
		session.wake = at
		time.AfterFunc(time.Until(at), func() { s.catchUp(session) })
	}
}

// lateEvent is an event that a session has not heard of yet.
type lateEvent struct {
	at   time.Time
	kind events.Type
	data []byte
}

// catchUp tells a session of what it should have heard of by now.
func (s *Server) catchUp(session *sess) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	now := time.Now()
	if !now.Before(session.wake) {
		session.wake = time.Time{}
	}
	for len(session.late) > 0 && (session.lag == 0 && session.disorder == 0 || !session.late[0].at.After(now)) {
		next := session.late[0]
		session.late = session.late[1:]
		s.dispatchEncoded(session, next.kind, next.data)
	}
	s.wakeFor(session)
}
