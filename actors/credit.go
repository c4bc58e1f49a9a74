package actors

import (
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/session"
)

// debt is the credit of one batch.
type debt struct {
	*link
	frames int
}

// frames takes what came, and gives back its credit unless the subscribers are behind.
func (s *shard) frames(b *batch) {
	for _, data := range b.frames {
		s.machine.Step(s.now, session.Input{Kind: session.Frame, Conn: b.conn, Data: data, At: b.at})
	}
	s.arm()
	owed := debt{b.link, len(b.frames)}
	b.done()
	if s.full {
		s.owed = append(s.owed, owed)
		return
	}
	owed.repay(owed.frames)
}

// stall holds back credits: in the end the gateway has to wait, not we.
func (s *shard) stall() {
	if !s.full {
		s.full = true
		s.log().Warn("subscribers are behind: reading pauses", zap.Strings("handlers", s.out.Behind()))
	}
}

func (s *shard) flow() {
	if !s.full {
		return
	}
	s.full = false
	for _, d := range s.owed {
		d.repay(d.frames)
	}
	s.owed = nil
	s.step(session.Input{Kind: session.Flowing})
}
