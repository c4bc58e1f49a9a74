package actors

import (
	"fmt"
	"maps"
	"slices"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// setPlan takes a change of the plan, or refuses all of it.
func (s *incarnation) setPlan(m SetPlan) any {
	if m.From != s.books.plan.version { //seam:stale-plan-refused
		return &Refusal{Err: &StalePlanError{m.From, s.books.plan.version}}
	}
	if err := s.change(m.Change, m.Remove, m.Restore); err != nil {
		return &Refusal{Err: err}
	}
	return &PlanSet{Version: s.books.plan.version}
}

// change changes the plan, and begins to bring the shards there.
func (s *incarnation) change(wants map[Key]Want, remove []Key, restore map[Key]session.Snapshot) error {
	for key, snapshot := range restore {
		if err := s.restorable(key, wants, snapshot); err != nil {
			return err
		}
	}
	wants = s.fenced(wants)
	keys, added, err := s.books.plan.change(wants, remove)
	if err != nil {
		return err
	}
	s.board.place(added...)
	for _, key := range added {
		s.books.lives.anew(key)
	}
	for key, snapshot := range restore {
		record := s.board.record(key)
		record.begin(snapshot)
		if s.cfg.Identify.Presence != nil {
			record.cursor.Presence = "" // what this process begins with goes before what another has left
		}
		record.keep()
	}
	for _, key := range keys {
		if want, named := s.books.plan.want(key); named {
			s.board.record(key).wanted.Store(uint64(want.Intents))
			s.board.update(key, func(status *standing) { status.mode, status.role, status.fence = want.Mode, want.Role, want.Fence }) //seam:status-shows-the-plan
		} else {
			s.board.update(key, func(status *standing) { status.mode = Stop })
		}
	}
	s.routes.set(s.books.plan, keys)
	s.reconcile(keys)
	s.noteReleases(keys)
	return nil
}

// fenced are the wants with a fence that is no lower than this process's. One that is released and has never run here has none, and is somebody else's
// until it is adopted.
func (s *incarnation) fenced(wants map[Key]Want) map[Key]Want {
	if s.cfg.Fence == 0 {
		return wants
	}
	wants = maps.Clone(wants)
	for key, want := range wants {
		before, known := s.books.plan.want(key)
		adopted := before.Mode != Release || want.Fence >= before.floor()
		if want.Mode != Release && adopted || want.Mode == Release && known && before.Mode != Release {
			want.Fence = max(want.Fence, s.cfg.Fence)
			wants[key] = want
		}
	}
	return wants
}

// restorable is why a session cannot be given to a shard: it is given before the shard begins.
func (s *incarnation) restorable(key Key, wants map[Key]Want, snapshot session.Snapshot) error {
	_, named := wants[key]
	if _, known := s.books.plan.want(key); !named && !known {
		return &PlanError{key, "there is a session for it, but the plan does not name it"}
	}
	if snapshot.Shard != key.Shard {
		return &PlanError{key, fmt.Sprintf("the session is shard %v's", snapshot.Shard)}
	}
	if of := s.books.lives.of[key]; of != nil && of.phase != ended {
		return &PlanError{key, "it runs, with a session of its own"}
	}
	return nil
}

// startShards has shards run, of one total.
func (s *incarnation) startShards(m StartShards) any {
	refused := func(err error) any { return &ShardsStarted{Err: err} }
	if m.Total < 1 || m.Total > MaxTotal {
		return refused(&PlanError{Key{Generation: m.Generation, Shard: events.ShardID{Total: m.Total}}, totalProblem(m.Total)})
	}
	ids := slices.Clone(m.IDs)
	if ids == nil {
		ids = make([]int, m.Total)
		for i := range ids {
			ids[i] = i
		}
	}
	wants, restore := make(map[Key]Want, len(ids)), make(map[Key]session.Snapshot, len(m.Sessions))
	for _, id := range ids {
		key := Key{Generation: m.Generation, Shard: events.ShardID{Index: id, Total: m.Total}}
		want, known := s.books.plan.want(key)
		if want.Mode, want.Code = Run, events.CloseNone; m.Standby {
			if known {
				continue
			}
			want.Mode = Release
		}
		if of := s.books.lives.of[key]; of != nil && of.final {
			// It is asked for: what has ended it for good counts no more.
			want.Restarts++ //seam:start-mends
		}
		wants[key] = want
	}
	for _, snapshot := range m.Sessions {
		restore[Key{Generation: m.Generation, Shard: snapshot.Shard}] = snapshot
	}
	if err := s.change(wants, nil, restore); err != nil {
		return refused(err)
	}
	return &ShardsStarted{IDs: ids}
}

// stopShards has shards stop.
func (s *incarnation) stopShards(m StopShards) any {
	keys := m.Keys
	if keys == nil {
		keys = s.allKeys()
	}
	wants := make(map[Key]Want, len(keys))
	for _, key := range keys {
		want, named := s.books.plan.want(key)
		switch {
		case !named:
		case want.Mode == Release: // it stops anyway, and is somebody else's
			s.hasten(key)
		default:
			want.Mode, want.Code = Stop, m.Code //seam:stop-keeps-session
			wants[key] = want
		}
	}
	if err := s.change(wants, nil, nil); err != nil {
		return &Refusal{Err: err}
	}
	return &ShardsStopping{Keys: sortedKeys(wants)}
}

// setMode changes the mode of some shards.
func (s *incarnation) setMode(m SetMode) any {
	wants := make(map[Key]Want, len(m.Keys))
	for _, key := range m.Keys {
		want, named := s.books.plan.want(key)
		if !named { //seam:order-taken
			return &Refusal{Err: fmt.Errorf("%w: %v", ErrUnknownShard, key)}
		}
		if want.Mode != m.Mode {
			want.Mode, want.Code = m.Mode, events.CloseNone
			wants[key] = want
		}
	}
	if len(wants) > 0 {
		if err := s.change(wants, nil, nil); err != nil {
			return &Refusal{Err: err}
		}
	}
	return &PlanSet{Version: s.books.plan.version}
}

// askFor asks for one restart more of a shard, or for one new session.
func (s *incarnation) askFor(key Key, more func(*Want)) any {
	want, named := s.books.plan.want(key)
	if !named {
		return &Refusal{Err: fmt.Errorf("%w: %v", ErrUnknownShard, key)}
	}
	more(&want)
	if err := s.change(map[Key]Want{key: want}, nil, nil); err != nil {
		return &Refusal{Err: err}
	}
	return &PlanSet{Version: s.books.plan.version}
}

func oneRestart(want *Want) {
	want.Restarts++ //seam:restart-counts
}

func oneReidentify(want *Want) { want.Reidentifies++ }
