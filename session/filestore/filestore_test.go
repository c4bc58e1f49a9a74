package filestore_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/filestore"
	"github.com/signalbox-go/signalbox/session/storetest"
)

var secret = []byte("a key of more than sixteen bytes")

// kinds are the ways in which a store can be opened.
var kinds = map[string][]filestore.Option{"plain": nil, "sealed": {filestore.WithKey(secret)}, "unsynced": {filestore.WithoutSync()}}

func open(t *testing.T, path string, opts ...filestore.Option) *filestore.Store {
	t.Helper()
	s, err := filestore.Open(path, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // a test may have closed it
	return s
}

// watched is a store, and what it warns of.
func watched(t *testing.T, path string, opts ...filestore.Option) (*filestore.Store, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.WarnLevel)
	return open(t, path, append([]filestore.Option{filestore.WithLogger(zap.New(core))}, opts...)...), logs
}

func file(t *testing.T) string { return filepath.Join(t.TempDir(), "bot.db") }

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

var (
	id     = events.ShardID{Index: 3, Total: 8}
	sample = session.Snapshot{
		Shard: id, SessionID: "canary-session", ResumeURL: "wss://canary-host.discord.gg", Seq: 77, Bot: 5, Exact: true, SavedAt: time.Unix(1_700_000_000, 5).UTC(),
	}
	spent = ratelimit.LedgerState{
		Remaining: 12, ResetAt: time.Unix(1_700_000_000, 0).UTC(),
		Written: map[ratelimit.Shard]time.Time{{Index: 3, Total: 8}: time.Unix(1_600_000_000, 0).UTC()},
		Spent:   []ratelimit.Spent{{Until: time.Unix(1_700_000_900, 0).UTC(), Count: 3}},
	}
)

// holds checks that a store has the sample, and the ledger.
func holds(t *testing.T, s *filestore.Store) {
	t.Helper()
	if got, err := s.Load(t.Context(), id); err != nil || got != sample {
		t.Errorf("%v, %v", got, err)
	}
	got, err := s.LoadLedger(t.Context())
	if err != nil || got.Remaining != 12 || !got.ResetAt.Equal(spent.ResetAt) || len(got.Spent) != 1 || got.Spent[0].Count != 3 || !got.Lost.IsZero() ||
		!got.Written[ratelimit.Shard{Index: 3, Total: 8}].Equal(time.Unix(1_600_000_000, 0)) {
		t.Errorf("ledger %+v, %v", got, err)
	}
}

// lost checks that a store has nothing, and that its ledger says so.
func lost(t *testing.T, s *filestore.Store) {
	t.Helper()
	if got, err := s.Load(t.Context(), id); !errors.Is(err, session.ErrNoSnapshot) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := s.LoadLedger(t.Context()); err != nil || got.Remaining != 0 || len(got.Written) != 0 || time.Since(got.Lost) > time.Minute {
		t.Errorf("ledger %+v, %v", got, err)
	}
}

// saved is a closed file with the sample and the ledger.
func saved(t *testing.T, opts ...filestore.Option) string {
	t.Helper()
	path := file(t)
	s := open(t, path, opts...)
	must(t, s.Save(t.Context(), sample), s.SaveLedger(t.Context(), spent), s.Close())
	return path
}

func TestSuite(t *testing.T) {
	t.Parallel()
	for name, opts := range kinds {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) session.Store { return open(t, file(t), opts...) })
			storetest.RunShared(t, func(t *testing.T) (one, other session.Store) {
				path := file(t)
				return open(t, path, opts...), open(t, path, opts...)
			})
		})
	}
}

func TestOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	for name, opts := range kinds {
		path := saved(t, opts...)
		for range 3 {
			s, logs := watched(t, path, opts...)
			holds(t, s)
			must(t, s.Close())
			if logs.Len() != 0 {
				t.Errorf("%s: it warns of %v", name, logs.All())
			}
		}
		content, err := os.ReadFile(path)
		must(t, err)
		if sealed := !bytes.Contains(content, []byte("canary")); sealed != (name == "sealed") {
			t.Errorf("%s: encrypted is %v", name, sealed)
		}
		beside, err := filepath.Glob(path + "*")
		must(t, err)
		for _, each := range beside {
			if info, err := os.Stat(each); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %s has the mode %v, %v", name, each, info.Mode(), err)
			}
		}
		if len(beside) != 2 {
			t.Errorf("there are %q", beside)
		}
	}
}

// Failures: F158.
func TestOthersCannotRead(t *testing.T) {
	t.Parallel()
	path := saved(t)
	must(t, os.Chmod(path, 0o644))
	s, logs := watched(t, path)
	holds(t, s)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || logs.Len() != 1 {
		t.Errorf("mode %v, %v, %d warnings", info.Mode(), err, logs.Len())
	}
}

