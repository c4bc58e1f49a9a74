package filestore_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/session/filestore"
)

// TestNoteThatWasKilledCountsAsAWholeOrNotAtAll, wherever, and whether the file is opened then or others have it open. There is nothing to warn of.
func TestNoteThatWasKilledCountsAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("large", 40_000)
	for _, c := range []struct{ name, before, after string }{
		{"the first", "", "a note"}, {"another", "a note", "another one"}, {"none any more", "a note", ""}, {"after a large one", large, "small"}, {"a large one", "small", large},
	} {
		for sealed, opts := range map[string][]filestore.Option{"plain": nil, "sealed": {filestore.WithKey(secret)}} {
			opts := append(opts, filestore.WithoutSync())
			for part := range 18 { // of what is written, and then whether others have it open
				path := saved(t, opts...)
				s, logs := watched(t, path, opts...)
				note(t, s, c.before)
				late, more := watched(t, path, opts...) // it reads when all is over
				killed := open(t, path, opts...)
				before, err := os.ReadFile(path)
				must(t, err, os.MkdirAll(path+".new/x", 0o700)) // so that it is not written anew
				note(t, killed, c.after)
				after, err := os.ReadFile(path)
				must(t, err, os.RemoveAll(path+".new"), killed.Close())
				whole := len(after) - len(before)
				if whole <= 0 || !bytes.Equal(after[1024:len(before)], before[1024:]) {
					t.Fatalf("it is not appended: %d bytes after %d", len(after), len(before))
				}
				cut, open := []int{0, 1, 4, 19, 20, 21, whole / 2, whole - 1, whole}[part/2], part%2 == 0
				what := fmt.Sprintf("%s, %s, %d of %d bytes, others have it open: %v", c.name, sealed, cut, whole, open)
				content := bytes.Clone(after[:len(before)+cut])
				copy(content, before) // without the mark
				want := c.before
				if cut == whole {
					want = c.after
				}
				if !open {
					must(t, s.Close(), late.Close())
				}
				overwrite(t, path, content)
				if !open {
					s, logs = watched(t, path, opts...)
					late, more = watched(t, path, opts...)
				}
				has(t, what+": one", s, want)
				holds(t, s)
				next := sample
				next.Shard.Index = 5
				must(t, s.Save(t.Context(), next))
				has(t, what+": the other", late, want)
				note(t, late, "one more")
				has(t, what+": one again", s, "one more")
				must(t, s.Close(), late.Close())
				third, most := watched(t, path, opts...)
				has(t, what+": the next process", third, "one more")
				holds(t, third)
				if must(t, third.Close()); logs.Len()+more.Len()+most.Len() != 0 {
					t.Errorf("%s: warnings: %v, %v, %v", what, logs.All(), more.All(), most.All())
				}
			}
		}
	}
}

// TestDamageInANote is as damage elsewhere: at Open all is set aside, and while the file is open nothing is lost.
func TestDamageInANote(t *testing.T) {
	t.Parallel()
	for sealed, opts := range map[string][]filestore.Option{"plain": nil, "sealed": {filestore.WithKey(secret)}} {
		for name, harm := range map[string]func([]byte) []byte{
			"altered": func(b []byte) []byte { b[len(b)-5]++; return b },
			"zeros":   func(b []byte) []byte { clear(b[len(b)-50:]); return b },
			"cut":     func(b []byte) []byte { return b[:len(b)-1] },
		} {
			what := name + ", " + sealed
			path := noted(t, strings.Repeat("n", 100), opts...)
			content, err := os.ReadFile(path)
			must(t, err, os.WriteFile(path, harm(content), 0o600))
			s, logs := watched(t, path, opts...)
			has(t, what+", opened then", s, "")
			lost(t, s)
			if logs.FilterMessageSnippet("is damaged").Len() != 1 || !strings.Contains(fmt.Sprint(logs.All()[0].ContextMap()["lost"]), "the note") {
				t.Errorf("%s: warnings: %v", what, logs.All())
			}
			note(t, s, "a note")
			other := open(t, path, opts...)
			content, err = os.ReadFile(path)
			must(t, err)
			overwrite(t, path, harm(content))
			filestore.PassAMinute(s)
			must(t, s.Save(t.Context(), sample))
			if logs.FilterMessageSnippet("was damaged while it was in use").Len() != 1 {
				t.Errorf("%s, while it is open: warnings: %v", what, logs.All())
			}
			has(t, what+", while it is open", s, "a note")
			has(t, what+", while another has it open", other, "a note")
			must(t, s.Close(), other.Close())
			has(t, what+", in the next process", open(t, path, opts...), "a note")
		}
	}
}

