package shardmanager

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/session"
)

const (
	saveEvery = time.Second
	storeSave = "the session store's Save"
)

// Persistence is how the session store keeps up.
type Persistence struct {
	SavedAt  time.Time // when the store last had everything; zero: not yet
	Failures int       // in a row
	Err      error     // of the latest failure; nil after a success
}

// Persistence tells how the session store keeps up. It is the zero value without a store. A store
// that is slow or fails delays no event, but what it has not saved comes again after a crash.
func (m *Manager) Persistence() Persistence {
	m.mu.Lock()
	saver := m.saver
	m.mu.Unlock()
	if saver == nil {
		return Persistence{}
	}
	saver.mu.Lock()
	defer saver.mu.Unlock()
	return saver.state
}

// restore loads the sessions to begin with, and notes that they are in use: from here on, what
// the store holds may be behind. Of a store that fails nothing is known, and to identify all
// shards for that could cost the day's budget: it is an error.
func (m *Manager) restore(ctx context.Context, ids []int, total int) (map[events.ShardID]session.Snapshot, error) {
	stored := make(map[events.ShardID]session.Snapshot)
	var inUse []session.Snapshot
	bot := botOf(m.cfg.identify.Token)
	for _, index := range ids {
		id := events.ShardID{Index: index, Total: total}
		var snapshot session.Snapshot
		err := foreign.Call("the session store's Load", func() (err error) { snapshot, err = m.cfg.store.Load(ctx, id); return err })
		switch {
		case errors.Is(err, session.ErrNoSnapshot):
		case err != nil:
			return nil, fmt.Errorf("shardmanager: session store: shard %v: %w", id, err)
		case snapshot.Shard != id || snapshot.SessionID == "" || snapshot.Seq < 0:
			m.log.Warn("stored session discarded: it is not this shard's", zap.Stringer("shard", id))
		case bot != 0 && snapshot.Bot != 0 && bot != snapshot.Bot:
			m.log.Warn("stored session discarded: it is another bot's", zap.Stringer("shard", id), zap.Stringer("bot", snapshot.Bot))
		default:
			stored[id] = snapshot //seam:stored-session-used
			if snapshot.Exact {
				snapshot.Exact = false
				inUse = append(inUse, snapshot)
			}
		}
	}
	for len(inUse) > 0 {
		err := foreign.Call(storeSave, func() error { return m.cfg.store.Save(ctx, inUse...) })
		if err == nil {
			break
		}
		m.log.Warn("session store fails: the start waits for it", zap.Error(err))
		select {
		case <-time.After(saveEvery):
		case <-ctx.Done():
			return nil, fmt.Errorf("shardmanager: session store: %w: %w", context.Cause(ctx), err)
		}
	}
	return stored, nil
}

// botOf is the bot's id, with which its token begins; 0: it cannot be told.
func botOf(token events.Secret) events.Snowflake {
	head, _, _ := strings.Cut(token.Reveal(), ".")
	text, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(head, "="))
	if err != nil {
		return 0
	}
	id, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return 0
	}
	return events.Snowflake(id)
}

// saver keeps the session store up to date, in the background and in batches. What it saves of
// a session is how far handlers have come, so that a crash repeats events but skips none.
type saver struct {
	m    *Manager
	stop chan bool // whether all events have been handled
	over chan struct{}

	saved map[events.ShardID]session.Snapshot // what the store holds

	mu    sync.Mutex
	state Persistence
}

func newSaver(m *Manager, stored map[events.ShardID]session.Snapshot) *saver {
	s := &saver{m: m, stop: make(chan bool, 1), over: make(chan struct{}), saved: maps.Clone(stored)}
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

// save writes what has changed. What fails is tried again the next time.
func (s *saver) save(exact bool) {
	var batch []session.Snapshot
	var gone []events.ShardID
	for _, shard := range s.m.Status().Shards {
		if shard.Role != actors.Serving {
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
			gone = append(gone, snapshot.Shard)
		case ok && settled == number && seq > 0:
			snapshot.Seq, snapshot.Exact = seq, exact && snapshot.Exact //seam:saved-sequence-handled
			if before.SessionID != snapshot.SessionID || before.Seq != snapshot.Seq || exact {
				snapshot.SavedAt = time.Now()
				batch = append(batch, snapshot)
			}
		}
	}
	began := time.Now()
	err := s.write(batch, gone)
	if n := len(batch) + len(gone); n > 0 {
		saved := Saved{n, time.Since(began), err}
		actors.Tell(s.m.observers, func(h HookSaved) { h.OnSaved(saved) })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.state.Failures, s.state.Err = s.state.Failures+1, err
		s.m.log.Error("sessions not saved: tried again later", zap.Int("shards", len(batch)+len(gone)), zap.Error(err))
		return
	}
	s.state = Persistence{SavedAt: time.Now()}
}

func (s *saver) write(batch []session.Snapshot, gone []events.ShardID) error {
	ctx, cancel := context.WithTimeout(context.Background(), saveTimeout)
	defer cancel()
	if len(batch) > 0 {
		if err := foreign.Call(storeSave, func() error { return s.m.cfg.store.Save(ctx, batch...) }); err != nil {
			return err
		}
	}
	for _, snapshot := range batch {
		s.saved[snapshot.Shard] = snapshot
	}
	for _, id := range gone {
		if err := foreign.Call("the session store's Delete", func() error { return s.m.cfg.store.Delete(ctx, id) }); err != nil {
			return err
		}
		delete(s.saved, id)
	}
	return nil
}

// close saves a last time. exact: all events have been handled. A store that does not come back
// is left behind.
func (s *saver) close(exact bool) {
	s.stop <- exact
	select {
	case <-s.over:
	case <-time.After(saveTimeout):
		s.m.log.Error("the session store did not answer in time: events of the last moment may come again")
	}
}
