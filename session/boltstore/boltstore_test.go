package boltstore_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
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
	"github.com/signalbox-go/signalbox/session/boltstore"
	"github.com/signalbox-go/signalbox/session/storetest"
)

var key = []byte("a key of more than sixteen bytes")

func open(t *testing.T, path string, opts ...boltstore.Option) *boltstore.Store {
	t.Helper()
	s, err := boltstore.Open(path, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // a test may have closed it
	return s
}

func file(t *testing.T) string { return filepath.Join(t.TempDir(), "bot.db") }

func TestSuite(t *testing.T) {
	t.Parallel()
	t.Run("plain", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) session.Store { return open(t, file(t)) })
	})
	t.Run("sealed", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) session.Store { return open(t, file(t), boltstore.WithKey(key)) })
	})
}

var (
	id     = events.ShardID{Index: 3, Total: 8}
	sample = session.Snapshot{
		Shard: id, SessionID: "canary-session", ResumeURL: "wss://canary-host.discord.gg", Seq: 77, Bot: 5, Exact: true, SavedAt: time.Unix(1_700_000_000, 5).UTC(),
	}
)

func TestOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]boltstore.Option{"plain": nil, "sealed": {boltstore.WithKey(key)}} {
		path := file(t)
		s := open(t, path, opts...)
		ledger := ratelimit.LedgerState{Remaining: 12, ResetAt: time.Unix(1_700_000_000, 0).UTC(), Written: map[ratelimit.Shard]time.Time{{Index: 3, Total: 8}: time.Unix(1_600_000_000, 0).UTC()}}
		if err := errors.Join(s.Save(t.Context(), sample), s.SaveLedger(t.Context(), ledger), s.Close()); err != nil {
			t.Fatal(err)
		}
		s = open(t, path, opts...)
		if got, err := s.Load(t.Context(), id); err != nil || got != sample {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		got, err := s.LoadLedger(t.Context())
		if err != nil || got.Remaining != 12 || !got.ResetAt.Equal(ledger.ResetAt) || !got.Written[ratelimit.Shard{Index: 3, Total: 8}].Equal(ledger.Written[ratelimit.Shard{Index: 3, Total: 8}]) {
			t.Errorf("%s: ledger %+v, %v", name, got, err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if sealed := !bytes.Contains(content, []byte("canary")); sealed != (opts != nil) {
			t.Errorf("%s: encrypted is %v", name, sealed)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
	}
}

func TestOneProcess(t *testing.T) {
	t.Parallel()
	path := file(t)
	s := open(t, path)
	if _, err := boltstore.Open(path); !errors.Is(err, boltstore.ErrLocked) {
		t.Errorf("a second Open: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

// Failures: F158.
func TestOthersCannotRead(t *testing.T) {
	t.Parallel()
	path := file(t)
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zapcore.WarnLevel)
	open(t, path, boltstore.WithLogger(zap.New(core)))
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || logs.Len() != 1 {
		t.Errorf("mode %v, %v, %d warnings", info.Mode(), err, logs.Len())
	}
}

func TestShortKeyIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := boltstore.Open(file(t), boltstore.WithKey([]byte("short"))); err == nil || !strings.Contains(err.Error(), "WithKey") {
		t.Errorf("Open: %v", err)
	}
	if _, err := boltstore.Open(filepath.Join(t.TempDir(), "no", "such", "folder")); err == nil {
		t.Error("a path that cannot be is opened")
	}
}

// TestOtherKeys: what was stored under another key, or none, is not there, and is said so.
// Failures: F105, F158.
func TestOtherKeys(t *testing.T) {
	t.Parallel()
	none, other := []boltstore.Option{}, []boltstore.Option{boltstore.WithKey([]byte("another key of many bytes"))}
	sealed := []boltstore.Option{boltstore.WithKey(key)}
	for _, pair := range [][2][]boltstore.Option{{none, sealed}, {sealed, none}, {sealed, other}} {
		path := file(t)
		s := open(t, path, pair[0]...)
		if err := errors.Join(s.Save(t.Context(), sample), s.Close()); err != nil {
			t.Fatal(err)
		}
		core, logs := observer.New(zapcore.WarnLevel)
		s = open(t, path, append(pair[1], boltstore.WithLogger(zap.New(core)))...)
		if got, err := s.Load(t.Context(), id); !errors.Is(err, session.ErrNoSnapshot) || logs.Len() != 1 {
			t.Errorf("%v, %v, %d warnings", got, err, logs.Len())
		}
	}
}

// TestDamage damages the file at every place, one byte at a time, and cuts it: it opens all the
// same, and gives back what was saved or nothing.
// Failures: F105, F158.
func TestDamage(t *testing.T) {
	t.Parallel()
	path := file(t)
	s := open(t, path)
	if err := errors.Join(s.Save(t.Context(), sample), s.Close()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 6))
	kept, moved, discarded := 0, 0, 0
	try := func(what string, content []byte) {
		path := file(t)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		core, logs := observer.New(zapcore.WarnLevel)
		s, err := boltstore.Open(path, boltstore.WithLogger(zap.New(core)))
		if err != nil {
			t.Errorf("%s: Open: %v", what, err)
			return
		}
		defer s.Close()
		got, err := s.Load(t.Context(), id)
		switch _, aside := os.Stat(path + ".corrupt"); {
		case err == nil && got != sample:
			t.Errorf("%s: loaded %v", what, got)
		case err == nil:
			kept++
		case !errors.Is(err, session.ErrNoSnapshot):
			t.Errorf("%s: Load: %v", what, err)
		case aside == nil:
			moved++
		default:
			discarded++
		}
		if err := s.Save(t.Context(), sample); err != nil {
			t.Errorf("%s: Save: %v", what, err)
		}
		for _, entry := range logs.All() {
			for _, field := range entry.Context {
				if strings.Contains(field.String, "canary") {
					t.Errorf("%s: a secret is logged: %v", what, field)
				}
			}
		}
	}
	place := bytes.Index(whole, []byte("canary-session"))
	for range 150 {
		content := bytes.Clone(whole)
		at := random.IntN(len(content))
		if random.IntN(2) == 0 {
			at = min(place-200+random.IntN(500), len(content)-1)
		}
		content[at] ^= byte(1 + random.IntN(255))
		try("a byte changed", content)
	}
	for range 40 {
		try("cut off", whole[:1+random.IntN(len(whole)-1)])
	}
	try("no database", []byte(strings.Repeat("this is a text\n", 5000)))
	try("empty", nil)
	t.Logf("kept %d, moved aside %d, record discarded %d", kept, moved, discarded)
	if kept == 0 || moved == 0 || discarded == 0 {
		t.Errorf("kept %d, moved aside %d, record discarded %d: each must come about", kept, moved, discarded)
	}
}
