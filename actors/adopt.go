package actors

import (
	"fmt"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// Adoptable is why a shard could not be adopted now, as an *AdoptError, and the key that it would have here. Who shares a store asks before it tells
// the store.
func (s *Supervisor) Adoptable(snapshot session.Snapshot) (Key, error) {
	refused := func(err error) (Key, error) { return Key{}, &AdoptError{snapshot.Shard, err} }
	now := s.routes.now.Load()
	total := now.total()
	switch own := session.BotOf(s.cfg.Identify.Token); {
	case total == 0:
		return refused(fmt.Errorf("%w: none was started", ErrUnknownShard))
	case snapshot.Shard.Total != total:
		return refused(fmt.Errorf("%w: %d", ErrOtherTotal, total))
	case !snapshot.Shard.Valid():
		return refused(ErrUnknownShard)
	case own != 0 && snapshot.Bot != 0 && own != snapshot.Bot:
		return refused(fmt.Errorf("%w: %v's", ErrOtherBot, snapshot.Bot))
	}
	if err := snapshot.Check(snapshot.Shard, time.Now()); err != nil && snapshot.SessionID != "" {
		return refused(fmt.Errorf("its snapshot is damaged: %w", err))
	}
	key := now.at(snapshot.Shard)
	if key == (Key{}) {
		i := slices.IndexFunc(now.fleets, func(f Fleet) bool { return f.Total == total })
		key = now.fleets[i].Key(snapshot.Shard.Index)
	}
	if r := s.board.record(key); r != nil {
		switch status := r.still(); {
		case status.mode == Run, status.state != session.Closed && status.state != session.Idle:
			return refused(ErrRunsHere)
		case snapshot.Fence <= status.fence:
			return refused(behind(snapshot.Fence, status.fence))
		}
	}
	if snapshot.Fence == 0 {
		return refused(behind(0, 0))
	}
	return key, nil
}

// behind is why a fence does not do.
func behind(fence, known uint64) error {
	return fmt.Errorf("%w: the snapshot's fence is %d, and a higher one than %d is needed: release the shard where it runs, and adopt what that gives", session.ErrFenced, fence, known)
}

// adopt has a shard run that another has released.
func (s *incarnation) adopt(snapshot session.Snapshot) any {
	key, err := s.Adoptable(snapshot)
	if err == nil && s.books.releases[key] != nil {
		err = &AdoptError{snapshot.Shard, ErrRunsHere} // it is on its way out
	}
	if known := s.books.plan.fences[key]; err == nil && snapshot.Fence <= known {
		err = &AdoptError{snapshot.Shard, behind(snapshot.Fence, known)}
	}
	if err != nil {
		return &Refusal{Err: err}
	}
	want, _ := s.books.plan.want(key)
	want.Mode, want.Code, want.Fence = Run, events.CloseNone, snapshot.Fence
	if of := s.books.lives.of[key]; of != nil && of.final {
		want.Restarts++ // what has ended it for good was somebody else's matter since
	}
	if err := s.change(map[Key]Want{key: want}, nil, map[Key]session.Snapshot{key: snapshot}); err != nil {
		return &Refusal{Err: err}
	}
	return &PlanSet{Version: s.books.plan.version}
}
