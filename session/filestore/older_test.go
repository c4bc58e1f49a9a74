package filestore_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/filestore"
)

// TestOlderCopyIsNotBelieved: the file is replaced by a copy of some saves before, and whoever was not there for these saves, or opens it then, goes on with that first.
// What one process has saved since counts in the end for all, and so does what the others saved. Those saves are of one length, so that frames of the two lie in the same places.
func TestOlderCopyIsNotBelieved(t *testing.T) {
	t.Parallel()
	shard := func(i int) events.ShardID { return events.ShardID{Index: i, Total: 9} }
	at := func(i int, seq int64) session.Snapshot {
		return session.Snapshot{Shard: shard(i), SessionID: fmt.Sprint("session-", i), Seq: seq, SavedAt: time.Unix(1_700_000_000+seq, 0).UTC()}
	}
	for _, how := range []string{"renamed over it", "written over it"} {
		for _, first := range []string{"nobody", "who is late", "the next process", "who is late, and writes it anew"} {
			for saves := range int64(8) {
				if first == "who is late, and writes it anew" && saves > 0 {
					break
				}
				what := fmt.Sprintf("%s, %s saves %d times first", how, first, saves)
				path := file(t)
				b, late := open(t, path, filestore.WithoutSync()), open(t, path, filestore.WithoutSync())
				must(t, b.Save(t.Context(), at(0, 10)), b.SaveLedger(t.Context(), ratelimit.LedgerState{Remaining: 900}))
				if _, err := late.Load(t.Context(), shard(0)); err != nil {
					t.Fatal(err)
				}
				must(t, b.Save(t.Context(), at(0, 11)))
				copied, err := os.ReadFile(path)
				must(t, err)
				must(t, b.SaveLedger(t.Context(), ratelimit.LedgerState{Remaining: 876}))
				for seq := int64(12); seq < 15; seq++ {
					must(t, b.Save(t.Context(), at(0, seq)), b.Save(t.Context(), at(1, seq)))
				}
				if how == "written over it" {
					overwrite(t, path, copied)
				} else {
					must(t, os.WriteFile(path+".copy", copied, 0o600), os.Rename(path+".copy", path))
				}
				who, stores := late, []*filestore.Store{b, late}
				if first == "the next process" {
					who = open(t, path, filestore.WithoutSync())
					stores = append(stores, who)
				}
				if got, err := late.Load(t.Context(), shard(0)); first != "nobody" && how == "renamed over it" && who == late && (err != nil || got != at(0, 14)) {
					t.Errorf("%s: it has the former file open, and does not look there: %v, %v", what, got, err)
				}
				if first != "nobody" {
					ledger, err := who.LoadLedger(t.Context())
					must(t, err, who.SaveLedger(t.Context(), ledger))
					for n := range saves {
						must(t, who.Save(t.Context(), at(2, 20+n)))
					}
				}
				if first == "who is late, and writes it anew" {
					large := at(3, 20)
					large.Presence = string(make([]byte, 400_000))
					for range 5 {
						must(t, who.Save(t.Context(), large))
					}
				}
				for round := range 2 {
					next := open(t, path, filestore.WithoutSync())
					for n, s := range append(stores, next) {
						for _, want := range []session.Snapshot{at(0, 14), at(1, 14), at(2, 19+saves)} {
							got, err := s.Load(t.Context(), want.Shard)
							if want.Shard == shard(2) && (saves == 0 || first == "nobody") {
								if !errors.Is(err, session.ErrNoSnapshot) {
									t.Errorf("%s: %d finds %v, %v", what, n, got, err)
								}
							} else if err != nil || got != want {
								t.Errorf("%s: round %d: %d finds %v at %d, not %d: %v", what, round, n, got.Shard, got.Seq, want.Seq, err)
							}
						}
						if ledger, err := s.LoadLedger(t.Context()); err != nil || ledger.Remaining > 876 {
							t.Errorf("%s: round %d: %d finds %+v, %v", what, round, n, ledger, err)
						}
					}
					must(t, next.Close())
				}
				for _, s := range stores {
					must(t, s.Close())
				}
			}
		}
	}
}
