package shardmanager

import (
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/session"
)

// steps are how long what no limit holds up takes a shard: the means of what the shards have seen of late.
type steps struct {
	dial    time.Duration // from the beginning of a dial until there is a connection
	hello   time.Duration // and from there to Hello
	ready   time.Duration // from Identify to READY
	resumed time.Duration // from Resume to RESUMED
	answer  time.Duration // from what needs no thought to its answer
}

// mean is that of durations.
type mean struct {
	sum time.Duration
	n   int
}

func (m *mean) add(d time.Duration) { m.sum, m.n = m.sum+max(d, 0), m.n+1 }

// or is the mean, or another value if there is none.
func (m *mean) or(other time.Duration) time.Duration {
	if m.n == 0 {
		return other
	}
	return m.sum / time.Duration(m.n)
}

// stepsSeen looks through the latest moves of all shards. READY, if nobody has seen one yet, takes as long as a dial, and
// RESUMED as long as a heartbeat's ACK. latest is the latest READY.
func (m *Manager) stepsSeen(status actors.Status) (s steps, latest time.Time) {
	var dial, hello, ready, resumed, answer mean
	for i := range status.Shards {
		shard := &status.Shards[i]
		if !shard.LatencyAt.IsZero() {
			answer.add(shard.Latency)
		}
		moves := m.board.Moves(shard.Key())
		for j, move := range moves {
			if move.To == session.AwaitingHello && move.Conn == shard.Conn && !shard.Dialled.IsZero() {
				dial.add(move.At.Sub(shard.Dialled))
			}
			if j == 0 {
				continue
			}
			took := move.At.Sub(moves[j-1].At)
			switch {
			case move.From == session.AwaitingHello && (move.To == session.Queued || move.To == session.Resuming):
				hello.add(took)
			case move.From == session.Identifying && move.To == session.Ready:
				ready.add(took)
				if move.At.After(latest) {
					latest = move.At
				}
			case move.From == session.Resuming && move.To == session.Ready:
				resumed.add(took)
			}
		}
	}
	s = steps{dial: dial.or(0), hello: hello.or(0)}
	s.ready = ready.or(s.dial)
	s.answer = min(answer.or(s.dial), s.dial) // a dial is more than one way there and back, while an ACK may come behind much else
	s.resumed = resumed.or(s.answer)
	return s, latest
}
