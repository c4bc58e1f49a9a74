package shardmanager

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/session"
)

const (
	saveEvery    = time.Second
	quietFor     = time.Minute      // after which a session that lives, and of which nothing has changed, is saved again: it does not age (session.MaxAge)
	giveWayAfter = 30 * time.Second // from when another process has taken over a shard: then an Identify ends what they may fight about
)

// saver keeps the session store up to date, in the background and in batches. What it saves of
// a session is how far handlers have come, so that a crash repeats events but skips none.
type saver struct {
	m    *Manager
	stop chan bool // whether all events have been handled
	over chan struct{}

	mu      sync.Mutex
	saved   map[events.ShardID]session.Snapshot // what the store holds
	handed  map[events.ShardID]bool             // released: somebody else may save them by now
	fenced  map[events.ShardID]time.Time        // since when another process saves them
	state   Persistence
	unsaved int  // shards that the latest save has left
	left    bool // it was given up: nothing more is asked of the store
}

func newSaver(m *Manager, r restored) *saver {
	s := &saver{
		m: m, stop: make(chan bool, 1), over: make(chan struct{}),
		saved: maps.Clone(r.sessions), handed: make(map[events.ShardID]bool), fenced: make(map[events.ShardID]time.Time),
	}
	for _, id := range r.fenced {
		s.fenced[id] = time.Now()
	}
	go s.run()
	return s
}

func (s *saver) run() {
	defer close(s.over)
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if len(s.stop) == 0 { // else the last save is due as well, and does for both
				s.save(false)
			}
		case exact := <-s.stop:
			s.save(exact)
			return
		}
	}
}

// due is what has changed since it was saved. What is to be deleted has no session in it.
func (s *saver) due(exact bool) (batch []session.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, shard := range s.m.Status().Shards {
		if _, fenced := s.fenced[shard.Shard]; fenced || shard.Role != actors.Serving {
			continue
		}
		key := shard.Key()
		if given, released := s.m.shards.Released(key); released {
			given.Fence-- // it is given out under the next owner's
			if s.handed[key.Shard] = true; given.SessionID != "" && given != s.saved[key.Shard] {
				batch = append(batch, given)
			}
			continue
		}
		delete(s.handed, key.Shard)
		settled, seq := s.m.bus.Shard(key).Settled() // before the session: it is to have counted the guilds of what is handled
		snapshot, number, ok := s.m.shards.Session(key)
		before := s.saved[key.Shard]
		if settled == 0 && seq == 0 && before.SessionID == snapshot.SessionID { // it is from elsewhere, and nothing has come yet
			settled, seq = number, before.Seq
		}
		switch {
		case !ok && before.SessionID != "":
			batch = append(batch, session.Snapshot{Shard: key.Shard, Fence: shard.Fence, SavedAt: time.Now()})
		case ok && settled == number && seq > 0:
			whole := seq == snapshot.Seq                                         // or the handler that closes has one in hand
			snapshot.Seq, snapshot.Exact = seq, exact && whole && snapshot.Exact //seam:saved-sequence-handled
			snapshot.Fence = shard.Fence
			if exact || before.SessionID != snapshot.SessionID || before.Seq != snapshot.Seq ||
				before.Presence != snapshot.Presence || before.PresenceUpdated != snapshot.PresenceUpdated ||
				shard.State == session.Ready && time.Since(before.SavedAt) >= quietFor {
				snapshot.SavedAt = time.Now()
				batch = append(batch, snapshot)
			}
		}
	}
	return batch
}

// save writes what has changed. What fails is tried again the next time. While the store does not return nothing else is asked of it.
func (s *saver) save(exact bool) {
	batch := s.due(exact)
	began, n := time.Now(), len(batch)
	done := make(chan func(), 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), saveTimeout)
		defer cancel()
		left, err := s.write(ctx, batch)
		done <- func() { s.note(n, left, time.Since(began), err) }
	}()
	select {
	case note := <-done:
		note()
	case <-time.After(saveTimeout + storeGrace):
		s.note(n, n, time.Since(began), ErrStoreHangs)
		(<-done)()
	}
}

