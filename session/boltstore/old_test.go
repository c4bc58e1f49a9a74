package boltstore_test

import (
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
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

// TestSessionOfAnOlderVersionIsRead: it knew no terms, no presence and no fence. It is resumed, and saved in the form of now.
func TestSessionOfAnOlderVersionIsRead(t *testing.T) {
	t.Parallel()
	const body = `{"Shard":[3,8],"SessionID":"abc","ResumeURL":"wss://x.discord.gg","Seq":42,"Exact":true,"Bot":"4242","SavedAt":"2026-11-24T01:02:03.000456789Z"}`
	want := session.Snapshot{
		Shard: id, SessionID: "abc", ResumeURL: "wss://x.discord.gg", Seq: 42, Exact: true, Bot: 4242, SavedAt: time.Date(2026, 11, 24, 1, 2, 3, 456789, time.UTC),
	}
	path := saved(t)
	inside(t, path, func(sessions, _ *bbolt.Bucket) error {
		sum := sha256.Sum256([]byte("sessions\x003/8\x00" + body))
		return sessions.Put([]byte("3/8"), slices.Concat([]byte{1}, sum[:], []byte(body)))
	})
	s := open(t, path)
	if got, err := s.Load(t.Context(), id); err != nil || got != want {
		t.Fatalf("%v, %v", got, err)
	}
	want.Terms, want.Fence = session.Terms{Known: true, Intents: 513, LargeThreshold: 50}, 1
	if err := s.Save(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Load(t.Context(), id); err != nil || got != want {
		t.Errorf("written anew: %v, %v", got, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
