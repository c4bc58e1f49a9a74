package boltstore_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/boltstore"
)

var spent = ratelimit.LedgerState{Remaining: 12, ResetAt: time.Unix(1_700_000_000, 0).UTC(), Written: map[ratelimit.Shard]time.Time{{Index: 3, Total: 8}: time.Unix(1_600_000_000, 0).UTC()}}

// saved is a file with the sample and what was spent.
func saved(t *testing.T, opts ...boltstore.Option) string {
	t.Helper()
	path := file(t)
	s := open(t, path, opts...)
	if err := errors.Join(s.Save(t.Context(), sample), s.SaveLedger(t.Context(), spent), s.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// inside reads or changes a file as a database.
func inside(t *testing.T, path string, f func(sessions, ledger *bbolt.Bucket) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return f(tx.Bucket([]byte("sessions")), tx.Bucket([]byte("ledger"))) })
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// records are those of a file: of the sample, and of what was spent.
func records(t *testing.T, path string) (ofSession, ofLedger []byte) {
	inside(t, path, func(sessions, ledger *bbolt.Bucket) error {
		ofSession, ofLedger = bytes.Clone(sessions.Get([]byte("3/8"))), bytes.Clone(ledger.Get([]byte("identifies")))
		return nil
	})
	if len(ofSession) == 0 || len(ofLedger) == 0 {
		t.Fatal("no record")
	}
	return ofSession, ofLedger
}

// nothing requires that neither of the two can be read, and that both are said to be discarded.
func nothing(t *testing.T, what, path string, opts ...boltstore.Option) {
	t.Helper()
	core, logs := observer.New(zapcore.WarnLevel)
	s := open(t, path, append(opts, boltstore.WithLogger(zap.New(core)))...)
	if got, err := s.Load(t.Context(), id); !errors.Is(err, session.ErrNoSnapshot) || got != (session.Snapshot{}) {
		t.Errorf("%s: %+v, %v", what, got, err)
	}
	if got, err := s.LoadLedger(t.Context()); err != nil || got.Remaining != 0 || !got.ResetAt.IsZero() || got.Written != nil {
		t.Errorf("%s: ledger %+v, %v", what, got, err)
	}
	if n := logs.FilterMessageSnippet("discarded").Len(); n != 2 {
		t.Errorf("%s: %d records are said to be discarded", what, n)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestDamagedRecordsAreNotThere damages every byte of a record, and cuts it behind every byte, with a key and without one.
func TestDamagedRecordsAreNotThere(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]boltstore.Option{"plain": nil, "sealed": {boltstore.WithKey(key)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := saved(t, opts...)
			ofSession, ofLedger := records(t, path)
			put := func(what string, damage func([]byte) []byte) {
				inside(t, path, func(sessions, ledger *bbolt.Bucket) error {
					return errors.Join(sessions.Put([]byte("3/8"), damage(bytes.Clone(ofSession))), ledger.Put([]byte("identifies"), damage(bytes.Clone(ofLedger))))
				})
				nothing(t, what, path, opts...)
			}
			for at := range min(len(ofSession), len(ofLedger)) {
				if at > 60 && at%7 != 0 {
					continue
				}
				put(fmt.Sprintf("byte %d changed", at), func(b []byte) []byte {
					b[at] ^= 1 << (at % 8)
					return b
				})
				if at > 0 {
					put(fmt.Sprintf("cut behind %d bytes", at), func(b []byte) []byte { return b[:at] })
				}
			}
			put("the last byte is missing", func(b []byte) []byte { return b[:len(b)-1] })
			put("the last byte changed", func(b []byte) []byte { b[len(b)-1] ^= 0x80; return b })
			put("a byte more", func(b []byte) []byte { return append(b, 0) })
			put("of a later version", func(b []byte) []byte { b[0] = 3; return b })
		})
	}
}

// TestRecordsOfOthersAreNotThere: one that stands in another's place, whole as it is.
func TestRecordsOfOthersAreNotThere(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]boltstore.Option{"plain": nil, "sealed": {boltstore.WithKey(key)}} {
		path := saved(t, opts...)
		inside(t, path, func(sessions, ledger *bbolt.Bucket) error {
			ofSession, ofLedger := bytes.Clone(sessions.Get([]byte("3/8"))), bytes.Clone(ledger.Get([]byte("identifies")))
			return errors.Join(sessions.Put([]byte("4/8"), ofSession), sessions.Put([]byte("3/8"), ofLedger), ledger.Put([]byte("identifies"), ofSession))
		})
		nothing(t, name, path, opts...)
		s := open(t, path, opts...)
		if got, err := s.Load(t.Context(), events.ShardID{Index: 4, Total: 8}); !errors.Is(err, session.ErrNoSnapshot) || got != (session.Snapshot{}) {
			t.Errorf("%s: another shard's: %+v, %v", name, got, err)
		}
	}
}

