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

// Store keeps sessions where they outlive the process, so that a restart resumes them. All
// methods are safe for concurrent use. A store that is slow, fails or panics delays no event: sessions
// are saved in the background, and what could not be saved is saved again later.
type Store interface {
	// Load returns the shard's latest snapshot, or an error that is ErrNoSnapshot.
	Load(context.Context, events.ShardID) (Snapshot, error)
	// Save keeps the snapshots; of several for one shard, the last one wins.
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
	for _, snapshot := range snapshots {
		s.snapshots[snapshot.Shard] = snapshot
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
