//go:build unix

package main

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// asBot has this test's program be the bot.
const asBot = "DEPLOY_TEST_IS_THE_BOT"

func TestMain(m *testing.M) {
	if os.Getenv(asBot) != "" {
		main() // which exits
	}
	os.Exit(m.Run())
}

// TestProcesses: real processes one after another, as a service manager runs them, while messages keep coming. Each says when it is ready and when it ends, ends in its time
// after SIGTERM, and leaves its sessions to the next: after the first start no Identify is spent, and each message is handled once; after a SIGKILL again, but then it
// says so.
func TestProcesses(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	path := filepath.Join(state, "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	read := make(chan struct{})
	go func() {
		defer close(read)
		for data := make([]byte, 100); ; {
			n, err := systemd.Read(data)
			if err != nil {
				return
			}
			said = append(said, string(data[:n]))
		}
	}()
	var out strings.Builder
	s := story{out: &out, state: state, shards: 16, rate: 50, between: 1500 * time.Millisecond, env: []string{asBot + "=1", "NOTIFY_SOCKET=" + path}}
	if err := s.tell(restarts, crashes, follows, oldDies, newDies, restarts); err != nil {
		t.Error(err)
	}
	t.Log(out.String())
	_ = systemd.Close()
	<-read
	slices.Sort(said) // one process ends while the other becomes ready
	want := slices.Concat(slices.Repeat([]string{isEnding}, 4), slices.Repeat([]string{isReady}, 6))
	if slices.Sort(want); !slices.Equal(said, want) {
		t.Errorf("systemd was told %q, want %q", said, want)
	}
}
