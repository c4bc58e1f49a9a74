package actors

import (
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
)

const (
	probePatience = 5 * time.Second // for one Identify to find out for all; and then for whoever may know which intents are to be left out
	probeHolds    = time.Minute     // that what was found out counts
)

// probe has one Identify find out for all shards, and all identify keys, whether the gateway accepts the intents, if any may be refused (4014):
// that may cost one Identify of the day's budget, and not one for each key. Nobody waits for it longer than probePatience.
type probe struct {
	key      Key
	conn     uint64            // whose Identify finds out; 0: none is under way
	until    time.Time         // when nobody waits any longer; zero: nobody waits
	refused  bool              // the intents were refused, and it is not known which to leave out
	accepted time.Time         // until when the intents count as accepted
	held     []ratelimit.Shard // that gave their permits back, in order
}

// intents are what sessions begin with now.
func (s *Supervisor) intents() events.Intents { return s.cfg.Identify.Intents &^ s.board.LeftOut() }

// intentsOf are what the sessions of a shard begin with now.
func (s *Supervisor) intentsOf(key Key) events.Intents {
	if r := s.board.record(key); r != nil {
		if of := events.Intents(r.wanted.Load()); of != 0 {
			return of &^ s.board.LeftOut()
		}
	}
	return s.intents()
}

// identification is what a new actor of a shard identifies with.
func (s *Supervisor) identification(key Key) events.Identify {
	identify := s.cfg.Identify
	identify.Intents = s.intentsOf(key)
	return identify
}

// probing reports whether nobody may Identify now, since somebody finds out.
func (s *incarnation) probing(now time.Time) bool {
	p := &s.books.probe
	if !p.until.IsZero() && !now.Before(p.until) {
		if p.refused {
			if gone := s.leftOut(s.cfg.OptionalIntents); gone != 0 {
				s.log.Warn("sessions begin without the optional intents, since the gateway refuses them or others", zap.Stringer("intents", gone))
			}
		} else {
			p.accepted = p.until.Add(probeHolds)
		}
		p.settle()
	}
	return p.conn != 0 || p.refused
}

// settle has nobody wait any longer.
func (p *probe) settle() { p.conn, p.until, p.refused = 0, time.Time{}, false }

// probes reports whether the shard may use its permit: all may, but while it is not known whether the intents are accepted the first alone,
// which finds out.
func (s *incarnation) probes(q *question) bool {
	p, now := &s.books.probe, time.Now()
	if now.Before(p.accepted) || s.intents()&(events.IntentsPrivileged|s.cfg.OptionalIntents) == 0 {
		return true
	}
	if p.conn != 0 || p.refused {
		return false
	}
	if p.key, p.conn = q.key, q.conn; p.until.IsZero() {
		p.until = now.Add(probePatience)
	}
	return true
}

// hold takes back a permit until it is known whether the intents are accepted.
func (s *incarnation) hold(name ratelimit.Shard, q *question) {
	q.queued = false
	s.books.probe.held = append(s.books.probe.held, name)
	s.withdraw(name)
}

// release has those ask again that gave their permits back.
func (s *incarnation) release() {
	p := &s.books.probe
	held := p.held
	p.held = nil
	for _, name := range held {
		if q := s.books.identifies.asked[name]; q != nil && !q.queued {
			s.question(name, q)
		}
	}
}

// proved takes note that a session began with the intents.
func (s *incarnation) proved(intents events.Intents) {
	p := &s.books.probe
	if intents != s.intents() || p.refused {
		return
	}
	p.accepted = time.Now().Add(probeHolds)
	if p.until.IsZero() {
		return
	}
	p.settle()
	s.decide()
}

// disproved takes note that the gateway has refused the intents. Who has identified with what is left out by now says nothing new; and a shard with
// intents of its own, none of them optional, ends by itself.
func (s *incarnation) disproved(intents events.Intents) {
	p := &s.books.probe
	if p.refused || intents&s.board.LeftOut() != 0 || intents != s.intents() && intents&s.cfg.OptionalIntents == 0 {
		return
	}
	*p = probe{refused: true, until: time.Now().Add(probePatience), held: p.held}
	s.decide()
}

// unproved takes note that a connection has ended, or its permit was not used. It reports whether it was to find out: another one is, now.
func (s *incarnation) unproved(key Key, conn uint64) bool {
	p := &s.books.probe
	if p.conn == 0 || p.key != key || p.conn != conn {
		return false
	}
	p.conn = 0
	return true
}

// leaveOut has sessions begin without some of the optional intents.
func (s *incarnation) leaveOut(intents events.Intents) {
	if s.leftOut(intents) != 0 {
		s.books.probe = probe{held: s.books.probe.held}
		s.decide()
	}
}

// leftOut notes intents that are left out, and returns those of them that were not before.
func (s *incarnation) leftOut(intents events.Intents) events.Intents {
	fresh := intents & s.cfg.OptionalIntents & s.intents()
	s.board.without.Or(uint64(fresh))
	return fresh
}
