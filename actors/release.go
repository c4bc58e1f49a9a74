package actors

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

const (
	releaseTime  = 10 * time.Second // the default of ReleaseShard.Within
	releaseGrace = time.Second      // for the actor to end: a shard that may still run is not given out
)

// release is a shard on its way to somebody else, from the plan that wants it to what is given out.
type release struct {
	answers  time.Time // until when it may wait for answers to what was written
	handlers time.Time // until when handlers may be busy with what has come
	askers   []*actor.PID
}

func newRelease(now time.Time, within time.Duration) *release {
	return &release{answers: now.Add(within / 2), handlers: now.Add(within)}
}

// releaseShard begins to release a shard, or joins those who wait for that; nil: the answer comes later.
func (s *incarnation) releaseShard(asker *actor.PID, m ReleaseShard) any {
	want, named := s.books.plan.want(m.Key)
	if !named {
		return &Refusal{Err: fmt.Errorf("%w: %v", ErrUnknownShard, m.Key)}
	}
	within := max(m.Within, 0)
	if m.Within == 0 {
		within = releaseTime
	}
	now := time.Now()
	if want.Mode != Release {
		s.board.record(m.Key).giveOut(nil)
		s.books.releases[m.Key] = newRelease(now, within)
		want.Mode, want.Code = Release, events.CloseNone
		if err := s.change(map[Key]Want{m.Key: want}, nil, nil); err != nil {
			delete(s.books.releases, m.Key)
			return &Refusal{Err: err}
		}
	}
	r := s.books.releases[m.Key]
	if r == nil {
		if snapshot, ok := s.board.record(m.Key).gaveOut(); ok {
			return &ShardReleased{snapshot}
		}
		if of := s.books.lives.of[m.Key]; of == nil || of.phase == ended {
			return &Refusal{Err: fmt.Errorf("%w: %v: it does not run here: adopt it first", ErrNotReleased, m.Key)}
		}
		r = newRelease(now, within) // its actor had not ended in time
		s.books.releases[m.Key] = r
	}
	s.arm(now)
	if asker != nil {
		r.askers = append(r.askers, asker)
	}
	return nil
}

// noteReleases begins what a plan wants to be released, without anybody who asks for it, and ends what it does not want any more.
func (s *incarnation) noteReleases(keys []Key) {
	now := time.Now()
	for _, key := range keys {
		want, named := s.books.plan.want(key)
		if !named || want.Mode != Release {
			if record := s.board.record(key); record != nil {
				record.giveOut(nil)
			}
			s.answerRelease(key, &Refusal{Err: fmt.Errorf("%w: %v: the plan has changed meanwhile", ErrNotReleased, key)})
		}
		if c := s.books.children[key]; named && want.Mode == Release && c != nil {
			c.account.refuse(ErrMoving)
			c.waits()
		}
		s.releaseGoesOn(key, now)
	}
}

// releaseGoesOn has a release looked at. One that nobody asks for begins here: by a plan, or since the actor has ended after its time was over.
func (s *incarnation) releaseGoesOn(key Key, now time.Time) {
	r := s.books.releases[key]
	if want, _ := s.books.plan.want(key); r == nil && want.Mode == Release && s.books.children[key] != nil { // it has run here
		if _, given := s.board.record(key).gaveOut(); !given {
			r = newRelease(now, releaseTime)
			s.books.releases[key] = r
		}
	}
	if r != nil {
		s.arm(now)
	}
}

// hasten has a shard that is on its way out wait for no answers any more.
func (s *incarnation) hasten(key Key) {
	if of := s.books.lives.of[key]; of != nil && of.alive() {
		s.carryOut(action{key: key, do: stop})
	}
}

// releasesDue takes the steps that are due: answers have had their time, the actor has ended, handlers are done.
func (s *incarnation) releasesDue(now time.Time) {
	for _, key := range sortedKeys(s.books.releases) {
		r, of := s.books.releases[key], s.books.lives.of[key]
		switch {
		case of != nil && of.alive() && now.Before(r.answers):
			s.arm(r.answers)
		case of != nil && of.phase != ended:
			s.hasten(key)
			if by := r.handlers.Add(releaseGrace); now.Before(by) {
				s.arm(by)
				continue
			}
			s.answerRelease(key, &Refusal{Err: fmt.Errorf("%w: %v: its actor does not end: what ShardProps gave it hangs; ask again", ErrNotReleased, key)})
		default:
			s.handOut(key, r, now)
		}
	}
}

// handOut gives out the session of a shard that has ended, when handlers are done with it or have had their time.
func (s *incarnation) handOut(key Key, r *release, now time.Time) {
	root, self := s.system.Root, s.self
	settled := s.cfg.Bus.Shard(key).WhenSettled(func() { root.Send(self, dueTick{}) })
	if !settled && now.Before(r.handlers) {
		s.arm(r.handlers)
		return
	}
	record := s.board.record(key)
	want, _ := s.books.plan.want(key)
	snapshot := s.atRest(record)                         //seam:released-snapshot-exact
	snapshot.Fence, snapshot.SavedAt = want.Fence+1, now //seam:released-under-next-fence
	record.giveOut(&snapshot)
	log := s.log.With(zap.Stringer("shard", key), zap.Bool("exact", snapshot.Exact), zap.Uint64("fence", snapshot.Fence))
	if cut := s.cfg.Bus.CutOff(key); len(cut) > 0 {
		log.Warn("shard released, but handlers were not done: what they had not finished comes again where it is adopted", zap.Any("handlers", cut))
	} else {
		log.Info("shard released")
	}
	s.answerRelease(key, &ShardReleased{snapshot})
}

// atRest is the session of a shard whose actor has ended: it continues behind what handlers have finished.
func (s *Supervisor) atRest(r *record) session.Snapshot {
	snapshot, number, ok := r.session()
	none := session.Snapshot{Shard: r.key.Shard, Bot: snapshot.Bot, Presence: snapshot.Presence, PresenceUpdated: snapshot.PresenceUpdated}
	if !ok {
		return none
	}
	began, seq := s.cfg.Bus.Shard(r.key).Settled()
	if began == 0 && seq == 0 { // handlers have finished nothing since it began here
		began, seq = r.begun.session, r.begun.seq
	}
	if began != number { // they are in the session before it, which nothing can continue
		return none
	}
	snapshot.Exact = snapshot.Exact && seq == snapshot.Seq
	snapshot.Seq = seq
	return snapshot
}

// answerRelease tells all who wait for a release what has come of it.
func (s *incarnation) answerRelease(key Key, answer any) {
	r := s.books.releases[key]
	delete(s.books.releases, key)
	if r == nil {
		return
	}
	for _, asker := range r.askers {
		s.system.Root.Send(asker, answer)
	}
}

// endReleases tells all who wait that the supervisor has ended.
func (s *incarnation) endReleases() {
	for key := range s.books.releases {
		s.answerRelease(key, &Refusal{Err: closedBy(ErrSupervisorEnded)})
	}
}

// Released is what was given out of a shard that was released; false: it was not, or was adopted since.
func (s *Supervisor) Released(key Key) (session.Snapshot, bool) {
	if r := s.board.record(key); r != nil {
		return r.gaveOut()
	}
	return session.Snapshot{}, false
}
