package storetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// RunShared tests two stores of one place, such as a file that two processes have open: what one has saved the other one finds. open returns both,
// empty, and its own cleanup closes them.
func RunShared(t *testing.T, open func(t *testing.T) (one, other session.Store)) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(t *testing.T, one, other session.Store)
	}{
		{"sessions are shared", sharedSessions}, {"fences are shared", sharedFences}, {"the note is shared", sharedNote},
	} {
		t.Run(strings.ReplaceAll(test.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			one, other := open(t)
			test.run(t, one, other)
		})
	}
}

func sharedSessions(t *testing.T, one, other session.Store) {
	id := events.ShardID{Index: 0, Total: 1}
	for seq := int64(1); seq < 5; seq++ {
		save(t, one, sample(0, 1, seq))
		if got := load(t, other, id); got.Seq != seq {
			t.Errorf("sequence %d, and %d was saved", got.Seq, seq)
		}
		one, other = other, one
	}
	if err := one.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	missing(t, other, id)
}

func sharedFences(t *testing.T, one, other session.Store) {
	save(t, one, fenced(0, 1, 1, 5))
	save(t, other, fenced(0, 1, 2, 6))
	if err := one.Save(t.Context(), fenced(0, 1, 3, 5)); !errors.Is(err, session.ErrFenced) {
		t.Errorf("Save: %v", err)
	}
}

// sharedNote is for stores that are a session.Notebook.
func sharedNote(t *testing.T, one, other session.Store) {
	notes, others := notebook(t, one), notebook(t, other)
	noted(t, others, nil)
	for seed := range uint64(4) {
		saveNote(t, notes, largeBytes(seed))
		noted(t, others, largeBytes(seed))
		saveNote(t, notes, []byte{byte(seed), 'b'})
		noted(t, others, []byte{byte(seed), 'b'})
		notes, others = others, notes
	}
	saveNote(t, notes, nil)
	noted(t, others, nil)
	noted(t, notes, nil)
}
