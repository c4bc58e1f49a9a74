package shardmanager

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
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
