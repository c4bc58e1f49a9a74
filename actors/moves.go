package actors

import (
	"time"

	"github.com/signalbox-go/signalbox/session"
)

// movesKept is how many of its latest moves are kept of each shard.
const movesKept = 20

// usualMoves are those of a shard that becomes Ready and stays so.
const usualMoves = 6

// moves are the latest ones of a shard, the oldest first, and what has caused them: nothing, mostly.
type moves struct {
	latest []move
	causes []error // of each; nil: nothing has caused any
}

// move is a session.Change in 16 bytes, but for its cause: there are many shards.
type move struct {
	at      int64 // Unix nanoseconds
	conn    uint32
	session uint16
	states  uint8 // from and to
	failed  uint8 // and whether a session was lost, in the highest bit
}

const (
	manyFailed = 1<<7 - 1
	lostBit    = 1 << 7
)

// note keeps a move of the shard's session.
func (r *record) note(c session.Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.moves == nil {
		r.moves = &moves{latest: make([]move, 0, usualMoves)}
	}
	m := move{c.At.UnixNano(), uint32(c.Conn), uint16(min(c.Session, 1<<16-1)), uint8(c.From)<<4 | uint8(c.To), uint8(min(c.Failed, manyFailed))}
	if c.Lost {
		m.failed |= lostBit
	}
	r.moves.add(m, c.Cause)
}

func (m *moves) add(latest move, cause error) {
	if cause != nil && m.causes == nil {
		m.causes = make([]error, len(m.latest), movesKept)
	}
	if len(m.latest) == movesKept {
		m.latest = append(m.latest[:0], m.latest[1:]...)
		if m.causes != nil {
			m.causes = append(m.causes[:0], m.causes[1:]...)
		}
	}
	m.latest = append(m.latest, latest)
	if m.causes != nil {
		m.causes = append(m.causes, cause)
	}
}

// Moves are the latest moves of a shard's session, 20 at the most, the oldest first, with their causes. Retry and Beat are not kept, Session is counted
// up to 65,535, and Failed up to 127.
func (b *Board) Moves(key Key) (all []session.Change) {
	r := b.record(key)
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.moves == nil {
		return nil
	}
	for i, m := range r.moves.latest {
		c := session.Change{
			At: time.Unix(0, m.at), From: session.State(m.states >> 4), To: session.State(m.states & 15), Conn: uint64(m.conn), Session: uint64(m.session),
			Lost: m.failed&lostBit != 0, Failed: int(m.failed & manyFailed),
		}
		if r.moves.causes != nil {
			c.Cause = r.moves.causes[i]
		}
		all = append(all, c)
	}
	return all
}
