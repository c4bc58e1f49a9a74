//go:build unix

package filestore_test

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/filestore"
)

// BenchmarkSave10000 saves 10,000 shards, as a large bot does each second. %core is what that costs of a core then.
func BenchmarkSave10000(b *testing.B) {
	for name, opts := range kinds {
		b.Run(name, func(b *testing.B) {
			s, err := filestore.Open(filepath.Join(b.TempDir(), "bot.db"), opts...)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			all := make([]session.Snapshot, 10_000)
			for index := range all {
				all[index] = session.Snapshot{
					Shard: events.ShardID{Index: index, Total: len(all)}, SessionID: "2f6a1c9e7d3b4a58910c6e2f7b8d4a13", ResumeURL: "wss://gateway-us-east1-b.discord.gg",
					Bot: 1 << 60, SavedAt: time.Now(), Fence: 3, Guilds: 2400, EventRate: 31.5, Presence: `{"since":null,"activities":[{"name":"with bits","type":0}],"status":"online","afk":false}`,
				}
			}
			began := cpu()
			rounds := 0
			for b.Loop() {
				rounds++
				for i := range all {
					all[i].Seq += 31
				}
				if err := s.Save(b.Context(), all...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(100*(cpu()-began).Seconds()/float64(rounds), "%core")
		})
	}
}

// cpu is what this process has used so far, also in the kernel.
func cpu() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		panic(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
