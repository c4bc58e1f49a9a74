package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// notebook is for stores that are a session.Notebook.
func notebook(t *testing.T, s session.Store) session.Notebook {
	t.Helper()
	notes, ok := s.(session.Notebook)
	if !ok {
		t.Skip("it is no session.Notebook")
	}
	return notes
}

func saveNote(t *testing.T, notes session.Notebook, note []byte) {
	t.Helper()
	if err := notes.SaveNote(t.Context(), note); err != nil {
		t.Fatalf("SaveNote: %v", err)
	}
}

// noted checks what the note is. It may be large.
func noted(t *testing.T, notes session.Notebook, want []byte) {
	t.Helper()
	if got, err := notes.LoadNote(t.Context()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("LoadNote: %d bytes, %.20q, %v, want %d bytes, %.20q", len(got), got, err, len(want), want)
	}
}

func noNote(t *testing.T, s session.Store) {
	notes := notebook(t, s)
	noted(t, notes, nil)
	save(t, s, sample(0, 1, 1))
	noted(t, notes, nil)
	saveNote(t, notes, nil) // there is none to forget
	noted(t, notes, nil)
}

// lastNote wins, whatever its length, and whatever is done with the bytes that were given or returned.
func lastNote(t *testing.T, s session.Store) {
	notes := notebook(t, s)
	for _, want := range []string{"one", "\x00\xff a longer one", `{"Seq":7}`, "s"} {
		given := []byte(want)
		saveNote(t, notes, given)
		clear(given)
		noted(t, notes, []byte(want))
		got, err := notes.LoadNote(t.Context())
		if err != nil {
			t.Fatalf("LoadNote: %v", err)
		}
		clear(got)
		noted(t, notes, []byte(want))
	}
}

func emptyNote(t *testing.T, s session.Store) {
	notes := notebook(t, s)
	for _, none := range [][]byte{nil, {}} {
		saveNote(t, notes, []byte("a note"))
		for range 2 { // also if there is none
			saveNote(t, notes, none)
			noted(t, notes, nil)
		}
	}
	saveNote(t, notes, []byte("another"))
	noted(t, notes, []byte("another"))
}

// noteAlone: neither sessions nor the note change each other.
func noteAlone(t *testing.T, s session.Store) {
	notes := notebook(t, s)
	want := fenced(1, 2, 5, 7)
	save(t, s, want)
	for _, note := range []string{"a note", "another", ""} {
		saveNote(t, notes, []byte(note))
		if got := load(t, s, want.Shard); !equal(got, want) {
			t.Errorf("with a note of %d bytes: %v", len(note), got)
		}
		missing(t, s, events.ShardID{Index: 0, Total: 2})
		if totaler, ok := s.(session.Totaler); ok {
			if totals, err := totaler.Totals(t.Context()); err != nil || len(totals) != 1 || totals[2] != 1 {
				t.Errorf("with a note of %d bytes: totals %v, %v", len(note), totals, err)
			}
		}
	}
	saveNote(t, notes, []byte("a note"))
	refused(t, s.Save(t.Context(), fenced(1, 2, 6, 6)), want.Shard)
	want.Seq++
	save(t, s, want)
	if err := s.Delete(t.Context(), want.Shard); err != nil {
		t.Fatal(err)
	}
	noted(t, notes, []byte("a note"))
}

// largeBytes are random, so that nothing makes them smaller.
func largeBytes(seed uint64) []byte {
	b := make([]byte, 2<<20)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b) // it never fails
	return b
}

func largeNote(t *testing.T, s session.Store) {
	notes := notebook(t, s)
	for seed := range uint64(3) {
		saveNote(t, notes, largeBytes(seed))
		noted(t, notes, largeBytes(seed))
	}
	saveNote(t, notes, nil)
	noted(t, notes, nil)
}

func endedNote(t *testing.T, s session.Store) {
	notes := notebook(t, s)
	want := []byte("a note")
	saveNote(t, notes, want)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, note := range [][]byte{[]byte("another"), largeBytes(1), nil} {
		if err := notes.SaveNote(ctx, note); !errors.Is(err, context.Canceled) {
			t.Errorf("SaveNote of %d bytes: %v", len(note), err)
		}
	}
	if got, err := notes.LoadNote(ctx); !errors.Is(err, context.Canceled) || len(got) != 0 {
		t.Errorf("LoadNote: %d bytes, %v", len(got), err)
	}
	noted(t, notes, want)
}

// concurrentNotes: notes and sessions are saved at once, and whoever reads finds a whole note.
func concurrentNotes(t *testing.T, s session.Store) {
	notes := notebook(t, s)
	const writers, rounds = 4, 20
	var all sync.WaitGroup
	for writer := range writers {
		all.Go(func() {
			for seq := range int64(rounds) {
				if err := notes.SaveNote(t.Context(), bytes.Repeat([]byte{byte('a' + writer)}, 1000+writer)); err != nil {
					t.Errorf("SaveNote: %v", err)
				}
				got, err := notes.LoadNote(t.Context())
				if err != nil || len(got) < 1000 || len(got) != 1000+int(got[0]-'a') || len(bytes.Trim(got, string(got[:1]))) != 0 {
					t.Errorf("LoadNote: %d bytes, %.20q, %v", len(got), got, err)
				}
				if err := s.Save(t.Context(), sample(writer, writers, seq)); err != nil {
					t.Errorf("Save: %v", err)
				}
			}
		})
	}
	all.Wait()
	for writer := range writers {
		if got := load(t, s, events.ShardID{Index: writer, Total: writers}); got.Seq != rounds-1 {
			t.Errorf("shard %d is at %d", writer, got.Seq)
		}
	}
}

func secretNote(t *testing.T, s session.Store) {
	saveNote(t, notebook(t, s), []byte(canary))
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if text := fmt.Sprintf(format, s); strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
			t.Errorf("%s shows a secret: %.200s", format, text)
		}
	}
}
