package session

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/signalbox-go/signalbox/events"
)

// ErrNoSnapshot is what Store.Load returns when nothing is stored for a shard.
var ErrNoSnapshot = errors.New("session: no snapshot is stored for this shard")

// ErrFenced is what a *FencedError is.
var ErrFenced = errors.New("session: a later owner has the shard")

// FencedError is what Store.Save returns when a later owner has some of the shards: a snapshot with a higher Fence is stored.
// Whoever hears that owns them no more, and saves them no more. All other snapshots were saved.
type FencedError struct{ Shards []events.ShardID }

// Error tells how many shards there are, and which is the first.
func (e *FencedError) Error() string {
	if len(e.Shards) == 0 {
		return ErrFenced.Error()
	}
	return fmt.Sprintf("%v: shard %v (%d in all): stop one of the two processes that run it", ErrFenced, e.Shards[0], len(e.Shards))
}

// Is reports whether target is ErrFenced.
func (e *FencedError) Is(target error) bool { return target == ErrFenced }

// Store keeps sessions where they outlive the process, so that a restart resumes them. All
// methods are safe for concurrent use. A store that is slow, fails or panics delays no event: sessions
// are saved in the background, and what could not be saved is saved again later.
//
// Several processes may share a store. Of a shard's snapshot one of them is the owner: that with the highest Fence. A process that takes a
// shard over saves with a higher Fence than what it has loaded; the one before learns from a *FencedError that it is the owner no more.
type Store interface {
	// Load returns the shard's latest snapshot, or an error that is ErrNoSnapshot.
	Load(context.Context, events.ShardID) (Snapshot, error)
	// Save keeps the snapshots; of several for one shard, the last one wins. A snapshot whose Fence is lower than that of the shard's
	// snapshot in the store is refused, with a *FencedError; the others are kept.
	Save(context.Context, ...Snapshot) error
	// Delete forgets the shard's snapshot. It is no error if there is none.
	Delete(context.Context, events.ShardID) error
}

type memoryStore struct {
	mu        sync.Mutex
	snapshots map[events.ShardID]Snapshot
}

// NewMemoryStore returns a Store that lives as long as the process: sessions outlive a
// Manager, but not a restart.
func NewMemoryStore() Store {
	return &memoryStore{snapshots: make(map[events.ShardID]Snapshot)}
}

// Format prints no secret: fmt looks into the map, but cannot call the snapshots' own Format.
func (s *memoryStore) Format(f fmt.State, _ rune) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(f, "{%d snapshots}", len(s.snapshots))
}

func (s *memoryStore) Load(ctx context.Context, shard events.ShardID) (Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return Snapshot{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	snapshot, ok := s.snapshots[shard]
	if !ok {
		return Snapshot{}, ErrNoSnapshot
	}
	return snapshot, nil
}

func (s *memoryStore) Save(ctx context.Context, snapshots ...Snapshot) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var refused FencedError
	for _, snapshot := range snapshots {
		if snapshot.Fence < s.snapshots[snapshot.Shard].Fence {
			refused.Shards = append(refused.Shards, snapshot.Shard)
			continue
		}
		s.snapshots[snapshot.Shard] = snapshot
	}
	if len(refused.Shards) > 0 {
		return &refused
	}
	return nil
}

func (s *memoryStore) Delete(ctx context.Context, shard events.ShardID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.snapshots, shard)
	return nil
}