// TestKeysThatCannotBe: nothing is ever kept in plain text by mistake.
func TestKeysThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, key := range [][]byte{nil, {}, make([]byte, 1), make([]byte, 15)} {
		path := file(t)
		if _, err := filestore.Open(path, filestore.WithKey(key)); !errors.Is(err, filestore.ErrKey) {
			t.Errorf("a key of %d bytes: %v", len(key), err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a key of %d bytes: there is a file: %v", len(key), err)
		}
	}
	for _, length := range []int{16, 17, 32, 33, 1000} {
		key := bytes.Repeat([]byte("k"), length)
		path := saved(t, filestore.WithKey(key))
		s := open(t, path, filestore.WithKey(bytes.Clone(key)))
		holds(t, s)
		must(t, s.Close())
		key[length-1]++
		lost(t, open(t, path, filestore.WithKey(key)))
	}
}

// TestOtherKeys: what was stored under another key, or none, is not there; it is said so, and set aside.
// Failures: F105, F158.
func TestOtherKeys(t *testing.T) {
	t.Parallel()
	var none []filestore.Option
	sealed, other := []filestore.Option{filestore.WithKey(secret)}, []filestore.Option{filestore.WithKey([]byte("another key of many bytes"))}
	for _, pair := range [][2][]filestore.Option{{none, sealed}, {sealed, none}, {sealed, other}} {
		path := saved(t, pair[0]...)
		s, logs := watched(t, path, pair[1]...)
		lost(t, s)
		must(t, s.Close())
		if logs.Len() != 1 || !strings.Contains(logs.All()[0].Message, "key") {
			t.Errorf("warnings: %v", logs.All())
		}
		must(t, os.Rename(path+".otherkey", path))
		holds(t, open(t, path, pair[0]...))
	}
}

// TestFileOfALaterVersionIsLeftAsItIs.
func TestFileOfALaterVersionIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	path := saved(t)
	content, err := os.ReadFile(path)
	must(t, err)
	later := filestore.OfVersion(content, 2)
	must(t, os.WriteFile(path, later, 0o600))
	for range 2 {
		if s, err := filestore.Open(path); !errors.Is(err, filestore.ErrVersion) {
			t.Fatalf("%v, %v", s, err)
		}
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, later) {
		t.Errorf("it was changed, %v", err)
	}
}

// TestPathsThatCannotBe: each has an error that says what is wrong, and nothing is changed there.
func TestPathsThatCannotBe(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	text := filepath.Join(folder, "text")
	must(t, os.WriteFile(text, []byte("x"), 0o600), os.Mkdir(filepath.Join(folder, "locked"), 0o500))
	for path, want := range map[string]string{
		"": "needs the path", folder: "is a folder", filepath.Join(folder, "no", "bot.db"): "create it first", filepath.Join(text, "bot.db"): "not a directory",
		os.DevNull: "no regular file", filepath.Join(folder, "locked", "bot.db"): "its folder must allow",
	} {
		if strings.Contains(path, "locked") && os.Geteuid() == 0 {
			continue // who is root may all
		}
		if _, err := filestore.Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", path, err, want)
		}
	}
	if _, err := filestore.Open(file(t), nil); err == nil || !strings.Contains(err.Error(), "option 1 is nil") {
		t.Errorf("a nil option: %v", err)
	}
}

// TestLinkStaysALink, and the file is where it points to.
func TestLinkStaysALink(t *testing.T) {
	t.Parallel()
	path := saved(t)
	link := filepath.Join(t.TempDir(), "link.db")
	must(t, os.Symlink(path, link))
	s := open(t, link)
	holds(t, s)
	must(t, s.Close())
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	holds(t, open(t, path))
}

// TestClosedStoreGivesErrors, and nothing that could be taken for what is stored.
func TestClosedStoreGivesErrors(t *testing.T) {
	t.Parallel()
	s := open(t, saved(t))
	must(t, s.Close(), s.Close())
	_, load := s.Load(t.Context(), id)
	_, ledger := s.LoadLedger(t.Context())
	_, totals := s.Totals(t.Context())
	for i, err := range []error{load, ledger, totals, s.Save(t.Context(), sample), s.SaveLedger(t.Context(), spent), s.Delete(t.Context(), id)} {
		if !errors.Is(err, filestore.ErrClosed) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// TestFileStaysShort: however often is saved, it is written anew in time, and nothing is lost by that.
func TestFileStaysShort(t *testing.T) {
	t.Parallel()
	path := file(t)
	s := open(t, path, filestore.WithoutSync())
	must(t, s.Save(t.Context(), sample), s.SaveLedger(t.Context(), spent))
	batch := make([]session.Snapshot, 100)
	for i := range batch {
		batch[i] = sample
		batch[i].Shard = events.ShardID{Index: i, Total: 100}
	}
	largest := int64(0)
	for round := range 1000 {
		for i := range batch {
			batch[i].Seq = int64(round)
		}
		must(t, s.Save(t.Context(), batch...))
		info, err := os.Stat(path)
		must(t, err)
		largest = max(largest, info.Size())
	}
	holds(t, s)
	must(t, s.Close())
	s = open(t, path)
	holds(t, s)
	if got, err := s.Load(t.Context(), batch[7].Shard); err != nil || got.Seq != 999 || largest > 2<<20 {
		t.Errorf("%v, %v; the file had %d bytes", got, err, largest)
	}
}
