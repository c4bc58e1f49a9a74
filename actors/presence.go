package actors

import (
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
)

// presenceAgain is when a presence of which nothing was heard, as the supervisor may have crashed with it, is asked for again.
const presenceAgain = time.Minute

// present has the supervisor admit the presence that the session is to be sent, as it does with what a caller asks for. It has the
// lowest serial of all: one that a caller asks for takes its place.
func (s *shard) present() {
	presence, due := s.machine.Presence()
	if !due || s.shows != nil && !s.shows.over() && s.now.Sub(s.shows.asked) < presenceAgain {
		return
	}
	r := &request{key: s.key, event: events.Request{Op: events.OpPresenceUpdate, Data: []byte(presence)}, asked: s.now, system: s.system, again: true}
	var err error
	if r.payload, err = r.event.Payload(); err != nil { // it was written before, or is checked
		s.log().Error("presence not sent", zap.Error(err))
		return
	}
	s.shows = r
	s.system.Root.Send(s.supervisor, r)
}

// outdated ends a presence that is to be sent again, and is not any more: a caller's was sent meanwhile.
func (s *shard) outdated(r *request) bool {
	presence, due := s.machine.Presence()
	if !r.again || due && presence == string(r.event.Data) {
		return false
	}
	r.fail(Admitted, ErrSuperseded, events.Answer{})
	return true
}