// TestNoteUnderAnotherKey is set aside with the file, and comes back with it.
func TestNoteUnderAnotherKey(t *testing.T) {
	t.Parallel()
	sealed := filestore.WithKey(secret)
	path := noted(t, "canary-note", sealed)
	for name, opts := range map[string][]filestore.Option{"none": nil, "another": {filestore.WithKey([]byte("another key of many bytes"))}} {
		s := open(t, path, opts...)
		has(t, name, s, "")
		must(t, s.Close(), os.Rename(path+".otherkey", path))
	}
	s := open(t, path, sealed)
	has(t, "with its own", s, "canary-note")
	holds(t, s)
}

// aNote is a whole note: it says its number, and is as long as that makes it.
func aNote(seq int) []byte { return bytes.Repeat(fmt.Appendf(nil, "%08d", seq), 10_000+seq%1000) }

// numberOf is the number of a note that is whole.
func numberOf(b []byte) (seq int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	if _, err := fmt.Sscanf(string(b[:min(len(b), 8)]), "%08d", &seq); err != nil {
		return 0, err
	}
	if !bytes.Equal(b, aNote(seq)) {
		return 0, fmt.Errorf("%d bytes of note %d, which has %d", len(b), seq, len(aNote(seq)))
	}
	return seq, nil
}

// noteOnAndOn saves one note after the other, forgets some in between, and says so each time. TestNoteOfAKilledProcess kills it.
func noteOnAndOn(s *filestore.Store) error {
	b, err := s.LoadNote(context.Background())
	if err != nil {
		return err
	}
	first, err := numberOf(b)
	for seq := first + 1; err == nil; seq++ {
		if seq%16 == 0 {
			err = s.SaveNote(context.Background(), nil)
		}
		if err == nil {
			err = s.SaveNote(context.Background(), aNote(seq))
		}
		fmt.Println(seq)
	}
	return err
}

// noteOnce is for TestNoteThatEndsHalfway.
func noteOnce(s *filestore.Store) error { return s.SaveNote(context.Background(), make([]byte, 2<<20)) }

// TestNoteOfAKilledProcess is the last that SaveNote returned for, or the one after, and whole: processes are killed at random instants.
func TestNoteOfAKilledProcess(t *testing.T) {
	t.Parallel()
	path := saved(t)
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1)) // what is random is when they are killed, and that nobody can repeat
	said, stored := 0, 0
	for round := range *killRounds {
		cmd, out := process(t, "notes", path, []string{"synced", "unsynced"}[round%2])
		for first := true; ; first = false {
			line, err := out.ReadString('\n')
			if err != nil {
				break
			}
			if _, err := fmt.Sscan(line, &said); err != nil {
				t.Fatal(err)
			}
			if first {
				time.AfterFunc(time.Duration(random.IntN(100))*time.Millisecond, func() { _ = cmd.Process.Kill() })
			}
		}
		if err := cmd.Wait(); !strings.Contains(fmt.Sprint(err), "killed") {
			t.Fatalf("round %d: the process ended by itself: %v", round, err)
		}
		s, logs := watched(t, path)
		b, err := s.LoadNote(t.Context())
		must(t, err)
		seq, err := numberOf(b)
		forgot := len(b) == 0 && (said+1)%16 == 0 // and was killed before it saved the next
		if forgot {
			note(t, s, string(aNote(said+1)))
			seq = said + 1
		}
		if err != nil || seq < said || seq > max(said, stored)+1 || logs.Len() != 0 {
			t.Fatalf("round %d: note %d, %v, and %d was saved; warnings: %v", round, seq, err, said, logs.All())
		}
		stored = seq
		holds(t, s)
		must(t, s.Close())
	}
	t.Logf("%d processes were killed, and %d notes saved", *killRounds, said)
}
