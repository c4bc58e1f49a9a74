package filestore_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/boltstore" //lint:ignore SA1019 it is what is tested
	"github.com/signalbox-go/signalbox/session/filestore"
)

// boltRecord is a record as boltstore wrote it.
func boltRecord(t *testing.T, secret []byte, bucket, key string, body []byte) []byte {
	t.Helper()
	place := []byte(bucket + "\x00" + key)
	if secret == nil {
		sum := sha256.Sum256(slices.Concat(place, []byte{0}, body))
		return slices.Concat([]byte{1}, sum[:], body)
	}
	derived, err := hkdf.Key(sha256.New, secret, nil, "signalbox boltstore 1", 32)
	must(t, err)
	block, err := aes.NewCipher(derived)
	must(t, err)
	seal, err := cipher.NewGCM(block)
	must(t, err)
	nonce := make([]byte, seal.NonceSize())
	_, _ = rand.Read(nonce)
	return seal.Seal(append([]byte{2}, nonce...), nonce, body, place)
}

// oldFile is a file as boltstore wrote it.
func oldFile(t *testing.T, secret []byte, ledger any, all ...session.Snapshot) string {
	t.Helper()
	path := file(t)
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true, FreelistType: bbolt.FreelistMapType})
	must(t, err)
	put := func(bucket, key string, v any) {
		body, err := json.Marshal(v)
		must(t, err)
		must(t, db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte(bucket))
			must(t, err)
			return b.Put([]byte(key), boltRecord(t, secret, bucket, key, body))
		}))
	}
	put("ledger", "identifies", ledger)
	must(t, db.Batch(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte("sessions"))
		must(t, err)
		for _, snapshot := range all {
			key := fmt.Sprintf("%d/%d", snapshot.Shard.Index, snapshot.Shard.Total)
			body, err := json.Marshal(snapshot)
			must(t, err, b.Put([]byte(key), boltRecord(t, secret, "sessions", key, body)))
		}
		return nil
	}))
	must(t, db.Close())
	return path
}

func TestFileOfBoltstoreIsMigrated(t *testing.T) {
	t.Parallel()
	for name, key := range map[string][]byte{"plain": nil, "sealed": secret} {
		for _, many := range []int{0, 1, 100, 5000} {
			all := []session.Snapshot{sample}
			for index := range many {
				each := sample
				each.Shard = events.ShardID{Index: index, Total: 10_000}
				all = append(all, each)
			}
			path := oldFile(t, key, spent, all...)
			var opts []filestore.Option
			if key != nil {
				opts = append(opts, filestore.WithKey(key))
			}
			for range 2 {
				s, logs := watched(t, path, opts...)
				holds(t, s)
				for _, want := range all {
					if got, err := s.Load(t.Context(), want.Shard); err != nil || got != want {
						t.Fatalf("%s: %v, %v", name, got, err)
					}
				}
				must(t, s.Close())
				if logs.Len() > 0 {
					t.Errorf("%s: %v", name, logs.All())
				}
			}
			if content, err := os.ReadFile(path); err != nil || key != nil && bytes.Contains(content, []byte("canary")) {
				t.Errorf("%s: in plain text, %v", name, err)
			}
		}
	}
}

// TestNewestOfBoltstoreCounts, whichever of both heads it was written to: they take turns.
func TestNewestOfBoltstoreCounts(t *testing.T) {
	t.Parallel()
	path := oldFile(t, nil, spent, sample)
	for seq := sample.Seq + 1; seq < sample.Seq+5; seq++ {
		newest := sample
		newest.Seq = seq
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true, FreelistType: bbolt.FreelistMapType})
		must(t, err)
		key := fmt.Sprintf("%d/%d", sample.Shard.Index, sample.Shard.Total)
		body, err := json.Marshal(newest)
		must(t, err, db.Update(func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("sessions")).Put([]byte(key), boltRecord(t, nil, "sessions", key, body))
		}), db.Close())
		content, err := os.ReadFile(path)
		must(t, err)
		copied := file(t)
		must(t, os.WriteFile(copied, content, 0o600))
		if got, err := open(t, copied).Load(t.Context(), sample.Shard); err != nil || got.Seq != seq {
			t.Errorf("%d, want %d: %v", got.Seq, seq, err)
		}
	}
}

// TestBoltstoreOpensTheSame: the former door leads to the same file.
func TestBoltstoreOpensTheSame(t *testing.T) {
	t.Parallel()
	path := oldFile(t, secret, spent, sample)
	//lint:ignore SA1019 it is what is tested
	s, err := boltstore.Open(path, boltstore.WithKey(secret), boltstore.WithLogger(nil))
	must(t, err)
	holds(t, s)
	note(t, s, "a note")
	must(t, s.Close())
	again := open(t, path, filestore.WithKey(secret))
	has(t, "filestore", again, "a note")
	holds(t, again)
}