// TestRecordsOfWrongTypesAreNotThere: with a checksum that is right, as another version might write it; and nothing of one is kept of which
// a part can be read.
func TestRecordsOfWrongTypesAreNotThere(t *testing.T) {
	t.Parallel()
	record := func(bucket, key, body string) []byte {
		sum := sha256.Sum256([]byte(bucket + "\x00" + key + "\x00" + body))
		return slices.Concat([]byte{1}, sum[:], []byte(body))
	}
	path := saved(t)
	if ofSession, _ := records(t, path); !bytes.Equal(ofSession, record("sessions", "3/8", string(ofSession[33:]))) {
		t.Fatal("this is not how a record is written")
	}
	const rest = `"SessionID":"s","Seq":7`
	for _, bodies := range [][2]string{
		{"", ""}, {"{", "{"}, {"[]", "[]"}, {"7", "7"}, {`"text"`, `"text"`}, {`{"Seq":7} x`, `{"Remaining":7} x`},
		{`{"Shard":[3,8],` + rest + `,"SavedAt":5}`, `{"Remaining":7,"ResetAt":5}`},
		{`{"Shard":[3,8],"SessionID":{},"Seq":7}`, `{"Remaining":7,"Written":[]}`},
		{`{"Shard":[3,8],"SessionID":"s","Seq":"7"}`, `{"ResetAt":"2026-11-26T00:00:00Z","Written":{"3":"2026-11-26T00:00:00Z"},"Remaining":"7"}`},
		{`{"Shard":[3,8],"SessionID":"s","Seq":1.5}`, `{"Remaining":7,"Written":{"x":"2026-11-26T00:00:00Z"}}`},
		{`{"Shard":"3/8",` + rest + `}`, `{"Remaining":1e40}`},
	} {
		inside(t, path, func(sessions, ledger *bbolt.Bucket) error {
			return errors.Join(sessions.Put([]byte("3/8"), record("sessions", "3/8", bodies[0])), ledger.Put([]byte("identifies"), record("ledger", "identifies", bodies[1])))
		})
		nothing(t, bodies[0], path)
	}
	// And one that can be read, but says that it is another shard's.
	for _, body := range []string{`null`, `{}`, `{` + rest + `}`, `{"Shard":[2,8],` + rest + `}`, `{"Shard":[3,16],` + rest + `}`} {
		inside(t, path, func(sessions, _ *bbolt.Bucket) error {
			return sessions.Put([]byte("3/8"), record("sessions", "3/8", body))
		})
		s := open(t, path)
		if got, err := s.Load(t.Context(), id); !errors.Is(err, session.ErrNoSnapshot) || got != (session.Snapshot{}) {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKeysOfSixteenBytesAndMore: each of the lengths can be used, and each byte counts.
func TestKeysOfSixteenBytesAndMore(t *testing.T) {
	t.Parallel()
	for _, length := range []int{0, 1, 8, 15} {
		if s, err := boltstore.Open(file(t), boltstore.WithKey(make([]byte, length))); err == nil {
			t.Errorf("a key of %d bytes is taken", length)
			_ = s.Close()
		}
	}
	for _, length := range []int{16, 17, 24, 31, 32, 33, 64, 1000} {
		key := bytes.Repeat([]byte("k"), length)
		path := saved(t, boltstore.WithKey(key))
		s := open(t, path, boltstore.WithKey(bytes.Clone(key)))
		if got, err := s.Load(t.Context(), id); err != nil || got != sample {
			t.Errorf("%d bytes: %v, %v", length, got, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		other := bytes.Clone(key)
		other[length-1]++
		nothing(t, fmt.Sprintf("another key of %d bytes", length), path, boltstore.WithKey(other))
		nothing(t, fmt.Sprintf("a byte more than %d", length), path, boltstore.WithKey(append(key, 'k')))
	}
}

// TestClosedStoreGivesErrors, and nothing that could be taken for what is stored.
func TestClosedStoreGivesErrors(t *testing.T) {
	t.Parallel()
	s := open(t, saved(t))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Load(t.Context(), id); err == nil || errors.Is(err, session.ErrNoSnapshot) {
		t.Errorf("Load: %v, %v", got, err)
	}
	if got, err := s.LoadLedger(t.Context()); err == nil {
		t.Errorf("LoadLedger: %v", got)
	}
	if s.Save(t.Context(), sample) == nil || s.SaveLedger(t.Context(), spent) == nil || s.Delete(t.Context(), id) == nil {
		t.Error("something was written")
	}
}

// TestFileThatIsDamagedWhileItIsOpenGivesErrors: what the database panics on when it is read ends no process, and is no success.
func TestFileThatIsDamagedWhileItIsOpenGivesErrors(t *testing.T) {
	t.Parallel()
	path := saved(t)
	s := open(t, path)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size := os.Getpagesize()
	for at := 2 * size; at < len(content); at += size { // behind the two that say where all begins
		copy(content[at+8:], []byte{0, 0}) // a page of no kind
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(content, 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Load(t.Context(), id); err == nil || errors.Is(err, session.ErrNoSnapshot) {
		t.Errorf("Load: %v, %v", got, err)
	}
	if got, err := s.LoadLedger(t.Context()); err == nil {
		t.Errorf("LoadLedger: %v", got)
	}
}
