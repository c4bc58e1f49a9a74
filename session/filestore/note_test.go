package filestore_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/filestore"
)

// has checks what the note of a store is.
func has(t *testing.T, what string, s *filestore.Store, want string) {
	t.Helper()
	if got, err := s.LoadNote(t.Context()); err != nil || string(got) != want {
		t.Errorf("%s: the note has %d bytes, %.30q, %v; want %d, %.30q", what, len(got), got, err, len(want), want)
	}
}

func note(t *testing.T, s *filestore.Store, text string) {
	t.Helper()
	must(t, s.SaveNote(t.Context(), []byte(text)))
}

// noted is a closed file with a note, the sample and the ledger.
func noted(t *testing.T, text string, opts ...filestore.Option) string {
	t.Helper()
	path := saved(t, opts...)
	s := open(t, path, opts...)
	note(t, s, text)
	must(t, s.Close())
	return path
}

func TestNoteOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	for name, opts := range kinds {
		path := noted(t, "canary-note", opts...)
		for range 3 {
			s, logs := watched(t, path, opts...)
			has(t, name, s, "canary-note")
			holds(t, s)
			if totals, err := s.Totals(t.Context()); err != nil || len(totals) != 1 {
				t.Errorf("%s: totals %v, %v", name, totals, err)
			}
			if must(t, s.Close()); logs.Len() != 0 {
				t.Errorf("%s: warnings: %v", name, logs.All())
			}
		}
		content, err := os.ReadFile(path)
		must(t, err)
		if sealed := !bytes.Contains(content, []byte("canary")); sealed != (name == "sealed") {
			t.Errorf("%s: encrypted is %v", name, sealed)
		}
	}
	s := open(t, file(t))
	must(t, s.Close())
	_, load := s.LoadNote(t.Context())
	for _, err := range []error{load, s.SaveNote(t.Context(), []byte("x")), s.SaveNote(t.Context(), nil)} {
		if !errors.Is(err, filestore.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	}
}

// TestNoteOfThisVersionIsReadForEver, and a file of before there were notes has none, and takes one.
func TestNoteOfThisVersionIsReadForEver(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plain", "sealed"} {
		golden := filepath.Join("testdata", name+"-note.db")
		if *writeGolden {
			content, err := os.ReadFile(noted(t, "a note of old", kinds[name]...))
			must(t, err, os.WriteFile(golden, content, 0o600))
		}
		for from, want := range map[string]string{golden: "a note of old", filepath.Join("testdata", name+".db"): ""} {
			content, err := os.ReadFile(from)
			path := file(t)
			must(t, err, os.WriteFile(path, content, 0o600))
			s, logs := watched(t, path, kinds[name]...)
			has(t, from, s, want)
			holds(t, s)
			note(t, s, "another")
			must(t, s.Close())
			s = open(t, path, kinds[name]...)
			has(t, from, s, "another")
			if holds(t, s); logs.Len() != 0 {
				t.Errorf("%s: warnings: %v", from, logs.All())
			}
		}
	}
}

// TestEarlierVersionsReadAFileWithANote: there is no entry that they do not know, and none for a shard that can be; so they keep it with the sessions.
func TestEarlierVersionsReadAFileWithANote(t *testing.T) {
	t.Parallel()
	path := noted(t, "a note")
	look := func(when string, notes int) {
		t.Helper()
		content, err := os.ReadFile(path)
		must(t, err)
		entries, err := filestore.Entries(content)
		must(t, err)
		for _, each := range entries {
			switch each {
			case filestore.Entry{Kind: 1, Index: -1, Total: -1}:
				notes--
			case filestore.Entry{Kind: 1, Index: id.Index, Total: id.Total}, filestore.Entry{Kind: 3}:
			default:
				t.Errorf("%s: an entry %+v", when, each)
			}
		}
		if notes != 0 {
			t.Errorf("%s: %d notes are missing, of entries %+v", when, notes, entries)
		}
	}
	look("appended", 1)
	s := open(t, path)
	look("written anew", 1)
	note(t, s, "another")
	look("and appended", 2)
	note(t, s, "")
	look("forgotten", 1) // or an earlier one came back with a file that is joined
}

// TestNoShardStandsForTheNote.
func TestNoShardStandsForTheNote(t *testing.T) {
	t.Parallel()
	s := open(t, noted(t, "a note"))
	none := sample
	none.Shard, none.Fence = events.ShardID{Index: -1, Total: -1}, 1<<64-1
	other := sample
	other.Seq++
	if err := s.Save(t.Context(), other, none); err == nil || !strings.Contains(err.Error(), "-1/-1 cannot be") {
		t.Errorf("Save: %v", err)
	}
	if _, err := s.Load(t.Context(), none.Shard); !errors.Is(err, session.ErrNoSnapshot) {
		t.Errorf("Load: %v", err)
	}
	must(t, s.Delete(t.Context(), none.Shard))
	has(t, "afterwards", s, "a note")
	holds(t, s)
}

