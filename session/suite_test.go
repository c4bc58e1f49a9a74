package session_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/storetest"
)

// faultyStore is a store with one mistake.
type faultyStore struct {
	session.Store
	load   func(session.Snapshot, error) (session.Snapshot, error)
	save   func([]session.Snapshot) []session.Snapshot
	shard  func(events.ShardID) events.ShardID
	keeps  bool // what is deleted
	always bool // it does not look at contexts
	shows  *strings.Builder
}

func (s faultyStore) place(id events.ShardID) events.ShardID {
	if s.shard != nil {
		return s.shard(id)
	}
	return id
}

func (s faultyStore) context(ctx context.Context) context.Context {
	if s.always {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

func (s faultyStore) Load(ctx context.Context, id events.ShardID) (session.Snapshot, error) {
	got, err := s.Store.Load(s.context(ctx), s.place(id))
	if s.load != nil {
		return s.load(got, err)
	}
	return got, err
}

func (s faultyStore) Save(ctx context.Context, all ...session.Snapshot) error {
	if s.save != nil {
		all = s.save(all)
	}
	for _, snapshot := range all {
		if s.shows != nil {
			s.shows.WriteString(snapshot.SessionID)
		}
		place := s.place(snapshot.Shard)
		snapshot.Shard = place
		if err := s.Store.Save(s.context(ctx), snapshot); err != nil {
			return err
		}
	}
	return nil
}

func (s faultyStore) Delete(ctx context.Context, id events.ShardID) error {
	if s.keeps {
		return nil
	}
	return s.Store.Delete(s.context(ctx), s.place(id))
}

func (s faultyStore) Format(f fmt.State, _ rune) {
	if s.shows != nil {
		fmt.Fprint(f, s.shows)
	}
}

// unfenced loses the fences.
func unfenced(all []session.Snapshot) []session.Snapshot {
	all = slices.Clone(all)
	for i := range all {
		all[i].Fence = 0
	}
	return all
}

// miscounting counts nothing.
type miscounting struct{ session.Store }

func (miscounting) Totals(context.Context) (map[int]int, error) { return nil, nil }

// notedStore keeps a note, with one mistake, or none.
type notedStore struct {
	session.Store
	mu     sync.Mutex
	note   []byte
	take   func(s *notedStore, note []byte) []byte // what it keeps of a note
	give   func(note []byte) []byte                // what it returns
	always bool                                    // it does not look at contexts
	shows  bool
}

func (s *notedStore) LoadNote(ctx context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.give != nil {
		return s.give(s.note), nil
	}
	return slices.Clone(s.note), nil
}

func (s *notedStore) SaveNote(ctx context.Context, note []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil && !s.always {
		return err
	}
	if s.take != nil {
		s.note = s.take(s, note)
		return nil
	}
	s.note = slices.Clone(note)
	return nil
}

func (s *notedStore) Format(f fmt.State, _ rune) {
	if s.shows {
		fmt.Fprintf(f, "%s", s.note)
	}
}

func noted(s *notedStore) session.Store {
	s.Store = session.NewMemoryStore()
	return s
}

// mistakes are named by the part of the suite that has to notice them.
var mistakes = map[string]func() session.Store{
	"nothing-is-stored": func() session.Store {
		return faultyStore{Store: session.NewMemoryStore(), load: func(s session.Snapshot, _ error) (session.Snapshot, error) { return s, nil }}
	},
	"what-is-saved-is-loaded": func() session.Store {
		return faultyStore{Store: session.NewMemoryStore(), load: func(s session.Snapshot, err error) (session.Snapshot, error) {
			s.Exact = false
			return s, err
		}}
	},
	"the-last-one-wins": func() session.Store {
		return faultyStore{Store: session.NewMemoryStore(), save: func(all []session.Snapshot) []session.Snapshot {
			best := map[events.ShardID]session.Snapshot{}
			for _, s := range all {
				if s.Seq > best[s.Shard].Seq {
					best[s.Shard] = s
				}
			}
			all = nil
			for _, s := range best {
				all = append(all, s)
			}
			return all
		}}
	},
	"shards-of-other-totals-are-others": func() session.Store {
		return faultyStore{Store: session.NewMemoryStore(), shard: func(id events.ShardID) events.ShardID { return events.ShardID{Index: id.Index, Total: 99} }}
	},
	"delete":                   func() session.Store { return faultyStore{Store: session.NewMemoryStore(), keeps: true} },
	"a-context-that-has-ended": func() session.Store { return faultyStore{Store: session.NewMemoryStore(), always: true} },
	"many-at-once": func() session.Store {
		var mu sync.Mutex
		n := 0
		return faultyStore{Store: session.NewMemoryStore(), save: func(all []session.Snapshot) []session.Snapshot {
			mu.Lock()
			defer mu.Unlock()
			if n++; n%50 == 0 {
				return nil
			}
			return all
		}}
	},
	"a-lower-fence-is-refused":               func() session.Store { return faultyStore{Store: session.NewMemoryStore(), save: unfenced} },
	"of-a-batch-only-the-fenced-are-refused": func() session.Store { return faultyStore{Store: session.NewMemoryStore()} }, // it stops at the first
	"two-owners":                             func() session.Store { return faultyStore{Store: session.NewMemoryStore(), save: unfenced} },
	"totals":                                 func() session.Store { return miscounting{session.NewMemoryStore()} },
	"secrets-do-not-print":                   func() session.Store { return faultyStore{Store: session.NewMemoryStore(), shows: new(strings.Builder)} },
	"no-note-at-first":                       func() session.Store { return noted(&notedStore{note: []byte("of another")}) },
	"the-last-note-wins": func() session.Store { // what it keeps is the caller's
		return noted(&notedStore{take: func(_ *notedStore, note []byte) []byte { return note }})
	},
	"an-empty-note-is-none": func() session.Store {
		return noted(&notedStore{take: func(s *notedStore, note []byte) []byte {
			if len(note) == 0 {
				return s.note
			}
			return slices.Clone(note)
		}})
	},
	"a-note-changes-no-session": func() session.Store {
		return noted(&notedStore{take: func(s *notedStore, note []byte) []byte {
			_ = s.Delete(context.Background(), events.ShardID{Index: 1, Total: 2}) // it never fails
			return slices.Clone(note)
		}})
	},
	"a-large-note": func() session.Store {
		return noted(&notedStore{give: func(note []byte) []byte { return slices.Clone(note[:min(len(note), 1<<20)]) }})
	},
	"a-note-and-a-context-that-has-ended": func() session.Store { return noted(&notedStore{always: true}) },
	"notes-and-sessions-at-once": func() session.Store {
		return noted(&notedStore{take: func(s *notedStore, note []byte) []byte {
			return append(s.note[:min(len(s.note), 10)], note[min(len(note), 10):]...)
		}})
	},
	"a-note-does-not-print": func() session.Store { return noted(&notedStore{shows: true}) },
}

// TestSuitePassesANotebook: what the suite asks of notes can be met.
func TestSuitePassesANotebook(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) session.Store { return noted(&notedStore{}) })
}

// TestSuiteNoticesMistakes: each part of the suite for stores fails for a store with a mistake of its kind. The stores are tested by processes of
// their own, since a test that fails fails the one that it is a part of.
func TestSuiteNoticesMistakes(t *testing.T) {
	if name := os.Getenv("SIGNALBOX_TEST_STORE"); name != "" {
		storetest.Run(t, func(*testing.T) session.Store { return mistakes[name]() })
		return
	}
	t.Parallel()
	var all sync.WaitGroup
	for name := range mistakes {
		all.Go(func() {
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSuiteNoticesMistakes$/^"+name+"$", "-test.v")
			child.Env = append(os.Environ(), "SIGNALBOX_TEST_STORE="+name)
			if out, err := child.CombinedOutput(); err == nil || !strings.Contains(string(out), "--- FAIL: TestSuiteNoticesMistakes/"+name) {
				t.Errorf("%s: the mistake is not noticed: %v\n%s", name, err, out)
			}
		})
	}
	all.Wait()
}
