package actors

import (
	"time"

	"github.com/signalbox-go/signalbox/session"
)

// movesKept is how many of its latest moves are kept of each shard.
const movesKept = 20

// usualMoves are those of a shard that becomes Ready and stays so.
const usualMoves = 6

// move is a session.Change in 32 bytes: there are many shards.
type move struct {
	at      int64 // Unix nanoseconds
	cause   error
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
	if len(r.moves) == movesKept {
		copy(r.moves, r.moves[1:])
		r.moves = r.moves[:movesKept-1]
	}
	m := move{c.At.UnixNano(), c.Cause, uint32(c.Conn), uint16(min(c.Session, 1<<16-1)), uint8(c.From)<<4 | uint8(c.To), uint8(min(c.Failed, manyFailed))}
	if c.Lost {
		m.failed |= lostBit
	}
	if r.moves == nil {
		r.moves = make([]move, 0, usualMoves)
	}
	r.moves = append(r.moves, m)
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
	for _, m := range r.moves {
		all = append(all, session.Change{
			At: time.Unix(0, m.at), From: session.State(m.states >> 4), To: session.State(m.states & 15), Conn: uint64(m.conn), Session: uint64(m.session),
			Lost: m.failed&lostBit != 0, Cause: m.cause, Failed: int(m.failed & manyFailed),
		})
	}
	return all
}
