package shardmanager

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

const saveEvery = 5 * time.Second

// saver keeps the session store up to date, in the background and in batches. What it saves of
// a session is how far handlers have come, so that a crash repeats events but skips none.
type saver struct {
	m    *Manager
	ids  []int
	stop chan struct{}
	over chan struct{}

	saved map[int]session.Snapshot // what the store holds
}

func newSaver(m *Manager, ids []int, stored map[int]session.Snapshot) *saver {
	s := &saver{
		m: m, ids: ids, stop: make(chan struct{}), over: make(chan struct{}),
		saved: stored,
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
			s.save()
		case <-s.stop:
			return
		}
	}
}

// save writes what has changed. What fails is tried again the next time.
func (s *saver) save() {
	var batch []session.Snapshot
	var gone []events.ShardID
	for _, index := range s.ids {
		snapshot, number, ok := s.m.fleet.Session(index)
		settled, seq := s.m.bus.Settled(index)
		before := s.saved[index]
		switch {
		case !ok && before.SessionID != "":
			gone = append(gone, snapshot.Shard)
		case ok && settled == number && seq > 0:
			snapshot.Seq = seq
			if before.SessionID != snapshot.SessionID || before.Seq != snapshot.Seq {
				snapshot.SavedAt = time.Now()
				batch = append(batch, snapshot)
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), saveTimeout)
	defer cancel()
	if len(batch) > 0 {
		if err := s.m.cfg.store.Save(ctx, batch...); err != nil {
			s.m.log.Error("sessions not saved: tried again later", zap.Int("shards", len(batch)), zap.Error(err))
			return
		}
	}
	for _, id := range gone {
		if err := s.m.cfg.store.Delete(ctx, id); err != nil {
			s.m.log.Error("session not deleted: tried again later", zap.Stringer("shard", id), zap.Error(err))
			return
		}
	}
	for _, snapshot := range batch {
		s.saved[snapshot.Shard.Index] = snapshot
	}
	for _, id := range gone {
		delete(s.saved, id.Index)
	}
}

// close saves a last time.
func (s *saver) close() {
	close(s.stop)
	<-s.over
	s.save()
}
