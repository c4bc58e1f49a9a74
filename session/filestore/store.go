package filestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

var (
	_ session.Store    = (*Store)(nil)
	_ session.Totaler  = (*Store)(nil)
	_ session.Claimer  = (*Store)(nil)
	_ session.Notebook = (*Store)(nil)
	_ ratelimit.Ledger = (*Store)(nil)
)

// Load implements session.Store.
func (s *Store) Load(ctx context.Context, id events.ShardID) (session.Snapshot, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return session.Snapshot{}, err
	}
	defer leave()
	stored, ok := s.known.sessions[id]
	if !ok {
		return session.Snapshot{}, session.ErrNoSnapshot
	}
	var snapshot session.Snapshot
	if err := json.Unmarshal(stored.body, &snapshot); err != nil || snapshot.Shard != id {
		s.log.Warn("a stored session is discarded: it cannot be read", zap.Stringer("shard", id), zap.Error(err))
		return session.Snapshot{}, session.ErrNoSnapshot
	}
	return snapshot, nil
}

// Save implements session.Store. The batch is written at once.
func (s *Store) Save(ctx context.Context, snapshots ...session.Snapshot) error {
	return s.save(ctx, snapshots, func(fence, stored uint64) bool { return fence >= stored })
}

// Claim implements session.Claimer, for all processes that have the file open.
func (s *Store) Claim(ctx context.Context, snapshot session.Snapshot) error {
	return s.save(ctx, []session.Snapshot{snapshot}, func(fence, stored uint64) bool { return fence > stored })
}

// save writes those snapshots whose fence will do beside the stored one.
func (s *Store) save(ctx context.Context, snapshots []session.Snapshot, allowed func(fence, stored uint64) bool) error {
	if err := ctx.Err(); err != nil || len(snapshots) == 0 {
		return err
	}
	bodies := make([][]byte, len(snapshots)) // outside of the lock
	for i, snapshot := range snapshots {
		if snapshot.Shard == noteShard {
			return fmt.Errorf("filestore: shard %v cannot be: its total is 1 or more", snapshot.Shard)
		}
		var err error
		if bodies[i], err = snapshot.MarshalJSON(); err != nil { // json.Marshal would read it all again
			return fmt.Errorf("filestore: shard %v: %w", snapshot.Shard, err)
		}
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	var refused session.FencedError
	var batch batch
	fences := make(map[events.ShardID]uint64, len(snapshots)) // of this batch
	for i, snapshot := range snapshots {
		if !allowed(snapshot.Fence, max(s.known.sessions[snapshot.Shard].fence, fences[snapshot.Shard])) {
			refused.Shards = append(refused.Shards, snapshot.Shard)
			continue
		}
		fences[snapshot.Shard] = snapshot.Fence
		batch.add(entrySession, snapshot.Shard, snapshot.Fence, bodies[i])
	}
	if err := s.append(batch); err != nil {
		return err
	}
	if time.Since(s.checked) > checkEvery {
		if err := s.check(); err != nil {
			return err
		}
	}
	if len(refused.Shards) > 0 {
		return &refused
	}
	return nil
}

// Delete implements session.Store.
func (s *Store) Delete(ctx context.Context, id events.ShardID) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if _, ok := s.known.sessions[id]; !ok {
		return nil
	}
	var batch batch
	batch.add(entryGone, id, 0, nil)
	return s.append(batch)
}

// LoadLedger implements ratelimit.Ledger. The ledger is shared by all processes that have the file open.
func (s *Store) LoadLedger(ctx context.Context) (ratelimit.LedgerState, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return ratelimit.LedgerState{}, err
	}
	defer leave()
	state := s.known.ledgerState(time.Now())
	state.Version = s.known.turn
	return state, nil
}

// SaveLedger implements ratelimit.Ledger.
func (s *Store) SaveLedger(ctx context.Context, state ratelimit.LedgerState) error {
	body, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("filestore: %w", err)
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if state.Version != 0 && state.Version != s.known.turn {
		return ratelimit.ErrLedgerChanged
	}
	var batch batch
	batch.add(entryLedger, events.ShardID{}, s.known.turn+1, body)
	return s.append(batch)
}

// batch is entries, in payloads that fit into frames.
type batch [][]byte

func (b *batch) add(kind byte, id events.ShardID, fence uint64, body []byte) {
	last := len(*b) - 1
	if last < 0 || len((*b)[last])+len(body) > enough {
		var room []byte
		if last >= 0 {
			room = make([]byte, 0, cap((*b)[last])) // there are many
		}
		*b = append(*b, room)
		last++
	}
	(*b)[last] = appendEntry((*b)[last], kind, id, fence, body)
}

// append writes a batch behind all that there is, its first frame last, waits until it is safe, and then marks the end behind it.
func (s *Store) append(batch batch) error {
	if len(batch) == 0 {
		return nil
	}
	size := 0
	for _, payload := range batch {
		size += len(payload) + frameHead + 64 // of a nonce, and what comes with it
	}
	data := make([]byte, 0, size)
	last, one := s.tail, 0 // frame
	for i, payload := range batch {
		if len(payload) > maxFrame/2 {
			return errors.New("filestore: a record is too large")
		}
		from := len(data)
		data = s.head.frame(data, last.end, payload, s.key)
		last = last.with(data[from:])
		if i == 0 {
			one = len(data)
		}
	}
	err := s.file.Truncate(s.end) // what a save left behind that did not succeed
	if err == nil {
		_, err = s.file.WriteAt(data[one:], s.end+int64(one)) // nothing counts before the first frame is there
	}
	if err == nil {
		_, err = s.file.WriteAt(data[:one], s.end)
	}
	if err == nil && s.sync {
		err = s.file.Sync()
	}
	if err == nil {
		_, err = s.file.WriteAt(s.head.encodeMark(last.end), markAt)
	}
	if err != nil {
		return fmt.Errorf("filestore: not saved: %w", err)
	}
	s.tail = last
	for _, payload := range batch {
		if err := s.known.apply(payload); err != nil {
			return err
		}
	}
	if s.end > s.roomy {
		if err := s.rewrite(); err != nil { // it is saved all the same
			s.roomy = 2 * s.end
			s.log.Warn("session file grows, since it cannot be written anew", zap.String("file", s.path), zap.Int64("bytes", s.end), zap.Error(err))
		}
	}
	return nil
}

// Totals implements session.Totaler.
func (s *Store) Totals(ctx context.Context) (map[int]int, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	totals := make(map[int]int)
	for id := range s.known.sessions {
		totals[id.Total]++
	}
	return totals, nil
}