// TestNoteThatIsTooLarge is refused, and the note before it stays. The largest is kept.
func TestNoteThatIsTooLarge(t *testing.T) {
	t.Parallel()
	const most = 8<<20 - 21
	for name, opts := range map[string][]filestore.Option{"plain": nil, "sealed": {filestore.WithKey(secret)}} {
		path := noted(t, "a note", opts...)
		s, other := open(t, path, opts...), open(t, path, opts...)
		if err := s.SaveNote(t.Context(), make([]byte, most+1)); err == nil || !strings.Contains(err.Error(), "8388587 are the most") {
			t.Errorf("%s: %v", name, err)
		}
		has(t, name, s, "a note")
		large := strings.Repeat("n", most)
		note(t, s, large)
		has(t, name, other, large)
		must(t, s.Close(), other.Close())
		s = open(t, path, opts...)
		has(t, name+", written anew", s, large)
		holds(t, s)
	}
}

// TestFileStaysShortWithNotes: former ones are dropped in time, and of one that is forgotten nothing is left, whoever has the file open.
func TestFileStaysShortWithNotes(t *testing.T) {
	t.Parallel()
	path := saved(t)
	s, logs := watched(t, path, filestore.WithoutSync())
	other, more := watched(t, path, filestore.WithoutSync())
	text := strings.Repeat("canary-", 30_000)
	largest, anew := int64(0), 0
	last, err := os.Stat(path)
	must(t, err)
	for range 200 {
		note(t, s, text)
		must(t, other.Save(t.Context(), sample))
		info, err := os.Stat(path)
		must(t, err)
		if largest = max(largest, info.Size()); !os.SameFile(info, last) {
			anew++
		}
		last, s, other = info, other, s
	}
	if largest > 1<<20+7*int64(len(text)) || anew > 25 {
		t.Errorf("the file had %d bytes, for a note of %d; of 200 times it was written anew %d times", largest, len(text), anew)
	}
	note(t, s, "")
	content, err := os.ReadFile(path)
	if must(t, err); len(content) > 4096 || bytes.Contains(content, []byte("canary-canary")) {
		t.Errorf("a note that is forgotten is left, in a file of %d bytes", len(content))
	}
	last, err = os.Stat(path)
	must(t, err)
	note(t, s, "")
	if after, err := os.Stat(path); err != nil || !os.SameFile(last, after) {
		t.Errorf("it is written anew to forget nothing: %v", err)
	}
	for _, each := range []*filestore.Store{s, other} {
		has(t, "at last", each, "")
		holds(t, each)
	}
	if logs.Len()+more.Len() != 0 {
		t.Errorf("warnings: %v, %v", logs.All(), more.All())
	}
}

// TestNotesOfAReplacedFileAreJoined: the later one counts, also if it says that there is none.
func TestNotesOfAReplacedFileAreJoined(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ours, theirs []string
		oursFirst    bool
		want         string
		warnings     int
	}{
		"ours alone":             {[]string{"ours"}, nil, true, "ours", 1},
		"theirs alone":           {nil, []string{"theirs"}, true, "theirs", 0},
		"theirs is later":        {[]string{"1", "2", "ours"}, []string{"theirs"}, true, "theirs", 0},
		"ours is later":          {[]string{"ours"}, []string{"1", "2", "theirs"}, false, "ours", 1},
		"ours is forgotten":      {[]string{"ours", ""}, []string{"theirs"}, false, "", 1},
		"theirs is forgotten":    {[]string{"ours"}, []string{"theirs", ""}, true, "", 0},
		"theirs is later though": {[]string{"ours", ""}, []string{"theirs"}, true, "theirs", 0},
	} {
		path := file(t)
		s, logs := watched(t, path, filestore.WithoutSync())
		us := func() {
			for _, text := range c.ours {
				note(t, s, text)
			}
		}
		if c.oursFirst {
			us()
		}
		theirs := apart(t, func(s *filestore.Store) {
			for _, text := range c.theirs {
				note(t, s, text)
			}
		})
		if !c.oursFirst {
			us()
		}
		must(t, os.Rename(theirs, path))
		everywhere(t, path, s, func(who string, s *filestore.Store) { has(t, name+": "+who, s, c.want) })
		if logs.Len() != c.warnings {
			t.Errorf("%s: warnings: %v", name, logs.All())
		}
	}
}

// TestNoteOfAnOlderCopyIsNotBelieved, also if a process has opened the copy and written it anew, and if the clock went back before the later note was saved.
func TestNoteOfAnOlderCopyIsNotBelieved(t *testing.T) {
	t.Parallel()
	for name, later := range map[string]func(*testing.T, *filestore.Store){
		"the clock goes on": func(t *testing.T, s *filestore.Store) { note(t, s, "after") },
		"the clock went back": func(t *testing.T, s *filestore.Store) {
			synctest.Test(t, func(t *testing.T) {
				if note(t, s, "after"); time.Now().Year() > 2001 {
					t.Fatal("it did not")
				}
			})
		},
	} {
		path := file(t)
		s := open(t, path, filestore.WithoutSync())
		note(t, s, "before")
		content, err := os.ReadFile(path)
		must(t, err)
		later(t, s)
		must(t, os.WriteFile(path+".copy", content, 0o600), os.Rename(path+".copy", path))
		next := open(t, path, filestore.WithoutSync())
		has(t, name+": the next process", next, "before")
		has(t, name+": who saved it", s, "after")
		has(t, name+": the next process again", next, "after")
	}
}

// TestForgettingNoNoteWritesNothing.
func TestForgettingNoNoteWritesNothing(t *testing.T) {
	t.Parallel()
	path := saved(t)
	s := open(t, path)
	before, err := os.ReadFile(path)
	must(t, err)
	note(t, s, "")
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file had %d bytes and has %d: %v", len(before), len(after), err)
	}
}
