package boltstore

import (
	"context"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

func shardKey(id events.ShardID) []byte { return fmt.Appendf(nil, "%d/%d", id.Index, id.Total) }

// Load implements session.Store.
func (s *Store) Load(ctx context.Context, id events.ShardID) (snapshot session.Snapshot, err error) {
	found, err := s.get(ctx, bucketSessions, shardKey(id), &snapshot)
	if err == nil && (!found || snapshot.Shard != id) {
		return session.Snapshot{}, session.ErrNoSnapshot
	}
	return snapshot, err
}

// Save implements session.Store, in one transaction.
func (s *Store) Save(ctx context.Context, snapshots ...session.Snapshot) (err error) {
	defer guard(&err)
	if err := ctx.Err(); err != nil || len(snapshots) == 0 {
		return err
	}
	var fenced []events.ShardID
	err = s.db.Update(func(tx *bbolt.Tx) error {
		fenced = nil
		for _, snapshot := range snapshots {
			if s.fenceOf(tx, snapshot.Shard) > snapshot.Fence {
				fenced = append(fenced, snapshot.Shard)
				continue
			}
			if err := s.put(tx, bucketSessions, shardKey(snapshot.Shard), snapshot); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && fenced != nil {
		return &session.FencedError{Shards: fenced}
	}
	return err
}

const maxRecord = 1 << 16

// fenceOf is the fence of what is stored for a shard; 0 also if that cannot be trusted.
func (s *Store) fenceOf(tx *bbolt.Tx, id events.ShardID) uint64 {
	key := shardKey(id)
	record := tx.Bucket(bucketSessions).Get(key)
	if len(record) == 0 || len(record) > maxRecord { // of a damaged page the length may be anything
		return 0
	}
	var stored struct{ Fence uint64 }
	body, err := s.unwrap(bucketSessions, key, record)
	if err != nil || json.Unmarshal(body, &stored) != nil {
		return 0
	}
	return stored.Fence
}

// Totals implements session.Totaler.
func (s *Store) Totals(ctx context.Context) (totals map[int]int, err error) {
	defer guard(&err)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	totals = make(map[int]int)
	err = s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketSessions).ForEach(func(key, _ []byte) error {
			var index, total int
			if n, _ := fmt.Sscanf(string(key), "%d/%d", &index, &total); n == 2 {
				totals[total]++
			}
			return nil
		})
	})
	return totals, err
}

// Delete implements session.Store.
func (s *Store) Delete(ctx context.Context, id events.ShardID) (err error) {
	defer guard(&err)
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketSessions).Delete(shardKey(id)) })
}
