//go:build unix

// Package store compares what could be beneath the session store: see docs/adr/0012-store-engine.md.
package store

import (
	"database/sql"
	"encoding/json"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	_ "modernc.org/sqlite"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/filestore"
)

const shards = 10_000

func must(b *testing.B, err error) {
	if err != nil {
		b.Helper()
		b.Fatal(err)
	}
}

// engines save all snapshots, and return when they are safe from a power failure or, unsynced, from the death of the process.
var engines = []struct {
	name string
	open func(b *testing.B, path string) (save func([]session.Snapshot))
}{
	{"filestore", func(b *testing.B, path string) func([]session.Snapshot) { return ours(b, path) }},
	{"filestore-unsynced", func(b *testing.B, path string) func([]session.Snapshot) {
		return ours(b, path, filestore.WithoutSync())
	}},
	{"sqlite", func(b *testing.B, path string) func([]session.Snapshot) { return sqlite(b, path, "FULL") }},
	{"sqlite-unsynced", func(b *testing.B, path string) func([]session.Snapshot) { return sqlite(b, path, "OFF") }},
	{"bbolt", bolt},
}

func ours(b *testing.B, path string, opts ...filestore.Option) func([]session.Snapshot) {
	s, err := filestore.Open(path, opts...)
	must(b, err)
	b.Cleanup(func() { must(b, s.Close()) })
	return func(all []session.Snapshot) { must(b, s.Save(b.Context(), all...)) }
}

func sqlite(b *testing.B, path, synchronous string) func([]session.Snapshot) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(3000)&_pragma=synchronous("+synchronous+")")
	must(b, err)
	b.Cleanup(func() { must(b, db.Close()) })
	_, err = db.Exec("create table sessions (shard integer, total integer, fence integer, body blob, primary key (shard, total)) without rowid")
	must(b, err)
	return func(all []session.Snapshot) {
		tx, err := db.Begin()
		must(b, err)
		put, err := tx.Prepare("insert into sessions values (?, ?, ?, ?) on conflict do update set fence = excluded.fence, body = excluded.body where excluded.fence >= fence")
		must(b, err)
		for _, snapshot := range all {
			body, err := json.Marshal(snapshot)
			must(b, err)
			_, err = put.Exec(snapshot.Shard.Index, snapshot.Shard.Total, int64(snapshot.Fence), body)
			must(b, err)
		}
		must(b, tx.Commit())
	}
}

func bolt(b *testing.B, path string) func([]session.Snapshot) {
	db, err := bbolt.Open(path, 0o600, nil)
	must(b, err)
	b.Cleanup(func() { must(b, db.Close()) })
	return func(all []session.Snapshot) {
		must(b, db.Update(func(tx *bbolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("sessions"))
			must(b, err)
			for _, snapshot := range all {
				body, err := json.Marshal(snapshot)
				must(b, err)
				must(b, bucket.Put([]byte{byte(snapshot.Shard.Index >> 8), byte(snapshot.Shard.Index)}, body))
			}
			return nil
		}))
	}
}

// BenchmarkSave10000 saves 10,000 shards. %core is what it costs of a core to do so each second.
func BenchmarkSave10000(b *testing.B) {
	for _, engine := range engines {
		b.Run(engine.name, func(b *testing.B) {
			save := engine.open(b, filepath.Join(b.TempDir(), "bot.db"))
			all := make([]session.Snapshot, shards)
			for index := range all {
				all[index] = session.Snapshot{
					Shard: events.ShardID{Index: index, Total: shards}, SessionID: "2f6a1c9e7d3b4a58910c6e2f7b8d4a13", ResumeURL: "wss://gateway-us-east1-b.discord.gg",
					Bot: 1 << 60, SavedAt: time.Now(),
				}
			}
			began, rounds := cpu(b), 0
			for b.Loop() {
				rounds++
				for i := range all {
					all[i].Seq += 31
				}
				save(all)
			}
			b.ReportMetric(100*(cpu(b)-began).Seconds()/float64(rounds), "%core")
		})
	}
}

// cpu is what this process has used so far, also in the kernel.
func cpu(b *testing.B) time.Duration {
	var use syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &use))
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
