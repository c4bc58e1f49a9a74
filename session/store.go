package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/signalbox-go/signalbox/events"
)

// ErrNoSnapshot is what Store.Load returns when nothing is stored for a shard.
var ErrNoSnapshot = errors.New("session: no snapshot is stored for this shard")

// ErrFenced is what a Save ends in that comes from a process which does not own the shard any more: see Store and FencedError.
var ErrFenced = errors.New("session: another process has taken over this shard, and saves its session now")

// FencedError is ErrFenced, and names the shards whose snapshots were refused. Those of the other shards of that Save are kept.
type FencedError struct{ Shards []events.ShardID }

// Error names the shards, the first of them if they are many.
func (e *FencedError) Error() string {
	const most = 5
	text := fmt.Sprint(e.Shards[:min(len(e.Shards), most)])
	if more := len(e.Shards) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%v: shards %s: stop one of the two processes", ErrFenced, text)
}

// Is reports whether target is ErrFenced.
func (e *FencedError) Is(target error) bool { return target == ErrFenced }

// Store keeps sessions where they outlive the process, so that a restart resumes them. All
// methods are safe for concurrent use. A store that is slow, fails, hangs or panics delays no event: sessions
// are saved in the background, and what could not be saved is saved again later.
//
// A shard's snapshot has one owner at a time. Each process that takes it over saves it with a higher Snapshot.Fence than the
// stored one, and from then on a Save with a lower fence is refused for that shard, so that a process which is
// not the owner any more, and does not know that yet, overwrites nothing.
type Store interface {
	// Load returns the shard's latest snapshot, or an error that is ErrNoSnapshot.
	Load(context.Context, events.ShardID) (Snapshot, error)
	// Save keeps the snapshots; of several for one shard, the last one wins. Those whose Fence is lower than the stored one's
	// are refused with a *FencedError, and the others are kept all the same.
	Save(context.Context, ...Snapshot) error
	// Delete forgets the shard's snapshot, whatever its fence, and the fence with it. It is no error if there is none.
	Delete(context.Context, events.ShardID) error
}

// Totaler is a Store that can say for which numbers of shards it has sessions. One with other totals than the bot's is not used, and
// a Manager warns of that.
type Totaler interface {
	// Totals is how many snapshots are stored, by the total of their shards.
	Totals(context.Context) (map[int]int, error)
}

// Claimer is a Store that decides between two who would take over one shard under the same fence: one of them does. Of a Store that is none,
// Manager.Adopt loads the snapshot, compares the fences, and saves: of two who do so in one moment both succeed.
type Claimer interface {
	// Claim keeps the snapshot if its Fence is higher than the stored one's, or than 0 if none is stored. Else it is refused with a *FencedError.
	Claim(context.Context, Snapshot) error
}

type memoryStore struct {
	mu        sync.Mutex
	snapshots map[events.ShardID]Snapshot
	note      []byte
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
	return s.save(snapshots)
}

func (s *memoryStore) Claim(ctx context.Context, snapshot Snapshot) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if snapshot.Fence <= s.snapshots[snapshot.Shard].Fence { //seam:claim-needs-higher-fence
		return &FencedError{[]events.ShardID{snapshot.Shard}}
	}
	return s.save([]Snapshot{snapshot})
}

// save keeps snapshots. The lock is held.
func (s *memoryStore) save(snapshots []Snapshot) error {
	var fenced []events.ShardID
	for _, snapshot := range snapshots {
		if stored, ok := s.snapshots[snapshot.Shard]; ok && snapshot.Fence < stored.Fence {
			fenced = append(fenced, snapshot.Shard)
			continue
		}
		s.snapshots[snapshot.Shard] = snapshot
	}
	if fenced != nil {
		return &FencedError{fenced}
	}
	return nil
}

func (s *memoryStore) LoadNote(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.note), nil
}

func (s *memoryStore) SaveNote(ctx context.Context, note []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note = bytes.Clone(note)
	return nil
}

func (s *memoryStore) Totals(ctx context.Context) (map[int]int, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	totals := make(map[int]int)
	for shard := range s.snapshots {
		totals[shard.Total]++
	}
	return totals, nil
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

// Notebook is a Store that keeps a note beside the sessions: what one process has begun, and the next one must know, such as a reshard. It holds secrets, as
// snapshots do, and may be some megabytes long.
type Notebook interface {
	// LoadNote returns what was saved last; empty: there is none.
	LoadNote(context.Context) ([]byte, error)
	// SaveNote keeps a note in place of the one before, and returns when it is safe; an empty one is none.
	SaveNote(ctx context.Context, note []byte) error
}
