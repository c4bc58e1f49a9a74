package boltstore_test

import (
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session/boltstore"
)

// TestLedgerOfAnOlderVersionIsRead: it was keyed by the index of a shard, and did not count a day.
func TestLedgerOfAnOlderVersionIsRead(t *testing.T) {
	t.Parallel()
	const body = `{"Remaining":12,"ResetAt":"2023-11-14T22:13:20Z","Written":{"17":"2020-09-13T12:26:40Z","3":"2020-09-13T12:26:41Z"}}`
	path := saved(t)
	inside(t, path, func(_, ledger *bbolt.Bucket) error {
		sum := sha256.Sum256([]byte("ledger\x00identifies\x00" + body))
		return ledger.Put([]byte("identifies"), slices.Concat([]byte{1}, sum[:], []byte(body)))
	})
	s := open(t, path)
	got, err := s.LoadLedger(t.Context())
	if err != nil || got.Remaining != 12 || !got.ResetAt.Equal(time.Unix(1_700_000_000, 0)) || len(got.Written) != 2 ||
		!got.Written[ratelimit.Shard{Index: 17}].Equal(time.Unix(1_600_000_000, 0)) || !got.Written[ratelimit.Shard{Index: 3}].Equal(time.Unix(1_600_000_001, 0)) {
		t.Fatalf("%+v, %v", got, err)
	}
	if err = s.SaveLedger(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	again, err := s.LoadLedger(t.Context())
	if err != nil || len(again.Written) != 2 || !again.Written[ratelimit.Shard{Index: 17}].Equal(time.Unix(1_600_000_000, 0)) {
		t.Errorf("written anew: %+v, %v", again, err)
	}
	var _ ratelimit.Ledger = (*boltstore.Store)(nil)
	if err = s.Close(); err != nil {
		t.Error(err)
	}
}
