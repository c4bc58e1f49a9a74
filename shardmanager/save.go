package shardmanager

import (
	"context"
	"fmt"
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
	giveWayAfter = 30 * time.Second // from when another process has taken over a shard: then an Identify ends what they may fight about
)

// Persistence is how the session store keeps up.
type Persistence struct {
	SavedAt  time.Time // when the store last had everything; zero: not yet
	Failures int       // in a row
	// Err is of the latest failure: ErrStoreHangs if the store does not return, and a *session.FencedError while there are Fenced shards
	// and nothing else fails. nil: nothing is the matter.
	Err error
	// Fenced is how many shards another process has taken over, with this store. They go on here, and are saved there: stop one of the
	// two processes.
	Fenced int
	// Ledger is why the Identifies that are spent cannot be read or written down, so that none is granted; nil: they can be.
	Ledger error
}

// Persistence tells how the session store keeps up. It is the zero value without a store. A store
// that is slow, fails or hangs delays no event, but what it has not saved comes again after a crash.
func (m *Manager) Persistence() Persistence {
	m.mu.Lock()
	saver, ledger := m.saver, m.ledger
	m.mu.Unlock()
	var p Persistence
	if saver != nil {
		saver.mu.Lock()
		defer saver.mu.Unlock()
		p = saver.state
		if p.Fenced = len(saver.fenced); p.Err == nil && p.Fenced > 0 {
			p.Err = &session.FencedError{Shards: slices.SortedFunc(maps.Keys(saver.fenced), byIndex)}
		}
	}
	p.Ledger = ledger.state()
	return p
}

func byIndex(a, b events.ShardID) int { return a.Index - b.Index }

// UnsavedError says of which sessions Close could not save how far they came: see CutOffError. The next process resumes them from what was saved before:
// events come to it again, or, where nothing was saved, it identifies.
type UnsavedError struct {
	Shards int
	Err    error // of the store
}

// Error tells how many, and why.
func (e *UnsavedError) Error() string {
	return fmt.Sprintf("the sessions of %d shards were not saved as they ended: %v", e.Shards, e.Err)
}

// Unwrap is the store's error.
func (e *UnsavedError) Unwrap() error { return e.Err }

// saver keeps the session store up to date, in the background and in batches. What it saves of
// a session is how far handlers have come, so that a crash repeats events but skips none.
type saver struct {
	m     *Manager
	fence uint64
	stop  chan bool // whether all events have been handled
	over  chan struct{}

	mu      sync.Mutex
	saved   map[events.ShardID]session.Snapshot // what the store holds
	fenced  map[events.ShardID]time.Time        // since when another process saves them
	state   Persistence
	unsaved int  // shards that the latest save has left
	left    bool // it was given up: nothing more is asked of the store
}

func newSaver(m *Manager, r restored) *saver {
	s := &saver{
		m: m, fence: r.fence, stop: make(chan bool, 1), over: make(chan struct{}),
		saved: maps.Clone(r.sessions), fenced: make(map[events.ShardID]time.Time),
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
			if len(s.stop) > 0 { // the last save is due as well, and does for both
				continue
			}
			s.save(false)
		case exact := <-s.stop:
			s.save(exact)
			return
		}
	}
}

// due is what has changed since it was saved.
func (s *saver) due(exact bool) (batch []session.Snapshot, gone []events.ShardID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left {
		return nil, nil
	}
	for _, shard := range s.m.Status().Shards {
		if _, fenced := s.fenced[shard.Shard]; fenced || shard.Role != actors.Serving {
			continue
		}
		key := shard.Key()
		snapshot, number, ok := s.m.shards.Session(key)
		settled, seq := s.m.bus.Shard(key).Settled()
		before := s.saved[key.Shard]
		if settled == 0 && number == 0 && before.SessionID == snapshot.SessionID { // restored, and nothing has come yet
			seq = max(seq, before.Seq)
		}
		switch {
		case !ok && before.SessionID != "":
			gone = append(gone, key.Shard)
		case ok && settled == number && seq > 0:
			whole := seq == snapshot.Seq                                         // or the handler that closes has one in hand
			snapshot.Seq, snapshot.Exact = seq, exact && whole && snapshot.Exact //seam:saved-sequence-handled
			snapshot.Fence = s.fence
			if exact || before.SessionID != snapshot.SessionID || before.Seq != snapshot.Seq ||
				before.Presence != snapshot.Presence || before.PresenceUpdated != snapshot.PresenceUpdated {
				snapshot.SavedAt = time.Now()
				batch = append(batch, snapshot)
			}
		}
	}
	return batch, gone
}

// save writes what has changed. What fails is tried again the next time. While the store does not return nothing else is asked of it.
func (s *saver) save(exact bool) {
	batch, gone := s.due(exact)
	began, n := time.Now(), len(batch)+len(gone)
	done := make(chan func(), 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), saveTimeout)
		defer cancel()
		left, err := s.write(ctx, batch, gone)
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
func (s *saver) write(ctx context.Context, batch []session.Snapshot, gone []events.ShardID) (left int, err error) {
	for _, id := range gone {
		batch = append(batch, session.Snapshot{Shard: id, Fence: s.fence, SavedAt: time.Now()})
	}
	kept, fenced, err := saveAll(batch, func(all ...session.Snapshot) error {
		return s.call("Save", func() error { return s.m.cfg.store.Save(ctx, all...) })
	})
	s.lose(fenced)
	left = len(batch) - len(fenced)
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
	batch, gone := s.due(exact)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = true
	switch {
	case hangs:
		return &UnsavedError{len(batch) + len(gone), ErrStoreHangs}
	case s.state.Err != nil:
		return &UnsavedError{s.unsaved, s.state.Err}
	}
	return nil
}
