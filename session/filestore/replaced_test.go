package filestore_test

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/filestore"
)

// apart is a closed file of its own, with what save puts into it.
func apart(t *testing.T, save func(*filestore.Store)) (path string) {
	t.Helper()
	path = file(t)
	s := open(t, path, filestore.WithoutSync())
	save(s)
	must(t, s.Close())
	return path
}

// everywhere calls look with a store, with another one of the same file, and with that of the next process.
func everywhere(t *testing.T, path string, s *filestore.Store, look func(who string, s *filestore.Store)) {
	t.Helper()
	look("whoever has it open", s)
	other := open(t, path)
	look("another process", other)
	must(t, s.Close(), other.Close())
	look("the next process", open(t, path))
}

// TestSessionsOfAReplacedFileAreJoined: for each shard the later owner's snapshot counts, and of one owner's the later one; and all that there is stands in the new file.
func TestSessionsOfAReplacedFileAreJoined(t *testing.T) {
	t.Parallel()
	early, late := time.Unix(1_700_000_000, 0).UTC(), time.Unix(1_700_000_001, 0).UTC()
	type side struct {
		fence uint64
		at    time.Time
	}
	cases := []struct {
		name         string
		ours, theirs side // without a time: there is none
		wantOurs     bool
	}{
		{"ours alone", side{1, early}, side{}, true},
		{"ours alone, without a fence", side{0, early}, side{}, true},
		{"theirs alone", side{}, side{1, early}, false},
		{"theirs alone, without a fence", side{}, side{0, early}, false},
		{"our fence is higher", side{3, early}, side{2, late}, true},
		{"their fence is higher", side{2, late}, side{3, early}, false},
		{"ours is later", side{2, late}, side{2, early}, true},
		{"theirs is later", side{2, early}, side{2, late}, false},
	}
	shard := func(i int) events.ShardID { return events.ShardID{Index: i, Total: 9} }
	for _, some := range [][]int{{0}, {1}, {2}, {3}, {4}, {5}, {6}, {7}, {0, 1, 2, 3, 4, 5, 6, 7}} {
		save := func(s *filestore.Store, i int, from string, of side) {
			if !of.at.IsZero() {
				must(t, s.Save(t.Context(), session.Snapshot{Shard: shard(i), SessionID: from, Fence: of.fence, SavedAt: of.at}))
			}
		}
		path := file(t)
		s, logs := watched(t, path, filestore.WithoutSync())
		theirs := apart(t, func(theirs *filestore.Store) {
			for _, i := range some {
				save(s, i, "ours", cases[i].ours)
				save(theirs, i, "theirs", cases[i].theirs)
			}
		})
		must(t, os.Rename(theirs, path))
		warnings := 0
		everywhere(t, path, s, func(who string, s *filestore.Store) {
			for _, i := range some {
				c := cases[i]
				want, from := c.theirs, "theirs"
				if c.wantOurs {
					want, from, warnings = c.ours, "ours", 1
				}
				got, err := s.Load(t.Context(), shard(i))
				if err != nil || got.SessionID != from || got.Fence != want.fence || !got.SavedAt.Equal(want.at) {
					t.Errorf("%s: %s finds %q, fence %d, %v", c.name, who, got.SessionID, got.Fence, err)
				}
			}
		})
		if logs.Len() != warnings || logs.FilterMessageSnippet("was replaced").Len() != warnings {
			t.Errorf("of %d: warnings: %v", some, logs.All())
		}
	}
}