// TestLedgerOfAnOlderVersionIsRead: it was keyed by the index of a shard, and did not count a day.
func TestLedgerOfAnOlderVersionIsRead(t *testing.T) {
	t.Parallel()
	path := oldFile(t, nil, json.RawMessage(`{"Remaining":12,"ResetAt":"2023-11-14T22:13:20Z","Written":{"17":"2020-09-13T12:26:40Z","3":"2020-09-13T12:26:41Z"}}`))
	got, err := open(t, path).LoadLedger(t.Context())
	if err != nil || got.Remaining != 12 || !got.ResetAt.Equal(time.Unix(1_700_000_000, 0)) || len(got.Written) != 2 ||
		!got.Written[ratelimit.Shard{Index: 17}].Equal(time.Unix(1_600_000_000, 0)) || !got.Written[ratelimit.Shard{Index: 3}].Equal(time.Unix(1_600_000_001, 0)) {
		t.Fatalf("%+v, %v", got, err)
	}
}

// TestFileOfBoltstoreThatIsInUse belongs to a process of the version before.
func TestFileOfBoltstoreThatIsInUse(t *testing.T) {
	t.Parallel()
	path := oldFile(t, nil, spent, sample)
	db, err := bbolt.Open(path, 0o600, nil)
	must(t, err)
	//lint:ignore SA1019 it is what is tested
	if _, err := boltstore.Open(path); !errors.Is(err, boltstore.ErrLocked) {
		t.Errorf("%v", err)
	}
	must(t, db.Close())
	s := open(t, path)
	holds(t, s)
	if _, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Millisecond}); err == nil {
		t.Error("the version before opens it as well")
	}
}

// TestFileOfBoltstoreUnderAnotherKeyIsSetAside.
func TestFileOfBoltstoreUnderAnotherKeyIsSetAside(t *testing.T) {
	t.Parallel()
	for _, key := range [][]byte{nil, []byte("another key of many bytes")} {
		path := oldFile(t, key, spent, sample)
		s, logs := watched(t, path, filestore.WithKey(secret))
		lost(t, s)
		if _, err := os.Stat(path + ".corrupt"); err != nil || logs.Len() != 1 {
			t.Errorf("%v, %v", err, logs.All())
		}
	}
}

// TestLedgerOfBoltstoreThatCannotBeRead: the sessions are kept, and each key counts as just used.
func TestLedgerOfBoltstoreThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s, logs := watched(t, oldFile(t, nil, json.RawMessage(`{"Remaining":"s3cret"}`), sample))
	if got, err := s.Load(t.Context(), id); err != nil || got != sample {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := s.LoadLedger(t.Context()); err != nil || time.Since(got.Lost) > time.Minute || got.Remaining != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if logs.Len() != 1 || fmt.Sprint(logs.All()[0].ContextMap()["records_lost"], logs.All()[0].ContextMap()["sessions_kept"]) != "1 1" {
		t.Errorf("warnings: %v", logs.All())
	}
}

// TestDamagedFileOfBoltstore: it ends no process, and gives back what was saved, or nothing and a word about it. bbolt itself would crash on some of these.
// Failures: F105, F158.
func TestDamagedFileOfBoltstore(t *testing.T) {
	t.Parallel()
	h := history{}
	path := oldFile(t, nil, spent, snapshots(1)...)
	whole, err := os.ReadFile(path)
	must(t, err)
	kept, said := 0, 0
	for n := range *damageFiles {
		random := mathrand.New(mathrand.NewPCG(*damageSeed, uint64(n)))
		how, content := h.harm(random, whole)
		path := file(t)
		must(t, os.WriteFile(path, content, 0o600))
		s, logs := watched(t, path)
		missing := h.loaded(t, s, how, 1)
		state, err := s.LoadLedger(t.Context())
		must(t, err)
		switch intact := missing == 0 && state.Remaining == spent.Remaining && state.Lost.IsZero(); {
		case intact && logs.Len() == 0:
			kept++
		case logs.Len() == 1 && time.Since(state.Lost) < time.Minute:
			said++
		default:
			t.Errorf("%d: %s: %d missing, ledger %+v, warnings %v", n, how, missing, state, logs.All())
		}
		must(t, s.Save(t.Context(), snapshots(2)...), s.Close())
		if missing := h.loaded(t, open(t, path), how, 2); missing > 0 {
			t.Errorf("%s: %d are missing of those that were saved since", how, missing)
		}
	}
	t.Logf("%d files: %d as they were, %d not, and said so", *damageFiles, kept, said)
	if kept == 0 || said == 0 {
		t.Error("both must come about")
	}
}
