package actors

import (
	"time"

	"github.com/signalbox-go/signalbox/session"
)

// movesKept is how many of its latest moves are kept of each shard.
const movesKept = 20

// move is a session.Change in little room: there are many shards.
type move struct {
	at            int64 // Unix nanoseconds
	cause         error
	conn, session uint32
	failed        uint16
	from, to      uint8
	lost          bool
}

// note keeps a move of the shard's session.
func (r *record) note(c session.Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.moves) == movesKept {
		copy(r.moves, r.moves[1:])
		r.moves = r.moves[:movesKept-1]
	}
	r.moves = append(r.moves, move{c.At.UnixNano(), c.Cause, uint32(c.Conn), uint32(c.Session), uint16(min(c.Failed, 1<<16-1)), uint8(c.From), uint8(c.To), c.Lost})
}

// Moves are the latest moves of a shard's session, 20 at the most, the oldest first, with their causes. Retry and Beat are not kept.
func (b *Board) Moves(key Key) (all []session.Change) {
	r := b.record(key)
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.moves {
		all = append(all, session.Change{
			At: time.Unix(0, m.at), From: session.State(m.from), To: session.State(m.to), Conn: uint64(m.conn), Session: uint64(m.session),
			Lost: m.lost, Cause: m.cause, Failed: int(m.failed),
		})
	}
	return all
}