// TestFileReplacedByOneThatSaysAsMuch: there is nothing to warn of, and nothing to write.
func TestFileReplacedByOneThatSaysAsMuch(t *testing.T) {
	t.Parallel()
	for name, later := range map[string]bool{"its copy": false, "with later snapshots, and more": true} {
		path := file(t)
		s, logs := watched(t, path, filestore.WithoutSync())
		must(t, s.Save(t.Context(), sample), s.SaveLedger(t.Context(), spent))
		want, newer := sample, sample
		newer.Shard.Index++
		copied := path + ".copy"
		content, err := os.ReadFile(path)
		must(t, err, os.WriteFile(copied, content, 0o600))
		if later {
			other := open(t, copied)
			want.Seq, want.SavedAt = 78, want.SavedAt.Add(time.Second)
			must(t, other.Save(t.Context(), want, newer), other.Close())
		}
		content, err = os.ReadFile(copied)
		must(t, err, os.Rename(copied, path))
		if got, err := s.Load(t.Context(), id); err != nil || got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if got, err := s.Load(t.Context(), newer.Shard); later && (err != nil || got != newer) || !later && !errors.Is(err, session.ErrNoSnapshot) {
			t.Errorf("%s: of the other shard: %v, %v", name, got, err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) || logs.Len() != 0 {
			t.Errorf("%s: it is written anew: %v, %v; warnings: %v", name, !bytes.Equal(now, content), err, logs.All())
		}
		want.Seq++
		must(t, s.Save(t.Context(), want), s.Close())
		if got, err := open(t, path).Load(t.Context(), id); err != nil || got != want {
			t.Errorf("%s: afterwards %v, %v", name, got, err)
		}
	}
}

// TestLedgersOfAReplacedFileAreJoined: what is left allows no more than either of the two.
func TestLedgersOfAReplacedFileAreJoined(t *testing.T) {
	t.Parallel()
	at := func(second int64) time.Time { return time.Unix(1_600_000_000+second, 0).UTC() }
	shard := func(i int) ratelimit.Shard { return ratelimit.Shard{Index: i, Total: 9} }
	type state = ratelimit.LedgerState
	type written = map[ratelimit.Shard]time.Time
	for name, c := range map[string]struct{ a, b, want state }{ // whichever of them is ours
		"none in one": {state{}, state{Remaining: 7, ResetAt: at(9), Lost: at(1), Written: written{shard(1): at(2)}, Spent: []ratelimit.Spent{{Until: at(3), Count: 4}}},
			state{Remaining: 7, ResetAt: at(9), Lost: at(1), Written: written{shard(1): at(2)}, Spent: []ratelimit.Spent{{Until: at(3), Count: 4}}}},
		"the budget's later period": {state{Remaining: 7, ResetAt: at(8)}, state{Remaining: 900, ResetAt: at(9)}, state{Remaining: 900, ResetAt: at(9)}},
		"the smaller budget":        {state{Remaining: 7, ResetAt: at(9)}, state{Remaining: 8, ResetAt: at(9)}, state{Remaining: 7, ResetAt: at(9)}},
		"the later loss": {state{Remaining: 7, ResetAt: at(8), Lost: at(5)}, state{Remaining: 8, ResetAt: at(9), Lost: at(4)},
			state{Remaining: 8, ResetAt: at(9), Lost: at(5)}},
		"each shard's later Identify": {state{Written: written{shard(1): at(1), shard(2): at(2), shard(3): at(3)}}, state{Written: written{shard(1): at(2), shard(2): at(1), shard(4): at(4)}},
			state{Written: written{shard(1): at(2), shard(2): at(2), shard(3): at(3), shard(4): at(4)}}},
		"what either has spent": {state{Spent: []ratelimit.Spent{{Until: at(1), Count: 4}, {Until: at(2), Count: 1}, {Until: at(3), Count: 3}}},
			state{Spent: []ratelimit.Spent{{Until: at(1), Count: 2}, {Until: at(2), Count: 5}, {Until: at(4), Count: 4}}},
			state{Spent: []ratelimit.Spent{{Until: at(1), Count: 4}, {Until: at(2), Count: 5}, {Until: at(3), Count: 3}, {Until: at(4), Count: 4}}}},
	} {
		for range 2 {
			c.a, c.b = c.b, c.a
			path := file(t)
			s, logs := watched(t, path, filestore.WithoutSync())
			must(t, s.SaveLedger(t.Context(), c.a))
			must(t, os.Rename(apart(t, func(s *filestore.Store) { must(t, s.SaveLedger(t.Context(), c.b)) }), path))
			everywhere(t, path, s, func(who string, s *filestore.Store) {
				got, err := s.LoadLedger(t.Context())
				got.Version = 0
				slices.SortFunc(got.Spent, func(a, b ratelimit.Spent) int { return a.Until.Compare(b.Until) })
				if err != nil || len(got.Written) != len(c.want.Written) || len(got.Written) > 0 && !maps.Equal(got.Written, c.want.Written) {
					t.Errorf("%s: %s finds %v written, %v", name, who, got.Written, err)
				}
				if got.Written = c.want.Written; !reflect.DeepEqual(got, c.want) {
					t.Errorf("%s: %s finds %+v", name, who, got)
				}
			})
			if logs.Len() != 1 {
				t.Errorf("%s: warnings: %v", name, logs.All())
			}
		}
	}
}

// TestLedgerOfAReplacedFileIsReadAnew by all: whoever has read either of the two decides of nothing by that.
func TestLedgerOfAReplacedFileIsReadAnew(t *testing.T) {
	t.Parallel()
	for saves := range 5 {
		path := file(t)
		s := open(t, path, filestore.WithoutSync())
		must(t, s.SaveLedger(t.Context(), spent))
		ours, err := s.LoadLedger(t.Context())
		must(t, err)
		must(t, os.Rename(apart(t, func(s *filestore.Store) {
			for left := range saves {
				must(t, s.SaveLedger(t.Context(), ratelimit.LedgerState{Remaining: 900 + left}))
			}
		}), path))
		other := open(t, path)
		theirs, err := other.LoadLedger(t.Context())
		must(t, err)
		if err := s.SaveLedger(t.Context(), ours); !errors.Is(err, ratelimit.ErrLedgerChanged) {
			t.Errorf("replaced by one of %d saves, whoever had the former saves: %v", saves, err)
		}
		if err := other.SaveLedger(t.Context(), theirs); !errors.Is(err, ratelimit.ErrLedgerChanged) {
			t.Errorf("replaced by one of %d saves, whoever had it saves: %v", saves, err)
		}
		for _, each := range []*filestore.Store{s, other} {
			joined, err := each.LoadLedger(t.Context())
			must(t, err, each.SaveLedger(t.Context(), joined))
		}
	}
}

// TestDamageInWhatAnotherHasAppended is noticed by who reads on, and what is left is mended.
func TestDamageInWhatAnotherHasAppended(t *testing.T) {
	t.Parallel()
	for name, opts := range kinds {
		path := saved(t, opts...)
		a, logs := watched(t, path, opts...)
		holds(t, a)
		b := open(t, path, opts...)
		later := sample
		later.Seq++
		must(t, b.Save(t.Context(), later))
		whole, err := os.ReadFile(path)
		must(t, err)
		whole[len(whole)-1] ^= 1
		overwrite(t, path, whole)
		got, err := a.Load(t.Context(), id)
		if logs.FilterMessageSnippet("was damaged while it was in use").Len() != 1 || err != nil || got != sample {
			t.Errorf("%s: %v, %v, warnings: %v", name, got, err, logs.All())
		}
	}
}