// write asks the store, and returns how many shards it has left. What is to be deleted is saved empty before: if it is another process's by
// now, that is refused.
func (s *saver) write(ctx context.Context, batch []session.Snapshot) (left int, err error) {
	kept, fenced, err := saveAll(batch, func(all ...session.Snapshot) error {
		return s.call("Save", func() error { return s.m.cfg.store.Save(ctx, all...) })
	})
	left = len(batch) - len(fenced)
	s.lose(s.adoptedElsewhere(batch, fenced))
	for _, snapshot := range kept {
		if snapshot.SessionID == "" {
			if err != nil {
				continue
			}
			if err = s.call("Delete", func() error { return s.m.cfg.store.Delete(ctx, snapshot.Shard) }); err != nil {
				continue
			}
		}
		left--
		s.mu.Lock()
		s.saved[snapshot.Shard] = snapshot
		s.mu.Unlock()
	}
	return left, err
}

// call calls the store, unless it was left behind meanwhile.
func (s *saver) call(what string, call func() error) error {
	s.mu.Lock()
	left := s.left
	s.mu.Unlock()
	if left {
		return ErrClosed
	}
	return foreign.Call("the session store's "+what, call)
}

// adoptedElsewhere takes from the shards that another process saves by now those that were released, which is as it should be.
func (s *saver) adoptedElsewhere(batch []session.Snapshot, fenced []events.ShardID) (lost []events.ShardID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, snapshot := range batch {
		switch id := snapshot.Shard; {
		case !slices.Contains(fenced, id):
		case s.handed[id]:
			s.saved[id] = snapshot
		default:
			lost = append(lost, id)
		}
	}
	return lost
}

// adopted notes that this process has taken over a shard, with a session that the store holds now.
func (s *saver) adopted(snapshot session.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saved[snapshot.Shard] = snapshot
	delete(s.fenced, snapshot.Shard)
	delete(s.handed, snapshot.Shard)
}

// lose notes that another process has taken over shards, and tells it.
func (s *saver) lose(shards []events.ShardID) {
	if len(shards) == 0 {
		return
	}
	s.mu.Lock()
	for _, id := range shards {
		s.fenced[id] = time.Now()
	}
	s.mu.Unlock()
	saved := Saved{Shards: len(shards), Err: &session.FencedError{Shards: shards}}
	s.m.log.Error("another process has taken over shards, and saves their sessions: they go on here, and are not saved", zap.Int("shards", saved.Shards), zap.Error(saved.Err))
	actors.Tell(s.m.observers, func(h HookSaved) { h.OnSaved(saved) })
}

// lost reports whether another process has taken over a shard, for so long that this one is not about to end, as it is in a deploy.
func (s *saver) lost(id events.ShardID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	since, fenced := s.fenced[id]
	return fenced && time.Since(since) > giveWayAfter
}

// seldom reports whether the log is told of the nth failure in a row, of one each second that may go on for days.
func seldom(n int) bool { return n&(n-1) == 0 }

// note makes known what came of a save of n shards, of which some are left.
func (s *saver) note(n, left int, took time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left {
		return
	}
	if n > 0 {
		saved := Saved{n, took, err}
		actors.Tell(s.m.observers, func(h HookSaved) { h.OnSaved(saved) })
	}
	if s.unsaved = left; err != nil {
		s.state.Failures, s.state.Err = s.state.Failures+1, err
		if seldom(s.state.Failures) {
			s.m.log.Error("sessions not saved: tried again each second", zap.Int("shards", left), zap.Int("failures", s.state.Failures), zap.Error(err))
		}
		return
	}
	if s.state.Failures > 0 {
		s.m.log.Warn("sessions are saved again", zap.Int("failures", s.state.Failures))
	}
	s.state = Persistence{SavedAt: time.Now()}
}

// close saves a last time, and says what could not be saved. exact: all events have been handled. A store that does not come back
// is left behind.
func (s *saver) close(exact bool) *UnsavedError {
	s.stop <- exact
	hangs := false
	select {
	case <-s.over:
	case <-time.After(saveTimeout + 2*storeGrace):
		hangs = true
		s.m.log.Error("the session store did not answer in time: events of the last moment may come again")
	}
	batch := s.due(exact)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = true
	switch {
	case hangs:
		return &UnsavedError{len(batch), ErrStoreHangs}
	case s.state.Err != nil:
		return &UnsavedError{s.unsaved, s.state.Err}
	}
	return nil
}
