package actors

import (
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// listening is when windows of the policy for deaf sessions begin and end.
type listening struct {
	policy *deafness // nil: there is none
	began  time.Time // the window
	next   time.Time // when it ends
}

// listenDue has the policy for deaf sessions look at what all shards have heard, when a window ends.
func (s *incarnation) listenDue(now time.Time) {
	l := &s.books.listening
	if l.policy == nil {
		return
	}
	if now.Before(l.next) {
		s.arm(l.next)
		return
	}
	began := l.began
	l.began, l.next = now, now.Add(l.policy.Window)
	s.arm(l.next)
	for _, deaf := range l.policy.window(now, s.heardSince(began), s.spareIdentifies(now)) {
		s.treat(deaf)
	}
}

// heardSince is how far all sessions have come. Not whole is the window of those that were not Ready all the time, or are not read since
// their subscribers are behind.
func (s *incarnation) heardSince(began time.Time) []heard {
	records := s.board.all()
	all := make([]heard, 0, len(records))
	for _, r := range records {
		status := r.still()
		behind := false
		if l := r.link.Load(); l != nil {
			behind = l.stalled()
		}
		all = append(all, heard{
			key: r.key, seq: r.seq.Load(),
			whole: !behind && status.state == session.Ready && status.since.Before(began),
		})
	}
	return all
}

// spareIdentifies is how many Identifies the budget allows now; 0 if the limiter does not say.
func (s *incarnation) spareIdentifies(now time.Time) (spare int) {
	s.decide() // the queue is told what it does not know yet
	s.limit("Spare", func(queue ratelimit.IdentifyQueue) {
		if b, ok := queue.(ratelimit.Budgeter); ok {
			spare = b.Spare(now)
		}
	})
	return spare
}

// treat does something about a deaf session, by the doors that are open to anybody.
func (s *incarnation) treat(deaf ShardDeaf) {
	log := s.log.With(zap.Stringer("shard", deaf.Key), zap.Int("heard", deaf.Heard), zap.Int("usual", deaf.Usual))
	ask := map[DeafStep]func(*Want){DeafResumed: oneRestart, DeafReidentified: oneReidentify}[deaf.Step]
	if c := s.books.children[deaf.Key]; ask != nil && c != nil {
		c.cause = ErrDeaf
		if refusal, refused := s.askFor(deaf.Key, ask).(*Refusal); refused {
			log.Error("nothing can be done about a deaf session", zap.Error(refusal.Err))
		}
		c.cause = nil
	}
	log.Warn("deaf session", zap.Stringer("step", deaf.Step))
	tell(s.observers.deaf, ObserverDeaf.OnDeaf, deaf)
}
